# SPDX-License-Identifier: GPL-3.0-or-later
"""Strength: how many times as far the face moves from neutral, overall and by region, while the Action stays raw.

The head object carries six custom properties (`strength`, `strength_mouth`, ...). Every shape key has companions, named
`strength ...`, whose drivers add what is missing: raw value times (strength - 1). Named units belong to one region. What
no unit is, detail above all, may move several regions: it has one companion for each, which moves that region's share
of the skin (`regions.py`), so that equal strengths give the same multiple of the whole. Jaw and eyes copy the rotation of
a hidden bone that turns about the same axis, `strength` times as far (`armature.py` makes it); where expressions move
joints, these move so far too (`joint_shift.py`).

Drivers are plain arithmetic on datablocks: they need neither Python nor this add-on, and go wherever the head goes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import bpy
import numpy as np

from ...models.head.model import HeadModel
from ...models.head.regions import NOWHERE, REGIONS, region_of, region_shares
from ..head import STRENGTH, strength_property
from .action import key_path
from .drivers import add_driver, add_variable
from .joint_shift import drive_place, place_bone
from .mesh import SLIDER_LIMIT, Array, share_within
from .performance import Channel

MOST = 20.0
PREFIX = "strength "
JOINTS = {"jaw": "jaw", "eye_left": "eyes", "eye_right": "eyes"}  #: whose turns are expression, and the region of each
NEGLIGIBLE = 1e-7  # m: what moves less at full strength is left out
ANGLE = "2*{strength}*atan2(sqrt(x*x+y*y+z*z),w)"  # of a unit quaternion, times the strength


@dataclass(frozen=True)
class _Companion:
    """A key that adds to another one."""

    of: str
    name: str
    region: str
    displacement: Array  #: (V, 3) m
    weakened: float  #: its values are divided by this, its displacement is multiplied: sliders end at 10


def add_strength(thing: bpy.types.Object, rig: bpy.types.Object, head: HeadModel, channels: list[Channel]) -> None:
    """Give the head `thing` its properties, companion keys and drivers, and `rig` the drivers of jaw and eyes."""
    most = _add_properties(thing, channels)
    basis = np.empty(3 * len(head.template), np.float32)
    thing.data.shape_keys.reference_key.data.foreach_get("co", basis)
    for added in _companions(head, channels):
        key = thing.shape_key_add(name=added.name, from_mix=False)
        key.data.foreach_set("co", basis + added.displacement.astype(np.float32).ravel())
        key.slider_min, key.slider_max, key.value = -SLIDER_LIMIT, SLIDER_LIMIT, 0.0
        _drive_key(key, thing, added, most[added.region])
    for joint in JOINTS.keys() & set(head.joint_names):
        _drive_bone(rig, thing, joint, most[JOINTS[joint]])
    for joint in head.joint_names:
        if place_bone(joint) in rig.pose.bones:
            region = JOINTS.get(joint, NOWHERE)
            shown = companion(joint) if joint in JOINTS else joint
            drive_place(rig, joint, shown, partial(_add_strengths, thing=thing, region=region, most=most[region]))


def companion(name: str, region: str = NOWHERE) -> str:
    """The name of what adds to the key or bone `name`, of the share of one region."""
    return f"{PREFIX}{name} {region}".rstrip()


def _add_properties(thing: bpy.types.Object, channels: list[Channel]) -> dict[str, float]:
    """Overall and by region, 1 each. Gives the largest strength of every region."""
    most, why = {NOWHERE: MOST}, {NOWHERE: ""}
    for region in REGIONS:
        of_region = [channel for channel in channels if region_of(channel.name) == region]
        peaks = {channel.name: float(np.abs(channel.values).max(initial=0)) for channel in of_region}
        name = max(peaks, key=lambda name: peaks[name], default="")
        most[region] = min(MOST, share_within(peaks[name])) if name else MOST
        limited = most[region] < MOST
        why[region] = f". At most {most[region]:g}: {name} would pass 10, a shape key's limit" if limited else ""
    for region, limit in most.items():
        property_ = strength_property(region)
        thing[property_] = 1.0
        what = f"the {region} move" if region in ("brows", "eyes") else f"the {region or 'whole face'} moves"
        beyond = ", times the strength of all" if region else ""
        text = f"How many times as far {what} from neutral{beyond}{why[region]}"
        interface = thing.id_properties_ui(property_)
        interface.update(min=0.0, max=limit, soft_min=0.0, soft_max=limit, default=1.0, description=text)
        thing.property_overridable_library_set(f'["{property_}"]', True)
    return most


def _companions(head: HeadModel, channels: list[Channel]) -> Iterator[_Companion]:
    """Of all keys but the pose correctives, which follow the bones."""
    shares = region_shares(head)
    for channel in channels:
        peak, region = float(np.abs(channel.values).max(initial=0)), region_of(channel.name)
        if channel.name.startswith("corrective"):
            continue
        if region:
            displacement = np.asarray(channel.displacement, np.float64)
            if np.abs(displacement).max() > NEGLIGIBLE:
                yield _Companion(channel.name, companion(channel.name), region, displacement, 1.0)
            continue
        weakened = max(1.0, MOST * peak / SLIDER_LIMIT)
        for part, share in shares.items():
            displacement = np.asarray(weakened * share[:, None] * channel.displacement, np.float64)
            if np.abs(displacement).max() * peak * MOST / weakened > NEGLIGIBLE:
                yield _Companion(channel.name, companion(channel.name, part), part, displacement, weakened)


def _drive_key(key: bpy.types.ShapeKey, thing: bpy.types.Object, companion: _Companion, most: float) -> None:
    driver = add_driver(key, "value")
    add_variable(driver, "v", thing.data.shape_keys, key_path(companion.of))
    strength = _add_strengths(driver, thing, companion.region, most)
    driver.expression = f"({strength}-1)*v" + (f"/{companion.weakened:g}" if companion.weakened > 1 else "")


def _drive_bone(rig: bpy.types.Object, thing: bpy.types.Object, joint: str, most: float) -> None:
    """The hidden bone reads the raw channels of `joint`, which in turn copies its rotation."""
    stronger, bone = rig.pose.bones[companion(joint)], rig.pose.bones[joint]
    stronger.rotation_mode = "AXIS_ANGLE"
    for index, expression in enumerate((ANGLE, "x", "y", "z")):
        driver = add_driver(stronger, "rotation_axis_angle", index)
        for number, name in enumerate("wxyz"):
            add_variable(driver, name, rig, f'pose.bones["{joint}"].rotation_quaternion[{number}]')
        strength = _add_strengths(driver, thing, JOINTS[joint], most)
        driver.expression = expression.format(strength=strength)
    copy = bone.constraints.new("COPY_ROTATION")
    copy.name = "Strength"
    copy.target, copy.subtarget = rig, stronger.name
    copy.owner_space = copy.target_space = "LOCAL"


def _add_strengths(driver: bpy.types.Driver, thing: bpy.types.Object, region: str, most: float) -> str:
    """Variables for the strengths that act on a region; gives their product, `most` at most."""
    add_variable(driver, "s", thing, f'["{STRENGTH}"]')
    if region != NOWHERE:
        add_variable(driver, "r", thing, f'["{strength_property(region)}"]')
    return f"min({'s*r' if region else 's'},{most:g})"
