# SPDX-License-Identifier: GPL-3.0-or-later
"""An event taken out of a head's Action: how far its units, detail and joints move from where they were, over time.

Raw, whatever the head's strength. It begins and ends at 0: what the face drifts from onset to offset is not the event's.
Kept as an Action of its own, it can be laid on any head: `placed.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Quaternion
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.types import Event
from ...models.head.regions import region_of
from ..compat import channelbag
from ..keying import STORED
from .action import LINEAR, add_curve, key_path, quaternions
from .rate import frame_to_seconds, rate, seconds_to_frame
from .strength import JOINTS

Array = NDArray[np.float64]

KEY_PATH = re.compile(r'key_blocks\["(.*)"\]\.value')
DETAIL = "detail"
FPS = STORED  #: frames a second of a stored event's keys, which begin at 0
APEX = "microface_apex_s"
HEAD = "microface_head"  #: the head it was taken from, which alone has its detail


@dataclass(frozen=True)
class Captured:
    """Motion against neutral, from the onset on."""

    time_s: Array  #: (N,) from 0
    apex_s: float
    keys: dict[str, Array]  #: (N,) of shape keys by name
    turns: dict[str, Array]  #: (N, 3) rotation vectors of bones by name


def captured(scene: bpy.types.Scene, head: bpy.types.Object, event: Event) -> Captured:
    """What moves in the regions of the event's units, and the detail.

    Raises:
        MicrofaceError: ``no_motion`` when nothing of it is keyed.
    """
    regions = {region_of(unit.removeprefix("-")) for unit in event.units}
    curves = {
        match[1]: curve for curve in curves_of(head.data.shape_keys) if (match := KEY_PATH.match(curve.data_path))
    }
    moving = {name: curve for name, curve in curves.items() if region_of(name) in regions or name.startswith(DETAIL)}
    joints = [joint for joint, region in JOINTS.items() if region in regions]
    turning = [curve for curve in curves_of(head.parent) if curve.data_path in map(bone_path, joints)]
    frames = _frames(scene, [*moving.values(), *turning], event)
    span = frames[[0, -1]]
    keys = {name: _from_rest(sampled(curve, frames), frames, span) for name, curve in moving.items()}
    keys = {name: values for name, values in keys.items() if values.any()}
    turns = {joint: _from_rest(turns_of(head.parent, joint, frames), frames, span) for joint in joints}
    turns = {joint: vectors for joint, vectors in turns.items() if vectors.any()}
    if not keys and not turns:
        text = f"{head.name} has no keys that move in this event."
        raise MicrofaceError("no_motion", text, "Choose an event of a head whose motion is keyed.")
    time_s = frame_to_seconds(frames, rate(scene)) - event.onset_s
    return Captured(time_s, event.apex_s - event.onset_s, keys, turns)


def strongest_course(scene: bpy.types.Scene, head: bpy.types.Object, event: Event) -> tuple[Array, Array]:
    """Times (N,) in seconds and values (N,) of the event's strongest unit that is keyed; 0 throughout when none is."""
    curves = {curve.data_path: curve for curve in curves_of(head.data.shape_keys)}
    for unit in event.units:
        curve = curves.get(key_path(unit.removeprefix("-")))
        if curve is not None and len(curve.keyframe_points):
            frames, values = points_of(curve).T
            return frame_to_seconds(frames, rate(scene)), values
    return np.array([event.onset_s, event.offset_s]), np.zeros(2)


def write_action(scene: bpy.types.Scene, name: str, event: Captured, strength: float = 1.0) -> bpy.types.Action:
    """The event as an Action with a slot for shape keys and one for bones, from frame 0 on."""
    action, fps = bpy.data.actions.new(name), rate(scene)
    action[FPS], action[APEX] = fps, event.apex_s
    frames = event.time_s * fps
    if event.keys:
        bag = channelbag(action, action.slots.new(id_type="KEY", name="Face"))
        for key, values in event.keys.items():
            add_curve(bag, key_path(key), 0, frames, strength * values, LINEAR)
    if event.turns:
        bag = channelbag(action, action.slots.new(id_type="OBJECT", name="Rig"))
        for joint, vectors in event.turns.items():
            for index, column in enumerate(quaternions(strength * vectors).T):
                add_curve(bag, bone_path(joint), index, frames, column, LINEAR)
    return action


def read_action(action: bpy.types.Action) -> Captured:
    """A stored event, as `write_action` left it."""
    keys, turned, frames = {}, {}, np.zeros(1)
    for slot in action.slots:
        for curve in channelbag(action, slot).fcurves:
            frames, values = points_of(curve).T
            match = KEY_PATH.match(curve.data_path)
            if match:
                keys[match[1]] = values
            else:
                turned.setdefault(curve.data_path.split('"')[1], {})[curve.array_index] = values
    turns = {joint: _vectors(np.stack([parts[k] for k in range(4)], 1)) for joint, parts in turned.items()}
    return Captured(frames / action[FPS], action[APEX], keys, turns)


def curves_of(owner: bpy.types.ID) -> Any:
    """The F-curves that animate a datablock; empty when it has no Action."""
    animation = owner.animation_data
    if not animation or not animation.action or not animation.action_slot:
        return ()
    return channelbag(animation.action, animation.action_slot).fcurves


def points_of(curve: bpy.types.FCurve) -> Array:
    """Keys (N, 2): frame and value."""
    flat = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", flat)
    return flat.reshape(-1, 2).astype(np.float64)


def sampled(curve: bpy.types.FCurve, frames: Array) -> Array:
    """Values (N,) at frames (N,)."""
    return np.array([curve.evaluate(frame) for frame in frames])


def turns_of(rig: bpy.types.Object, joint: str, frames: Array) -> Array:
    """Rotation vectors (N, 3) of a bone's keys at frames (N,)."""
    found = {curve.array_index: curve for curve in curves_of(rig) if curve.data_path == bone_path(joint)}
    if len(found) < 4:
        return np.zeros((len(frames), 3))
    return _vectors(np.stack([sampled(found[index], frames) for index in range(4)], 1))


def bone_path(joint: str) -> str:
    """The path of a bone's rotation."""
    return f'pose.bones["{joint}"].rotation_quaternion'


def _frames(scene: bpy.types.Scene, curves: list[bpy.types.FCurve], event: Event) -> Array:
    """Onset, offset, and every key between them."""
    first, last = seconds_to_frame(np.array([event.onset_s, event.offset_s]), rate(scene))
    keyed = [points_of(curve)[:, 0] for curve in curves] or [np.zeros(0)]
    inside = np.unique(np.concatenate(keyed))
    return np.concatenate([[first], inside[(inside > first + 1e-3) & (inside < last - 1e-3)], [last]])


def _from_rest(values: Array, frames: Array, span: Array) -> Array:
    """Values (N, ...) less the straight line from the first to the last."""
    share = ((frames - span[0]) / (span[1] - span[0])).reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(values - (1 - share) * values[0] - share * values[-1])


def _vectors(turned: Array) -> Array:
    """Rotation vectors (N, 3) of quaternions (N, 4)."""
    return np.array([Quaternion(row).normalized().to_exponential_map() for row in turned])
