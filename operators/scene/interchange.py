# SPDX-License-Identifier: GPL-3.0-or-later
"""The animated head as glTF, FBX, Alembic or USD, by Blender's own exporters.

They sample whole frames of the scene. So the scene is lent the clock of the keys (`clock.py`), the keys are laid on its
frames in a copy of the action, and everything is given back, also when an exporter fails. Frame 1 is the footage's time
0, as in the scene; a file's own time is the frame over the rate. Strength is baked into the keys (`baked.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.atomic import whole_file
from ...backend.errors import MicrofaceError
from .baked import plain, shown, write_shown
from .clock import Clock, sampling_clock
from .rate import frame_to_seconds, seconds_to_frame
from .rate import rate as scene_rate

Array = NDArray[np.float64]
Exporter = Callable[[str, Clock, str], set[str]]  # path, clock, name of the animation -> the operator's outcome


@dataclass(frozen=True)
class Head:
    """What is exported."""

    mesh: bpy.types.Object
    rig: bpy.types.Object


def find_head(context: bpy.types.Context) -> Head | None:
    """The head of the active object's collection, else the first of the scene; None when there is none."""
    active = context.view_layer.objects.active
    own = [] if active is None else list(active.users_collection)
    for collection in (*own, *context.scene.collection.children_recursive):
        head = head_of(collection)
        if head:
            return head
    return None


def head_of(collection: bpy.types.Collection) -> Head | None:
    """Mesh with animated shape keys, and the armature it hangs on."""
    for mesh in collection.objects:
        keys = mesh.data.shape_keys if mesh.type == "MESH" else None
        rig = mesh.parent
        if keys and keys.animation_data and keys.animation_data.action and rig and rig.type == "ARMATURE":
            return Head(mesh, rig)
    return None


def write_animation(context: bpy.types.Context, head: Head, path: Path) -> Clock:
    """Write the head; the suffix says the format.

    Returns:
        The clock of the file.

    Raises:
        MicrofaceError: ``unknown_format``, ``no_keys``, ``too_strong``, ``not_exported``, or as `atomic.whole_file`.
    """
    exporter = EXPORTERS.get(path.suffix.lower())
    if exporter is None:
        text = f"{path} is none of {', '.join(EXPORTERS)}."
        raise MicrofaceError("unknown_format", text, "Choose one of these endings.")
    scene, name = context.scene, _animated(head)[0].action.name
    times = frame_to_seconds(_key_frames(head), scene_rate(scene))
    clock = sampling_clock(times)
    first, last = np.round(clock.frames(times[[0, -1]]))
    frames = np.arange(first, last + 1)
    strong = shown(scene, head.mesh, head.rig, seconds_to_frame(clock.seconds(frames), scene_rate(scene)))
    with whole_file(path) as part, ExitStack() as undo:
        made = part.with_suffix(path.suffix.lower())  # exporters add what is missing
        undo.callback(_remove, made)
        undo.enter_context(_selected(context, head))
        undo.enter_context(plain(head.mesh, head.rig, strong))
        undo.enter_context(_retimed(head, scene, clock))
        write_shown(head.mesh, head.rig, strong, frames)
        undo.enter_context(_lent(scene, clock, times))
        _run(exporter, made, clock, name, path)
        made.replace(part)
    return clock


def _remove(made: Path) -> None:
    with suppress(OSError):  # as in atomic.py: the first error is the one to tell
        made.unlink(missing_ok=True)


def _run(exporter: Exporter, made: Path, clock: Clock, name: str, path: Path) -> None:
    """An exporter tells of a failure by RuntimeError, by CANCELLED, or by no file."""
    try:
        outcome, reason = exporter(str(made), clock, name), "Blender gave no reason"
    except (RuntimeError, AttributeError) as error:  # AttributeError: the exporter's add-on is not enabled
        outcome, reason = {"CANCELLED"}, str(error).strip().splitlines()[-1]
    if outcome != {"FINISHED"} or not made.is_file():
        text = f"{path} was not exported: {reason.rstrip('.')}."
        raise MicrofaceError("not_exported", text, "Enable Blender's exporter of this format, and try again.")


def _gltf(path: str, clock: Clock, name: str) -> set[str]:
    # The exporter multiplies by fps_base where it should divide (4.5 to 5.2): lend it the inverse.
    bpy.context.scene.render.fps_base = 1 / clock.base
    return bpy.ops.export_scene.gltf(
        filepath=path, export_format="GLB", use_selection=True, export_animation_mode="ACTIVE_ACTIONS",
        export_frame_range=True, export_force_sampling=True, export_optimize_animation_size=False,
        export_all_influences=True, export_morph_animation=True, export_def_bones=True,
        export_nla_strips_merged_animation_name=name,
    )  # fmt: skip


def _fbx(path: str, _clock: Clock, _name: str) -> set[str]:
    return bpy.ops.export_scene.fbx(
        filepath=path, use_selection=True, object_types={"ARMATURE", "MESH"}, add_leaf_bones=False,
        use_armature_deform_only=True,
        use_mesh_modifiers=False, bake_anim=True, bake_anim_use_nla_strips=False, bake_anim_use_all_actions=False,
        bake_anim_force_startend_keying=True, bake_anim_step=1.0, bake_anim_simplify_factor=0.0,
    )  # fmt: skip


