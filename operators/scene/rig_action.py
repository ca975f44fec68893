# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance as an Action on the character's own datablocks, alone or laid over the animation that is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.performance import Performance
from .. import compat
from .action import CONSTANT, LINEAR, SlotType, add_curve
from .ground import lay_ground
from .rate import rate, seconds_to_frame
from .rig import Control, bone_keyed, bone_matrix, key_rest, keyed, property_path, property_rest

Array = NDArray[np.float64]
Existing = Literal["refuse", "add", "replace"]

STILL = 1e-6  # a control whose values stay below that gets no curve and stays free for the artist


@dataclass(frozen=True)
class Curve:
    """What one F-curve is to hold."""

    owner: bpy.types.ID
    path: str
    index: int
    values: Array  #: (N,)


def refuse_animated(controls: list[Control]) -> None:
    """Say that there is animation, before anything is touched.

    Raises:
        MicrofaceError: ``animated_rig``.
    """
    for owner in dict.fromkeys(one for control in controls for one in control.datablocks):
        data = owner.animation_data
        if data and (data.action or any(len(track.strips) for track in data.nla_tracks)):
            what = f"the action {data.action.name}" if data.action else "strips in the NLA editor"
            text = f"{owner.name} is animated already, by {what}."
            remedy = "Choose whether to add to that animation or to replace it (--existing add|replace)."
            raise MicrofaceError("animated_rig", text, remedy)


def write_action(
    scene: bpy.types.Scene,
    controls: list[Control],
    performance: Performance,
    name: str,
    existing: Existing = "refuse",
    start: float = 1.0,
    strength: float = 1.0,
) -> bpy.types.Action:
    """Key the controls at the source's own times.

    Args:
        scene: its frame rate places the keys, on fractional frames where it is not the source's.
        controls: of the performance, in its order.
        performance: raw.
        name: of the action.
        existing: what to do where the character is animated already.
        start: the frame of the source's time 0.
        strength: times which the values are keyed, within the controls' bounds.

    Raises:
        MicrofaceError: ``animated_rig`` or ``no_motion``.
    """
    performance = _strengthened(performance, controls, strength)
    moving = np.abs(performance.values[performance.keyed]).max(0, initial=0) > STILL
    acting = [(control, column) for column, control in enumerate(controls) if moving[column]]
    if not acting:
        raise MicrofaceError("no_motion", "Nothing in the take moves this rig.", "Choose a take that shows a motion.")
    if existing == "refuse":
        refuse_animated([control for control, _ in acting])
    curves = list(_curves(acting, performance))
    if existing == "replace":
        _to_neutral(controls)
    action = bpy.data.actions.new(name)
    timing = key_times(scene, performance, start)
    for owner in dict.fromkeys(curve.owner for curve in curves):
        slot = action.slots.new(id_type=_slot_type(owner), name=owner.name)
        bag = compat.channelbag(action, slot)
        for curve in curves:
            if curve.owner == owner:
                add_curve(bag, curve.path, curve.index, timing[0], curve.values, timing[1])
    for slot, owner in zip(action.slots, dict.fromkeys(curve.owner for curve in curves), strict=True):
        _play(owner, action, slot, existing)
    return action


def _strengthened(performance: Performance, controls: list[Control], strength: float) -> Performance:
    low, high = ([getattr(control, end) for control in controls] for end in ("low", "high"))
    return replace(performance, values=(strength * performance.values).clip(low, high))


def _to_neutral(controls: list[Control]) -> None:
    """What the animation that goes has moved would stay where it is now, were it not keyed anew."""
    for control in controls:
        if control.kind == "key":
            for key in control.owners:
                if keyed(key.id_data, key.path_from_id("value")):
                    key.value = 0.0
        elif control.kind == "property":
            owner, name = control.owners
            owner[name] = property_rest(owner, name)
        elif bone_keyed(control.owners[0]):
            control.owners[0].matrix_basis.identity()


def key_times(scene: bpy.types.Scene, performance: Performance, start: float) -> tuple[Array, NDArray[np.int64]]:
    """Frames (N,) of the keys, and how each goes on: before a gap without a face the last value is held."""
    keyed_frames = performance.keyed
    held = np.append(keyed_frames[1:], True)[keyed_frames] == 0
    frames = seconds_to_frame(performance.time_s[keyed_frames], rate(scene)) + start - 1
    return frames, np.where(held, CONSTANT, LINEAR)


