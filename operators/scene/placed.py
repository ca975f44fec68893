# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured event laid on a head, at any time, stronger or slower: as keys in its Action, or as a strip above it."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from .. import compat
from .action import LINEAR, SlotType, add_curve, assign, key_path, quaternions
from .captured import FPS, Captured, bone_path, curves_of, points_of, sampled, write_action
from .ground import lay_ground
from .mesh import slider_range
from .rate import rate

Array = NDArray[np.float64]

CLOSE = 1e-3  # frames: keys this near are the same


def fitting(event: Captured, head: bpy.types.Object, own: bool) -> Captured:
    """What of the event the head can show: the units and joints it has, and detail on its `own` head only.

    Raises:
        MicrofaceError: ``nothing_fits`` when that is nothing.
    """
    keys = {
        name: values
        for name, values in event.keys.items()
        if name in head.data.shape_keys.key_blocks and (own or not name.startswith("detail"))
    }
    turns = {joint: vectors for joint, vectors in event.turns.items() if joint in head.parent.pose.bones}
    if not keys and not turns:
        text = f"{head.name} has none of the units of this event."
        raise MicrofaceError("nothing_fits", text, "Choose a head with the named units, such as the generic one.")
    return Captured(event.time_s, event.apex_s, keys, turns)


def add_keys(
    scene: bpy.types.Scene, head: bpy.types.Object, event: Captured, at: float, strength: float, stretch: float
) -> None:
    """Add the event to the curves of the head's Action from frame `at` on; keys that are there keep their part.

    Raises:
        MicrofaceError: ``too_strong`` when a key would be beyond a shape key's limit; nothing is changed then.
    """
    frames = at + event.time_s * stretch * rate(scene)
    keys, rig = head.data.shape_keys, head.parent
    bag = _bag(keys, "KEY")
    for name, (moments, values) in _sums(head, event, frames, strength).items():
        _lay(bag, key_path(name), 0, moments, values)
    for joint, vectors in event.turns.items():
        _turn(_bag(rig, "OBJECT"), joint, frames, strength * vectors)


def add_strip(
    scene: bpy.types.Scene,
    head: bpy.types.Object,
    event: Captured,
    name: str,
    at: float,
    strength: float,
    stretch: float,
) -> bpy.types.Action:
    """Add the event as NLA strips of the head's keys and of its rig; its Action goes on as it is, on top of them.

    Raises:
        MicrofaceError: ``too_strong`` as `add_keys`.
    """
    _sums(head, event, at + event.time_s * stretch * rate(scene), strength)
    action = write_action(scene, name, event, strength)
    for slot in action.slots:
        owner, blend = (head.data.shape_keys, "ADD") if slot.target_id_type == "KEY" else (head.parent, "COMBINE")
        animation = owner.animation_data_create()
        if blend == "ADD":
            keys = head.data.shape_keys
            lay_ground(keys, {curve.data_path for curve in curves_of(keys)} | {key_path(key) for key in event.keys})
        animation.action_blend_type = blend  # else it would hide what is below
        track = animation.nla_tracks.new()
        track.name = name
        strip = track.strips.new(name, int(at), action)
        strip.action_slot = slot
        strip.blend_type, strip.extrapolation = blend, "NOTHING"
        length = event.time_s[-1] * action[FPS]
        strip.action_frame_start, strip.action_frame_end = 0, length  # Blender asked before it knew the slot
        strip.scale = stretch
        strip.frame_start, strip.frame_end = at, at + stretch * length
        owner.update_tag()
    return action


def _sums(head: bpy.types.Object, event: Captured, frames: Array, strength: float) -> dict[str, tuple[Array, Array]]:
    """What every shape key will do: moments and values. Its slider is widened so that it can, after all are known to fit."""
    keys = head.data.shape_keys
    curves = {curve.data_path: curve for curve in curves_of(keys)}
    sums = {name: _added(curves.get(key_path(name)), frames, strength * values) for name, values in event.keys.items()}
    limits = {name: slider_range(name, values) for name, (_, values) in sums.items()}
    for name, (low, high) in limits.items():
        block, added = keys.key_blocks[name], strength * event.keys[name]
        block.slider_min = min(low, block.slider_min + added.min(initial=0))  # strips may lie on one another
        block.slider_max = max(high, block.slider_max + added.max(initial=0))
    return sums


def _bag(owner: bpy.types.ID, kind: SlotType) -> bpy.types.ActionChannelbag:
    """The curves of what animates a datablock; of a new Action where nothing does."""
    animation = owner.animation_data
    if animation and animation.action and animation.action_slot:
        return compat.channelbag(animation.action, animation.action_slot)
    return assign(bpy.data.actions.new(owner.name), owner, kind)


def _added(curve: bpy.types.FCurve | None, frames: Array, values: Array) -> tuple[Array, Array]:
    """Moments (M,) and values (M,): the event's, added to what is there, and at the keys that are there."""
    if curve is None:
        return frames, values
    moments = _moments(curve, frames)
    return moments, sampled(curve, moments) + np.interp(moments, frames, values)


def _moments(curve: bpy.types.FCurve, frames: Array) -> Array:
    """The event's frames (N,) and the keys between them, (M,)."""
    there = points_of(curve)[:, 0]
    inside = there[(there > frames[0]) & (there < frames[-1])]
    return np.unique(np.round(np.concatenate([frames, inside]), 4))


def _turn(bag: Any, joint: str, frames: Array, vectors: Array) -> None:
    """Turn a bone by rotation vectors (N, 3) and then by its own keys: the order in which Blender combines strips."""
    curves = [bag.fcurves.find(bone_path(joint), index=index) for index in range(4)]
    keyed = all(curves)
    moments = _moments(curves[0], frames) if keyed else frames
    before = np.tile([1.0, 0, 0, 0], (len(moments), 1))
    if keyed:
        before = np.stack([sampled(curve, moments) for curve in curves], 1)
    added = quaternions(np.stack([np.interp(moments, frames, column) for column in vectors.T], 1))
    pairs = zip(before, added, strict=True)
    turned = np.array([Quaternion(more) @ Quaternion(own).normalized() for own, more in pairs])
    turned *= np.where((turned * before).sum(1) < 0, -1.0, 1.0)[:, None]
    for index, column in enumerate(turned.T):
        _lay(bag, bone_path(joint), index, moments, column)


def _lay(bag: Any, path: str, index: int, frames: Array, values: Array) -> None:
    """Put keys on a curve in place of those from the first to the last frame."""
    curve = bag.fcurves.find(path, index=index)
    if curve is None:
        add_curve(bag, path, index, frames, values, LINEAR)
        return
    points = curve.keyframe_points
    old = [point for point in points if frames[0] - CLOSE <= point.co[0] <= frames[-1] + CLOSE]
    for point in reversed(old):
        points.remove(point, fast=True)
    kept = len(points)
    points.add(len(frames))
    for number, place in enumerate(zip(frames, values, strict=True), kept):
        points[number].co, points[number].interpolation = place, "LINEAR"
    curve.update()
