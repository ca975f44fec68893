# SPDX-License-Identifier: GPL-3.0-or-later
"""In a fresh process: install and enable the zip, reconstruct by the operator, disable; print what was seen as JSON.

python zip_session.py ZIP CLIP        with BLENDER_USER_RESOURCES set to an empty folder
"""

import json
import sys

import bpy

NAME = "bl_ext.user_default.microface"


def leftovers() -> list[str]:
    """Everything of ours that Blender knows now."""
    names = [name for name in dir(bpy.types) if name.startswith("MICROFACE_")]
    names += [kind.__name__ for kind in (bpy.types.Scene, bpy.types.WindowManager) if hasattr(kind, "microface")]
    return names + [name for name in sys.modules if name.startswith(NAME)]


def ours() -> list[str]:
    """Classes and properties of ours, and what waits for Blender's own events, whosesoever it is."""
    handlers = (name for name in dir(bpy.app.handlers) if isinstance(getattr(bpy.app.handlers, name), list))
    waiting = [f"{name} {len(getattr(bpy.app.handlers, name))}" for name in handlers]
    return [name for name in leftovers() if not name.startswith(NAME)] + waiting


def look() -> dict[str, object]:
    """What the reconstruction left in the scene."""
    scene, job = bpy.context.scene, bpy.context.window_manager.microface
    head = next(thing for thing in bpy.data.objects if thing.type == "MESH" and thing.data.shape_keys)
    keys = head.data.shape_keys
    action = keys.animation_data.action
    curves = [
        curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags for curve in bag.fcurves
    ]
    return {
        "take": job.take,
        "vertices": len(head.data.vertices),
        "keys": len(keys.key_blocks),
        "slots": sorted(slot.target_id_type for slot in action.slots),
        "longest_curve": max(len(curve.keyframe_points) for curve in curves),
        "camera": scene.camera.name if scene.camera else "",
        "fps": scene.render.fps / scene.render.fps_base,
    }


def main(archive: str, clip: str) -> dict[str, object]:
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=False)
    bpy.ops.preferences.addon_enable(module=NAME)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    bpy.context.scene.microface.source = clip
    outcome = bpy.ops.microface.reconstruct()
    seen = {"outcome": sorted(outcome), **look(), "before": ours()}
    bpy.ops.extensions.package_install_files(
        filepath=archive, repo="user_default", enable_on_install=True
    )  # an upgrade
    seen |= {"after": ours(), "source": bpy.context.scene.microface.source}
    bpy.ops.preferences.addon_disable(module=NAME)
    modules = [name for name in leftovers() if not name.startswith(NAME)]
    return {**seen, "leftovers": modules}


if __name__ == "__main__":
    print("SEEN " + json.dumps(main(*sys.argv[1:3])), flush=True)
