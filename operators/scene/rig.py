# SPDX-License-Identifier: GPL-3.0-or-later
"""What moves a character's face: shape keys, bones, custom properties, found without being told.

A control is one number. Keys of one name on several meshes (skin, lashes, teeth, beard) are one control; a bone has six,
its turns about its own axes and its shifts along them. Values count from rest: what a control has before anything is
played on it, or its neutral where it is animated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import bpy
from mathutils import Matrix, Vector

from ...backend.retarget.bone_names import bone_convention, is_animators
from .character import Character
from .rest import key_rest, property_rest

LIMIT = 1.0  # rad, and at most how far a bone turns for an expression
REACH = 0.05  # of the rig's size, how far it shifts
STEP = {"key": 1.0, "rotation": 0.002, "location": 0.001, "property": 1.0}  # probing; location: of the rig's size
ALL = 0.999  # influence of a constraint that leaves a bone nothing
OURS = "microface"  # beginning of the names of our own properties


@dataclass(frozen=True)
class Control:
    """One number of a rig."""

    name: str
    kind: str  #: key, rotation, location or property
    owners: tuple[Any, ...]  #: shape keys, or the pose bone, or the owner of the property
    index: int  #: axis of a bone's turn or shift
    low: float  #: bounds, counted from rest
    high: float

    @property
    def owner(self) -> bpy.types.ID:
        """The datablock that animation of it belongs to; of keys of several meshes, the first."""
        return self.owners[0].id_data

    @property
    def datablocks(self) -> tuple[bpy.types.ID, ...]:
        """All of them."""
        return tuple(key.id_data for key in self.owners) if self.kind == "key" else (self.owner,)


def find_controls(character: Character) -> list[Control]:
    """Everything of a character that can be set, that nothing else sets and nobody has locked; names are unique."""
    found = [*_keys(character), *_bones(character), *_properties(character)]
    count = Counter(control.name for control in found)
    return [replace(one, name=f"{one.owner.name} {one.name}") if count[one.name] > 1 else one for one in found]


def _keys(character: Character) -> Iterator[Control]:
    """Shape keys by their names; of several meshes at once."""
    named: dict[str, list[bpy.types.ShapeKey]] = {}
    for keys in dict.fromkeys(mesh.data.shape_keys for mesh in character.meshes if mesh.data.shape_keys):
        driven = _driven(keys)
        for key in keys.key_blocks if keys.use_relative and not keys.library else ():
            path = key.path_from_id("value")
            if key != keys.reference_key and (path, 0) not in driven and not key.lock_shape and not key.mute:
                named.setdefault(key.name, []).append(key)
    for name, owners in named.items():
        rest = key_rest(owners[0])
        low, high = max(key.slider_min for key in owners), min(key.slider_max for key in owners)
        yield Control(name, "key", tuple(owners), 0, min(low - rest, 0.0), max(high - rest, 0.0))


def _bones(character: Character) -> Iterator[Control]:
    """Turns and shifts of bones that are free to move and that an animator moves."""
    for rig in character.rigs:
        if rig.library:
            continue
        reach, driven = REACH * max(*rig.dimensions), {path for path, _ in _driven(rig)}
        convention = bone_convention(bone.name for bone in rig.pose.bones)
        for bone in rig.pose.bones:
            paths = {bone.path_from_id(name) for name in ("location", "rotation_quaternion", "rotation_euler")}
            if is_animators(bone.name, convention) and not paths & driven and all(map(_passes, bone.constraints)):
                yield from _bone(bone, reach)


def _bone(bone: bpy.types.PoseBone, reach: float) -> Iterator[Control]:
    """What a bone's locks leave, within its limits where these are told in its own space."""
    for index, axis in enumerate("xyz"):
        if not bone.lock_rotation[index]:
            low, high = _limits(bone, "LIMIT_ROTATION", axis, LIMIT)
            yield Control(f"{bone.name} turn {axis}", "rotation", (bone,), index, low, high)
    for index, axis in enumerate("xyz"):
        if not bone.lock_location[index] and not bone.bone.use_connect:
            low, high = _limits(bone, "LIMIT_LOCATION", axis, reach)
            yield Control(f"{bone.name} shift {axis}", "location", (bone,), index, low, high)


def _passes(constraint: bpy.types.Constraint) -> bool:
    """Whether a bone's own motion comes through a constraint: where it limits, or adds to it, or takes only a share."""
    if constraint.mute or constraint.influence < ALL or constraint.type.startswith("LIMIT_"):
        return True
    if constraint.type in ("COPY_LOCATION", "COPY_SCALE"):
        return bool(constraint.use_offset)
    if constraint.type in ("COPY_ROTATION", "COPY_TRANSFORMS", "TRANSFORM", "ACTION"):
        modes = (getattr(constraint, name, "REPLACE") for name in ("mix_mode", "mix_mode_rot"))
        return any(mode != "REPLACE" for mode in modes)
    return False


def _limits(bone: bpy.types.PoseBone, kind: str, axis: str, most: float) -> tuple[float, float]:
    """How far a bone may go about or along an axis of its own."""
    low, high = -most, most
    for one in bone.constraints:
        if one.type == kind and not one.mute and one.owner_space == "LOCAL":
            ends = ("use_min", "use_max") if kind == "LIMIT_LOCATION" else ("use_limit", "use_limit")
            below, above = (getattr(one, f"{end}_{axis}") for end in ends)
            low = max(low, getattr(one, f"min_{axis}")) if below else low
            high = min(high, getattr(one, f"max_{axis}")) if above else high
    return min(low, 0.0), max(high, 0.0)


def _properties(character: Character) -> Iterator[Control]:
    """Custom properties with bounds, of objects, armatures and bones: others may be read by drivers of the face."""
    owners = [*character.rigs, *(bone for rig in character.rigs for bone in rig.pose.bones), *character.meshes]
    for owner in owners:
        for name, value in owner.items():
            if isinstance(value, float) and not name.startswith(("_", OURS)):
                told = owner.id_properties_ui(name).as_dict()
                low, high = float(told.get("min", 0.0)), float(told.get("max", 1.0))
                if high - low < 1e3:
                    label, rest = f"{owner.name} {name}", property_rest(owner, name)
                    yield Control(label, "property", (owner, name), 0, min(low - rest, 0.0), max(high - rest, 0.0))


def _driven(owner: bpy.types.ID) -> set[tuple[str, int]]:
    """Paths and indices that a driver sets."""
    data = owner.animation_data
    return {(driver.data_path, driver.array_index) for driver in data.drivers} if data else set()


def bone_matrix(turn: Vector, shift: Vector) -> Matrix:
    """What is put on a bone's own rest: a turn as axis-angle in its axes, and a shift along them."""
    angle = turn.length
    around = Matrix.Rotation(angle, 4, turn / angle) if angle > 1e-12 else Matrix.Identity(4)
    return Matrix.Translation(shift) @ around
