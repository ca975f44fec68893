# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose correctives that follow the bones: a shape key for every element of R - I, driven by the bone's own rotation.

They also serve poses that no take has, at the price of nine keys a joint. The expressions are plain arithmetic, which
Blender evaluates without Python.
"""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from .performance import numbered
from .strength import JOINTS, add_variable, companion

#: Elements of R - I, row by row, of a unit quaternion, without their factor 2.
ELEMENTS = ("-{y}*{y}-{z}*{z}", "{x}*{y}-{w}*{z}", "{x}*{z}+{w}*{y}", "{x}*{y}+{w}*{z}", "-{x}*{x}-{z}*{z}",
            "{y}*{z}-{w}*{x}", "{x}*{z}-{w}*{y}", "{y}*{z}+{w}*{x}", "-{x}*{x}-{y}*{y}")  # fmt: skip
LENGTH = "({w}*{w}+{x}*{x}+{y}*{y}+{z}*{z})"  # keys are interpolated between unit quaternions
SHOWN, KEYED = ({name: name for name in "wxyz"}, {name: f"{name}0" for name in "wxyz"})  # names of a turn's variables
LEAST = 1e-8  # m: weaker correctives move nothing that could be seen


def add_live_correctives(thing: bpy.types.Object, rig: bpy.types.Object, head: HeadModel) -> None:
    """Add keys to `thing` that follow all bones of `rig` as they are shown, strength included."""
    for name, joint, element, offset in _correctives(head):
        driver = _add_key(thing, name, offset)
        _add_shown(driver, rig, joint)
        driver.expression = _turned(element, SHOWN)


def add_strength_correctives(thing: bpy.types.Object, rig: bpy.types.Object, head: HeadModel) -> None:
    """Add keys to `thing` with what strength adds to baked correctives: those of the shown turn less those of the keyed."""
    for name, joint, element, offset in _correctives(head):
        if joint in JOINTS:
            driver = _add_key(thing, companion(name), offset)
            _add_shown(driver, rig, joint)
            for number, variable in enumerate(KEYED.values()):
                add_variable(driver, variable, rig, f'pose.bones["{joint}"].rotation_quaternion[{number}]')
            driver.expression = f"{_turned(element, SHOWN)}-{_turned(element, KEYED)}"


def _correctives(head: HeadModel) -> Iterator[tuple[str, str, str, NDArray[np.float64]]]:
    """Name, joint, element of its turn, and displacement (V, 3) m."""
    names = numbered("corrective", head.pose_correctives)
    for number, (name, offset) in enumerate(zip(names, head.pose_correctives, strict=True)):
        if np.abs(offset).max() > LEAST:
            joint, element = divmod(number, len(ELEMENTS))
            yield name, head.joint_names[1 + joint], ELEMENTS[element], offset


def _add_key(thing: bpy.types.Object, name: str, offset: NDArray[np.float64]) -> bpy.types.Driver:
    base = np.empty(3 * len(offset), np.float32)
    thing.data.shape_keys.reference_key.data.foreach_get("co", base)
    key = thing.shape_key_add(name=name, from_mix=False)
    key.data.foreach_set("co", base + offset.astype(np.float32).ravel())
    key.slider_min, key.slider_max = -4.0, 4.0  # an element is within 2 of 0
    driver = key.driver_add("value").driver
    driver.type = "SCRIPTED"
    return driver


def _turned(element: str, names: dict[str, str]) -> str:
    return f"2*({element})/{LENGTH}".format(**names)


def _add_shown(driver: bpy.types.Driver, rig: bpy.types.Object, joint: str) -> None:
    """The turn of a bone after its constraints."""
    for name, variable_name in SHOWN.items():
        variable = driver.variables.new()
        variable.name, variable.type = variable_name, "TRANSFORMS"
        target = variable.targets[0]
        target.id, target.bone_target = rig, joint
        target.rotation_mode, target.transform_space = "QUATERNION", "LOCAL_SPACE"
        target.transform_type = f"ROT_{name.upper()}"