def _slot_type(owner: bpy.types.ID) -> SlotType:
    return "KEY" if isinstance(owner, bpy.types.Key) else "OBJECT"


def _curves(acting: list[tuple[Control, int]], performance: Performance) -> Iterator[Curve]:
    """Curves of keys and properties one by one, of bones by their channels."""
    values = performance.values[performance.keyed]
    bones: dict[Any, list[tuple[Control, int]]] = {}
    for control, column in acting:
        if control.kind == "key":
            for key in control.owners:
                path = key.path_from_id("value")
                yield Curve(key.id_data, path, 0, key_rest(key) + values[:, column])
        elif control.kind == "property":
            owner, name = control.owners
            yield Curve(control.owner, property_path(owner, name), 0, property_rest(owner, name) + values[:, column])
        else:
            bones.setdefault(control.owners[0], []).append((control, column))
    for bone, own in bones.items():
        yield from _bone_curves(bone, own, values)


def _bone_curves(bone: bpy.types.PoseBone, own: list[tuple[Control, int]], values: Array) -> Iterator[Curve]:
    """Location and rotation of one bone, in its own rotation mode."""
    offset = np.zeros((2, len(values), 3))
    for control, column in own:
        offset[int(control.kind == "location"), :, control.index] = values[:, column]
    mode = bone.rotation_mode
    turned, place = ("rotation_quaternion", 4) if mode == "QUATERNION" else ("rotation_euler", 3), []
    if mode == "AXIS_ANGLE":
        turned = ("rotation_axis_angle", 4)
    rest = bone.matrix_basis.copy()
    if bone_keyed(bone):
        rest.identity()
    angles = np.zeros((len(values), turned[1]))
    before = None
    for row, (turn, shift) in enumerate(offset.swapaxes(0, 1)):
        matrix = rest @ bone_matrix(Vector(turn), Vector(shift))
        place.append(matrix.translation.to_tuple())
        before = _rotation(matrix, mode, before)
        angles[row] = _numbers(before, mode)
    kinds = {control.kind for control, _ in own}
    for kind, name, numbers in (("rotation", turned[0], angles), ("location", "location", np.array(place))):
        if kind in kinds:
            for index, column in enumerate(numbers.T):
                yield Curve(bone.id_data, bone.path_from_id(name), index, column)


def _rotation(matrix: Any, mode: str, before: Any) -> Any:
    """The turn of a matrix in a bone's mode, near the one before."""
    if mode in ("QUATERNION", "AXIS_ANGLE"):
        turn = matrix.to_quaternion()
        return -turn if before is not None and turn.dot(before) < 0 else turn
    return matrix.to_euler(mode, before) if before is not None else matrix.to_euler(mode)


def _numbers(turn: Any, mode: str) -> Any:
    if mode != "AXIS_ANGLE":
        return turn
    axis, angle = turn.to_axis_angle()
    return (angle, *axis)


def _play(owner: bpy.types.ID, action: bpy.types.Action, slot: bpy.types.ActionSlot, existing: Existing) -> None:
    """Let a datablock play a slot: alone, or over what it plays already."""
    data = owner.animation_data_create()
    if existing == "add" and (data.action or any(len(track.strips) for track in data.nla_tracks)):
        if isinstance(owner, bpy.types.Key):
            lay_ground(owner, {curve.data_path for curve in compat.channelbag(action, slot).fcurves})
        if data.action:
            _pushed_down(data)
        strip = _strip(data, action, slot)
        strip.blend_type = "ADD" if isinstance(owner, bpy.types.Key) else "COMBINE"
        strip.extrapolation = "NOTHING"
        return
    if data.action:
        data.action.use_fake_user = True  # replaced, never lost
    data.action = action
    data.action_slot = slot


def _pushed_down(data: bpy.types.AnimData) -> None:
    """Make a strip of the action that plays now: it goes on playing as it did."""
    action, slot = data.action, data.action_slot
    data.action = None
    _strip(data, action, slot)


def _strip(data: bpy.types.AnimData, action: bpy.types.Action, slot: bpy.types.ActionSlot) -> bpy.types.NlaStrip:
    """A strip on a track of its own, at the action's own frames."""
    track = data.nla_tracks.new()
    track.name = action.name
    first, last = action.frame_range[0], action.frame_range[1]
    strip = track.strips.new(action.name, int(np.floor(first)), action)
    strip.action_slot = slot
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_start, strip.frame_end = first, last
    return strip
