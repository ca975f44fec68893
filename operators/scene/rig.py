# SPDX-License-Identifier: GPL-3.0-or-later
"""A character's face and what moves it: shape keys, bones, custom properties, found without being told.

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

from ...backend.errors import MicrofaceError
from ...backend.retarget.bone_names import bone_convention, is_animators

LIMIT = 1.0  # rad, and at most how far a bone turns for an expression
REACH = 0.05  # of the rig's size, how far it shifts
STEP = {"key": 1.0, "rotation": 0.002, "location": 0.001, "property": 1.0}  # probing; location: of the rig's size
ALL = 0.999  # influence of a constraint that leaves a bone nothing
CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")  # of a bone
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


@dataclass(frozen=True)
class Character:
    """The objects that belong together."""

    name: str
    meshes: tuple[bpy.types.Object, ...]
    rigs: tuple[bpy.types.Object, ...]  #: armatures

    @property
    def animated(self) -> tuple[bpy.types.ID, ...]:
        """The datablocks whose animation data move it: shape keys, armature objects."""
        keys = [mesh.data.shape_keys for mesh in self.meshes if mesh.data.shape_keys]
        return (*dict.fromkeys(keys), *self.rigs)


def find_character(context: bpy.types.Context, thing: bpy.types.Object | None = None) -> Character:
    """The character of an object, or the one of the scene with the most controls.

    Raises:
        MicrofaceError: ``no_rig``.
    """
    context.view_layer.update()  # what has just been linked counts as hidden before
    chosen = [thing] if thing else [one for one in context.view_layer.objects if one.visible_get()]
    families = dict.fromkeys(_root(one) for one in chosen if one.type in ("MESH", "ARMATURE"))
    characters = [character for root in families if (character := _character(context, root)).meshes]
    characters = [one for one in characters if any(mesh.data.shape_keys for mesh in one.meshes) or one.rigs]
    if not characters:
        where = f"{thing.name} is no" if thing else "Nothing in the scene is a"
        text = f"{where} rig: there is no visible mesh with shape keys or an armature."
        raise MicrofaceError("no_rig", text, "Choose the character's mesh or armature, and show it.")
    return max(characters, key=_richness)


def _root(thing: bpy.types.Object) -> bpy.types.Object:
    """The object that a character hangs on: the armature that deforms it, or its uppermost parent."""
    rig = next((one.object for one in thing.modifiers if one.type == "ARMATURE" and one.object), None)
    thing = rig or thing
    while thing.parent:
        thing = thing.parent
    return thing


def _character(context: bpy.types.Context, root: bpy.types.Object) -> Character:
    family = [one for one in context.view_layer.objects if one.visible_get() and _root(one) == root]
    rigs = [one for one in context.view_layer.objects if one.type == "ARMATURE" and _root(one) == root]
    meshes = [one for one in family if one.type == "MESH" and len(one.data.polygons)]
    return Character(root.name, tuple(meshes), tuple(rigs))


def _richness(character: Character) -> tuple[int, int]:
    keys = sum(len(mesh.data.shape_keys.key_blocks) for mesh in character.meshes if mesh.data.shape_keys)
    return keys, sum(len(rig.pose.bones) for rig in character.rigs)


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


def key_rest(key: bpy.types.ShapeKey) -> float:
    """What a key's values count from: 0 where it is animated."""
    return 0.0 if keyed(key.id_data, key.path_from_id("value")) else float(key.value)


def property_path(owner: Any, name: str) -> str:
    """The path of a custom property of an object or a pose bone, from the object."""
    before = owner.path_from_id() if isinstance(owner, bpy.types.PoseBone) else ""
    return f'{before}["{bpy.utils.escape_identifier(name)}"]'


def property_rest(owner: Any, name: str) -> float:
    """What a custom property's values count from: its default where it is animated."""
    if not keyed(owner.id_data, property_path(owner, name)):
        return float(owner[name])
    return float(owner.id_properties_ui(name).as_dict()["default"])


def bone_keyed(bone: bpy.types.PoseBone) -> bool:
    """Whether animation sets any channel of a bone: its values count from its rest then."""
    return any(keyed(bone.id_data, bone.path_from_id(name)) for name in CHANNELS)


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


def keyed(owner: bpy.types.ID, path: str) -> bool:
    """Whether animation sets a value: what it is now says nothing of its rest."""
    data = owner.animation_data
    if not data:
        return False
    strips = [strip for track in data.nla_tracks for strip in track.strips]
    playing = [(one.action, one.action_slot) for one in (data, *strips) if one.action and one.action_slot]
    return any(curve.data_path == path for action, slot in playing for curve in _curves(action, slot))


def _curves(action: bpy.types.Action, slot: bpy.types.ActionSlot) -> list[bpy.types.FCurve]:
    """What a slot of an action animates: the other slots are other datablocks' or nobody's."""
    bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag for curve in bag.fcurves]


def bone_matrix(turn: Vector, shift: Vector) -> Matrix:
    """What is put on a bone's own rest: a turn as axis-angle in its axes, and a shift along them."""
    angle = turn.length
    around = Matrix.Rotation(angle, 4, turn / angle) if angle > 1e-12 else Matrix.Identity(4)
    return Matrix.Translation(shift) @ around
