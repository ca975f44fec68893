# SPDX-License-Identifier: GPL-3.0-or-later
"""The performance as one Action: a slot for the shape keys and a slot for the bones.

Keys stand at the times of the source's frames, on fractional scene frames, linear between: the data is dense, and
Bezier handles would overshoot. Before a gap without a face the last pose is held.
"""

from __future__ import annotations

from colorsys import hsv_to_rgb
from typing import Any, Literal

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.types import Take
from ...models.head.model import HeadModel
from ...models.head.regions import region_of
from .. import compat
from ..head import NAMES
from .joint_shift import bone_places, shift_bone
from .performance import Channel, keyed_frames
from .space import head_location

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Array = NDArray[np.float64]
SlotType = Literal["KEY", "OBJECT", "CAMERA"]

CONSTANT, LINEAR = 0, 1  # values of Keyframe.interpolation

#: Hue of a region's curves in the editors, 0..1; what belongs to none, such as detail, is grey.
HUES = {"brows": 0.08, "eyes": 0.55, "nose": 0.75, "mouth": 0.95, "jaw": 0.33}
SHADES = (0.95, 0.75, 0.55)  # of neighbouring units


def build_action(
    name: str,
    take: Take,
    head: HeadModel,
    channels: list[Channel],
    frames: Floats,
    thing: bpy.types.Object,
    rig: bpy.types.Object,
) -> bpy.types.Action:
    """Key the shape keys of `thing` and the bones of `rig`.

    Args:
        frames: (T,) scene frames of the take's frames.
    """
    action = bpy.data.actions.new(name)
    keyed = keyed_frames(take)
    held = np.append(keyed[1:], True)[keyed] == 0  # the next frame has no face
    timing = frames[keyed], np.where(held, CONSTANT, LINEAR)
    _key_shapes(assign(action, thing.data.shape_keys, "KEY"), channels, thing.data.shape_keys, timing)
    _key_bones(assign(action, rig, "OBJECT"), take, head, keyed, timing)
    return action


def assign(action: bpy.types.Action, datablock: bpy.types.ID, id_type: SlotType) -> bpy.types.ActionChannelbag:
    """Let a new slot of `action` animate `datablock`. Without the explicit slot nothing would move."""
    slot = action.slots.new(id_type=id_type, name=datablock.name)
    animation = datablock.animation_data_create()
    animation.action = action
    animation.action_slot = slot
    return compat.channelbag(action, slot)


def add_curve(
    bag: Any, path: str, index: int, frames: Floats | Ints, values: Floats | Ints, kinds: Any
) -> bpy.types.FCurve:
    """An F-curve of keys at `frames` (N,) with `values` (N,); `kinds` is their interpolation, one or (N,)."""
    curve = bag.fcurves.new(path, index=index)
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.column_stack([frames, values]).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.broadcast_to(kinds, len(frames)).astype(np.uint8))
    points.foreach_set("select_control_point", np.zeros(len(frames), bool))  # else all are drawn in orange
    curve.update()
    return curve


def quaternions(vectors: Floats) -> Array:
    """Rotations (N, 3) as axis-angle -> (N, 4) w x y z, neighbours on the same side of the sphere."""
    half = 0.5 * np.linalg.norm(vectors, axis=-1, keepdims=True)
    turned = np.concatenate([np.cos(half), 0.5 * np.sinc(half / np.pi) * vectors], axis=-1)
    flips = np.where(np.einsum("nc,nc->n", turned[1:], turned[:-1]) < 0, -1.0, 1.0)
    turned[1:] *= np.cumprod(flips)[:, None]
    return turned


def _key_shapes(bag: Any, channels: list[Channel], keys: bpy.types.Key, timing: tuple[Floats, Any]) -> None:
    """A key that stays 0 (a unit that the jaw or the eyes own) gets no curve and stays free for the artist.

    Curves are grouped and coloured by region.
    """
    groups: dict[str, Any] = {}
    for number, (channel, key) in enumerate(zip(channels, keys.key_blocks[1:], strict=True)):
        if channel.values.any():
            curve = add_curve(bag, key_path(key.name), 0, timing[0], channel.values, timing[1])
            region = region_of(channel.name)
            title = NAMES.get(region, "Detail")
            groups[title] = groups.get(title) or bag.groups.new(title)
            curve.group = groups[title]
            curve.color_mode, curve.color = "CUSTOM", _colour(region, number)


def key_path(name: str) -> str:
    """The path of a shape key's value from its Key datablock."""
    return f'key_blocks["{bpy.utils.escape_identifier(name)}"].value'


def _colour(region: str, number: int) -> tuple[float, float, float]:
    """Of the region's hue, lighter or darker than the curve before."""
    return hsv_to_rgb(HUES.get(region, 0), 0.75 if region in HUES else 0, SHADES[number % len(SHADES)])


def _key_bones(bag: Any, take: Take, head: HeadModel, keyed: NDArray[np.bool_], timing: tuple[Floats, Any]) -> None:
    """Turns and places: the root's is the head's, and expressions may shift joints."""
    pose, shift = take.pose[keyed].astype(np.float64), head.joint_shift(take.expression[keyed])
    place = bone_places(shift, pose)
    place[:, 0] += head_location(take.translation[keyed])
    columns = (take.joint_names, *(each.swapaxes(0, 1) for each in (pose, place, shift)))
    for joint, vectors, places, shifts in zip(*columns, strict=True):
        group = bag.groups.new(joint)
        _key_vector(bag, group, f'pose.bones["{joint}"].rotation_quaternion', quaternions(vectors), timing)
        if places.any():
            _key_vector(bag, group, f'pose.bones["{joint}"].location', places, timing)
        if shifts.any():
            _key_vector(bag, group, f'pose.bones["{shift_bone(joint)}"].location', shifts, timing)


def _key_vector(bag: Any, group: Any, path: str, values: Array, timing: tuple[Floats, Any]) -> None:
    """One curve per column of `values` (N, C)."""
    for index, column in enumerate(values.T):
        add_curve(bag, path, index, timing[0], column, timing[1]).group = group
