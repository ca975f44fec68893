# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance as an Action on the character's own datablocks, alone or laid over the animation that is there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.performance import Performance
from .. import compat
from .action import CONSTANT, LINEAR, SlotType, add_curve
from .ground import lay_ground
from .rate import rate, seconds_to_frame
from .rest import bone_keyed, keyed, property_rest
from .rig import Control
from .rig_curves import STILL, Curve, curves_of, rest_of

Array = NDArray[np.float64]
Existing = Literal["refuse", "add", "replace"]


@dataclass(frozen=True)
class Timing:
    """When keys stand and how each goes on."""

    frames: Array  #: (N,) of the scene
    kinds: NDArray[np.int64]  #: (N,) interpolation: before a gap without a face the last value is held


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
    values = performance.values[performance.keyed]
    acting = np.flatnonzero(np.abs(values).max(0, initial=0) > STILL)
    if not len(acting):
        raise MicrofaceError("no_motion", "Nothing in the take moves this rig.", "Choose a take that shows a motion.")
    if existing == "refuse":
        refuse_animated([controls[column] for column in acting])
    curves = list(curves_of(controls, [rest_of(control) for control in controls], values, acting))
    if existing == "replace":
        _to_neutral(controls)
    action = bpy.data.actions.new(name)
    write_curves(action, curves, key_times(scene, performance, start), existing)
    return action


def write_curves(action: bpy.types.Action, curves: Iterable[Curve], timing: Timing, existing: Existing) -> None:
    """Put curves into an action, in the place of those of the same properties.

    Args:
        action: a datablock that does not play it yet gets a slot in it and plays it, as `existing` says.
        curves: of any datablocks.
        timing: of their keys.
        existing: as of `write_action`.
    """
    bags: dict[bpy.types.ID, bpy.types.ActionChannelbag] = {}
    new: list[tuple[bpy.types.ID, bpy.types.ActionSlot]] = []
    for curve in curves:
        if curve.owner not in bags:
            slot = slot_of(action, curve.owner)
            if slot is None:
                slot = action.slots.new(id_type=_slot_type(curve.owner), name=curve.owner.name)
                new.append((curve.owner, slot))
            bags[curve.owner] = compat.channelbag(action, slot)
        _write(bags[curve.owner], curve, timing)
    for owner, slot in new:
        _play(owner, action, slot, existing)


def slot_of(action: bpy.types.Action, owner: bpy.types.ID) -> bpy.types.ActionSlot | None:
    """The slot of an action that a datablock plays, alone or as a strip."""
    data = owner.animation_data
    strips = [strip for track in data.nla_tracks for strip in track.strips] if data else []
    playing = [one for one in (data, *strips) if one and one.action == action and one.action_slot]
    return playing[0].action_slot if playing else None


def _write(bag: bpy.types.ActionChannelbag, curve: Curve, timing: Timing) -> None:
    old = bag.fcurves.find(curve.path, index=curve.index)
    if old and len(old.keyframe_points) == len(timing.frames):  # in place: an editor may hold on to its keys
        points = old.keyframe_points
        points.foreach_set("co", np.column_stack([timing.frames, curve.values]).astype(np.float32).ravel())
        points.foreach_set("interpolation", timing.kinds.astype(np.uint8))
        old.update()
        return
    if old:
        bag.fcurves.remove(old)
    add_curve(bag, curve.path, curve.index, timing.frames, curve.values, timing.kinds)


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


def key_times(scene: bpy.types.Scene, performance: Performance, start: float) -> Timing:
    """Keys where the source shows a face; before a gap without one the last value is held."""
    keyed_frames = performance.keyed
    held = np.append(keyed_frames[1:], True)[keyed_frames] == 0
    frames = seconds_to_frame(performance.time_s[keyed_frames], rate(scene)) + start - 1
    return Timing(frames, np.where(held, CONSTANT, LINEAR))


def _slot_type(owner: bpy.types.ID) -> SlotType:
    return "KEY" if isinstance(owner, bpy.types.Key) else "OBJECT"


def _play(owner: bpy.types.ID, action: bpy.types.Action, slot: bpy.types.ActionSlot, existing: Existing) -> None:
    """Let a datablock play a slot: alone, or over what it plays already."""
    data = owner.animation_data_create()
    if existing == "add" and (data.action or any(len(track.strips) for track in data.nla_tracks)):
        if isinstance(owner, bpy.types.Key):
            lay_ground(owner, {curve.data_path for curve in compat.channelbag(action, slot).fcurves})
        if data.action:
            _push_down(data)
        strip = _strip(data, action, slot)
        strip.blend_type = "ADD" if isinstance(owner, bpy.types.Key) else "COMBINE"
        strip.extrapolation = "NOTHING"
        return
    if data.action:
        data.action.use_fake_user = True  # replaced, never lost
    data.action = action
    data.action_slot = slot


def _push_down(data: bpy.types.AnimData) -> None:
    """Make a strip of the action that plays now: it goes on playing as it did."""
    action, slot = data.action, data.action_slot
    blend, reach, influence = data.action_blend_type, data.action_extrapolation, data.action_influence
    data.action = None
    strip = _strip(data, action, slot)
    strip.blend_type, strip.extrapolation = blend, reach
    if influence != 1:
        strip.use_animated_influence, strip.influence = True, influence


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