def _alembic(path: str, _clock: Clock, _name: str) -> set[str]:
    scene = bpy.context.scene
    return bpy.ops.wm.alembic_export(
        filepath=path, selected=True, start=scene.frame_start, end=scene.frame_end, as_background_job=False,
        export_hair=False, export_particles=False,
    )  # fmt: skip


def _usd(path: str, _clock: Clock, _name: str) -> set[str]:
    return bpy.ops.wm.usd_export(
        filepath=path, selected_objects_only=True, export_animation=True, export_armatures=True, export_shapekeys=True,
        only_deform_bones=True, export_hair=False, convert_world_material=False,
    )  # fmt: skip


EXPORTERS: dict[str, Exporter] = {
    ".glb": _gltf, ".fbx": _fbx, ".abc": _alembic, ".usd": _usd, ".usdc": _usd, ".usda": _usd,
}  # fmt: skip


def _bags(action: bpy.types.Action) -> Iterator[bpy.types.ActionChannelbag]:
    for layer in action.layers:
        for strip in layer.strips:
            yield from strip.channelbags


def _animated(head: Head) -> list[bpy.types.AnimData]:
    owners = (head.mesh.data.shape_keys, head.rig)
    return [owner.animation_data for owner in owners if owner.animation_data and owner.animation_data.action]


def _coordinates(curve: bpy.types.FCurve, name: str = "co") -> Array:
    """Keys or handles (N, 2)."""
    flat = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get(name, flat)
    return flat.reshape(-1, 2).astype(np.float64)


def _key_frames(head: Head) -> Array:
    """Scene frames of the curve with the most keys."""
    curves = [curve for data in _animated(head) for bag in _bags(data.action) for curve in bag.fcurves]
    longest = max(curves, key=lambda curve: len(curve.keyframe_points), default=None)
    if longest is None or not len(longest.keyframe_points):
        raise MicrofaceError("no_keys", f"{head.mesh.name} has no keys.", "Choose a head that is animated.")
    return _coordinates(longest)[:, 0]


@contextmanager
def _retimed(head: Head, scene: bpy.types.Scene, clock: Clock) -> Iterator[None]:
    """Animate the head by copies of its actions whose keys lie on the frames of `clock`."""
    before = [(data, data.action, data.action_slot) for data in _animated(head)]
    copies = {action: action.copy() for action in {action for _, action, _ in before}}
    try:
        for copy in copies.values():
            _lay(copy, scene_rate(scene), clock)
        for data, action, slot in before:
            data.action = copies[action]
            data.action_slot = copies[action].slots[slot.identifier]
        yield
    finally:
        for data, action, slot in before:
            data.action = action
            data.action_slot = slot
        for copy in copies.values():
            bpy.data.actions.remove(copy)


def _lay(action: bpy.types.Action, rate: float, clock: Clock) -> None:
    """Move every key and handle from frames of `rate` to those of `clock`; keys within a hair of a frame go on it."""
    for bag in _bags(action):
        for curve in bag.fcurves:
            for name in ("handle_left", "handle_right", "co"):
                points = _coordinates(curve, name)
                points[:, 0] = clock.frames(frame_to_seconds(points[:, 0], rate))
                if name == "co":
                    points[:, 0] = np.where(_near(points[:, 0]), np.round(points[:, 0]), points[:, 0])
                curve.keyframe_points.foreach_set(name, points.astype(np.float32).ravel())
            curve.update()


def _near(frames: Array) -> NDArray[np.bool_]:
    """Within what float32 makes of a frame number."""
    return np.abs(frames - np.round(frames)) < 0.02


@contextmanager
def _lent(scene: bpy.types.Scene, clock: Clock, times: Array) -> Iterator[None]:
    """Lend the scene rate and frame range, and give back these and the current frame."""
    render = scene.render
    before = [(render, name, getattr(render, name)) for name in ("fps", "fps_base")]
    before += [(scene, name, getattr(scene, name)) for name in ("frame_start", "frame_end", "use_preview_range")]
    frame, subframe = scene.frame_current, scene.frame_subframe
    first, last = np.round(clock.frames(times[[0, -1]]))
    try:
        render.fps, render.fps_base = clock.fps, clock.base
        scene.use_preview_range = False
        # In this order: Blender keeps the start before the end
        scene.frame_end, scene.frame_start = int(last), int(first)
        yield
    finally:
        scene.frame_start, scene.frame_end = 0, 1
        for owner, name, value in reversed(before):
            setattr(owner, name, value)
        scene.frame_set(frame, subframe=subframe)


@contextmanager
def _selected(context: bpy.types.Context, head: Head) -> Iterator[None]:
    """Select mesh and rig alone, visible, in object mode; give the selection back."""
    layer = context.view_layer
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    chosen, active = list(context.selected_objects), layer.objects.active
    things = (head.mesh, head.rig)
    hidden = [(thing, thing.hide_get(), thing.hide_viewport, thing.hide_select) for thing in things]
    try:
        for thing in chosen:
            thing.select_set(False)
        for thing in things:
            thing.hide_viewport = thing.hide_select = False
            thing.hide_set(False)
            thing.select_set(True)
        layer.objects.active = head.mesh
        yield
    finally:
        for thing, away, viewport, select in hidden:
            thing.select_set(False)
            thing.hide_set(away)
            thing.hide_viewport, thing.hide_select = viewport, select
        for thing in chosen:
            thing.select_set(True)
        layer.objects.active = active
