# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose correctives that follow the bones: a shape key for every element of R - I, driven by the bone's own rotation.

They also serve poses that no take has, at the price of nine keys a joint. The expressions are plain arithmetic, which
Blender evaluates without Python.
"""

from __future__ import annotations

import bpy
import numpy as np

from ...models.head.model import HeadModel
from .performance import numbered

#: Elements of R - I, row by row, of a unit quaternion, without their factor 2.
ELEMENTS = ("-y*y-z*z", "x*y-w*z", "x*z+w*y", "x*y+w*z", "-x*x-z*z", "y*z-w*x", "x*z-w*y", "y*z+w*x", "-x*x-y*y")
LENGTH = "(w*w+x*x+y*y+z*z)"  # keys are interpolated between unit quaternions
LEAST = 1e-8  # m: weaker correctives move nothing that could be seen


def add_live_correctives(thing: bpy.types.Object, rig: bpy.types.Object, head: HeadModel) -> None:
    """Add the keys to `thing` and drive them by the bones of `rig`."""
    base = np.empty(3 * len(head.template), np.float32)
    thing.data.shape_keys.reference_key.data.foreach_get("co", base)
    names = numbered("corrective", head.pose_correctives)
    for number, (name, offset) in enumerate(zip(names, head.pose_correctives, strict=True)):
        if np.abs(offset).max() > LEAST:
            joint, element = divmod(number, len(ELEMENTS))
            key = thing.shape_key_add(name=name, from_mix=False)
            key.data.foreach_set("co", base + offset.astype(np.float32).ravel())
            key.slider_min, key.slider_max = -2.0, 2.0
            _drive(key, rig, head.joint_names[1 + joint], ELEMENTS[element])


def _drive(key: bpy.types.ShapeKey, rig: bpy.types.Object, joint: str, element: str) -> None:
    driver = key.driver_add("value").driver
    driver.type = "SCRIPTED"
    for index, name in enumerate("wxyz"):
        variable = driver.variables.new()
        variable.name, variable.type = name, "SINGLE_PROP"
        variable.targets[0].id = rig
        variable.targets[0].data_path = f'pose.bones["{joint}"].rotation_quaternion[{index}]'
    driver.expression = f"2*({element})/{LENGTH}"
