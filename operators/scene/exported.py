# SPDX-License-Identifier: GPL-3.0-or-later
"""A character that moves, as glTF or FBX, by Blender's own exporters.

They sample the scene's whole frames: whatever moves a mesh (keys, bones, drivers, strips) is in the file as it plays.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy

from ...backend.errors import MicrofaceError

Exporter = Callable[[str], set[str]]  # path -> the operator's outcome


def export_selected(part: Path, suffix: str, path: Path) -> None:
    """Write the selected objects.

    Args:
        part: where to.
        suffix: of `EXPORTERS`, as exporters add what is missing.
        path: what the user calls the file.

    Raises:
        MicrofaceError: ``not_exported``.
    """
    made = part.with_suffix(suffix)
    try:
        outcome, reason = EXPORTERS[suffix](str(made)), "Blender gave no reason"
    except (RuntimeError, AttributeError) as error:  # AttributeError: the exporter's add-on is not enabled
        outcome, reason = {"CANCELLED"}, str(error).strip().splitlines()[-1]
    if outcome != {"FINISHED"} or not made.is_file():
        made.unlink(missing_ok=True)
        text = f"{path} was not exported: {reason.rstrip('.')}."
        raise MicrofaceError("not_exported", text, "Enable Blender's exporter of this format, and try again.")
    made.replace(part)


def _gltf(path: str) -> set[str]:
    # The exporter multiplies by fps_base where it should divide (4.5 to 5.2): lend it the inverse.
    render = bpy.context.scene.render
    base = render.fps_base
    render.fps_base = 1 / base
    try:
        return bpy.ops.export_scene.gltf(
            filepath=path, export_format="GLB", use_selection=True, export_animation_mode="SCENE",
            export_anim_scene_split_object=False, export_force_sampling=True, export_bake_animation=True,
            export_optimize_animation_size=False, export_morph_animation=True, export_all_influences=True,
        )  # fmt: skip
    finally:
        render.fps_base = base


def _fbx(path: str) -> set[str]:
    return bpy.ops.export_scene.fbx(
        filepath=path, use_selection=True, add_leaf_bones=False, bake_anim=True, bake_anim_use_all_actions=False,
        bake_anim_use_nla_strips=False, bake_anim_simplify_factor=0.0,
    )  # fmt: skip


EXPORTERS: dict[str, Exporter] = {".glb": _gltf, ".fbx": _fbx}
