# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a control rests, so what its values count from: where it stands, or its neutral where animation sets it."""

from __future__ import annotations

from typing import Any

import bpy

CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")  # of a bone


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
