# SPDX-License-Identifier: GPL-3.0-or-later
"""A head as other programs shall see it: what strength and NLA strips do, written into keys.

For a while the head object gets a copy of its mesh without companion keys and drivers. Units keep their names and get
their strengthened values; what detail gains stands in keys of its own, for regions may differ. Nothing of the head
itself is touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ...models.head.regions import REGIONS, region_of
from ..compat import channelbag
from ..head import is_head, strength_property
from .action import LINEAR, add_curve, key_path, quaternions
from .joint_shift import place_bone
from .mesh import slider_range
from .strength import JOINTS, PREFIX, companion

Array = NDArray[np.float64]


@dataclass
class Shown:
    """What the head shows, frame by frame; nothing where all strengths are 1 and no strips play."""

    keys: dict[str, Array] = field(default_factory=dict)  #: (N,) values of shape keys
    turns: dict[str, Array] = field(default_factory=dict)  #: (N, 4) w x y z of bones, against their rest
    places: dict[str, Array] = field(default_factory=dict)  #: (N, 3) m, locations of bones that expressions shift


def shown(scene: bpy.types.Scene, thing: bpy.types.Object, rig: bpy.types.Object, frames: Array) -> Shown:
    """Play `frames` (N,) of the scene, which may lie between whole ones, and note what is not in the Action itself.

    Raises:
        MicrofaceError: ``too_strong`` when a unit would be beyond what a shape key holds.
    """
    if not _acts(thing) and not _stacked(thing, rig):
        return Shown()
    blocks = thing.data.shape_keys.key_blocks
    names, bones = [key.name for key in blocks], rig.pose.bones
    joints = [joint for joint in JOINTS if companion(joint) in bones]
    shifted = [bone.name for bone in bones if place_bone(bone.name) in bones]
    values, turns = np.empty((len(frames), len(blocks)), np.float32), np.empty((len(frames), len(joints), 4))
    places = np.empty((len(frames), len(shifted), 3))
    here, between = scene.frame_current, scene.frame_subframe
    for row, frame in enumerate(frames):
        whole = int(np.floor(frame))
        scene.frame_set(whole, subframe=float(frame - whole))
        blocks.foreach_get("value", values[row])
        for column, joint in enumerate(joints):
            turns[row, column] = tuple(bones[companion(joint)].rotation_axis_angle)
        for column, joint in enumerate(shifted):
            places[row, column] = bones[joint].location + bones[place_bone(joint)].location
    scene.frame_set(here, subframe=between)
    return Shown(
        _together(names, values.astype(np.float64)),
        dict(zip(joints, _rotations(turns), strict=True)),
        dict(zip(shifted, places.swapaxes(0, 1), strict=True)),
    )


def _acts(thing: bpy.types.Object) -> bool:
    """Whether a strength is not 1, or may become so: they may be keyed, driven, or in the NLA."""
    strengths = [thing.get(strength_property(region), 1.0) for region in ("", *REGIONS)]
    return is_head(thing) and (thing.animation_data is not None or any(value != 1 for value in strengths))


def _stacked(thing: bpy.types.Object, rig: bpy.types.Object) -> bool:
    """Whether NLA strips add to the Action."""
    owners = (thing.data.shape_keys, rig)
    return any(owner.animation_data and owner.animation_data.nla_tracks for owner in owners)


def _together(names: list[str], values: Array) -> dict[str, Array]:
    """Values of every key that moves; units with what their companions add, which then are left out."""
    course = dict(zip(names, values.T, strict=True))
    for name in names:
        if region_of(name) and companion(name) in course:
            course[name] = course[name] + course.pop(companion(name))
            slider_range(name, course[name])
    return {name: values for name, values in course.items() if values.any()}


def _rotations(turns: Array) -> list[Array]:
    """(N, 4) each, of angles and axes (N, J, 4)."""
    axes = turns[..., 1:]
    length = np.linalg.norm(axes, axis=-1, keepdims=True)
    vectors = turns[..., :1] * np.divide(axes, length, out=np.zeros_like(axes), where=length > 0)
    return [quaternions(vectors[:, column]) for column in range(turns.shape[1])]


@contextmanager
def plain(thing: bpy.types.Object, rig: bpy.types.Object, shown: Shown) -> Iterator[None]:
    """Lend `thing` a mesh without companions but those in `shown`; let bones turn by their own channels, without strips."""
    own = cast(bpy.types.Mesh, thing.data)
    name = own.name
    animation = rig.animation_data
    stack = (animation.use_nla, animation.action_blend_type) if animation else None
    lent = own.copy()
    constraints = [each for bone in rig.pose.bones for each in bone.constraints if each.name.startswith("Strength")]
    try:
        own.name = f"{name} with strength"
        lent.name = name
        _strip(thing, lent, shown)
        for constraint in constraints:
            constraint.enabled = False
        for owner in filter(None, (animation, lent.shape_keys.animation_data)):
            owner.use_nla, owner.action_blend_type = False, "REPLACE"
        yield
    finally:
        if stack:
            animation.use_nla, animation.action_blend_type = stack
        for constraint in constraints:
            constraint.enabled = True
        thing.data = own
        bpy.data.meshes.remove(lent)
        own.name = name


def _strip(thing: bpy.types.Object, lent: bpy.types.Mesh, shown: Shown) -> None:
    thing.data = lent
    keys = lent.shape_keys
    animation = keys.animation_data
    for curve in list(animation.drivers if animation else ()):
        if curve.data_path.startswith(f'key_blocks["{PREFIX}'):  # before their keys: a driver of nothing is an error
            animation.drivers.remove(curve)
    for key in list(keys.key_blocks):
        if key.name.startswith(PREFIX) and key.name not in shown.keys:
            thing.shape_key_remove(key)


def write_shown(thing: bpy.types.Object, rig: bpy.types.Object, shown: Shown, frames: Array) -> None:
    """Key what is shown at `frames` (N,) in the Actions that animate the lent mesh and the rig."""
    if not shown.keys and not shown.turns:
        return
    animation = thing.data.shape_keys.animation_data
    bag = channelbag(animation.action, animation.action_slot)
    for name, values in shown.keys.items():
        key = thing.data.shape_keys.key_blocks[name]
        key.slider_min, key.slider_max = slider_range(name, values)
        _replace(bag, key_path(name), values[:, None], frames)
    bag = channelbag(rig.animation_data.action, rig.animation_data.action_slot)
    for joint, turns in shown.turns.items():
        _replace(bag, f'pose.bones["{joint}"].rotation_quaternion', turns, frames)
    for joint, places in shown.places.items():
        _replace(bag, f'pose.bones["{joint}"].location', places, frames)


def _replace(bag: bpy.types.ActionChannelbag, path: str, values: Array, frames: Array) -> None:
    for index, column in enumerate(values.T):
        old = bag.fcurves.find(path, index=index)
        if old:
            bag.fcurves.remove(old)
        if column.any():
            add_curve(bag, path, index, frames, column, LINEAR)
