# SPDX-License-Identifier: GPL-3.0-or-later
"""What the head's drivers are made of: variables that read a property or a bone's turn, and the elements of a turn.

All is plain arithmetic, which Blender evaluates without Python.
"""

from __future__ import annotations

import bpy

#: Elements of R - I, row by row, of a unit quaternion, without their factor 2.
ELEMENTS = ("-{y}*{y}-{z}*{z}", "{x}*{y}-{w}*{z}", "{x}*{z}+{w}*{y}", "{x}*{y}+{w}*{z}", "-{x}*{x}-{z}*{z}",
            "{y}*{z}-{w}*{x}", "{x}*{z}-{w}*{y}", "{y}*{z}+{w}*{x}", "-{x}*{x}-{y}*{y}")  # fmt: skip
LENGTH = "({w}*{w}+{x}*{x}+{y}*{y}+{z}*{z})"  # keys are interpolated between unit quaternions
SHOWN, KEYED = ({name: name for name in "wxyz"}, {name: f"{name}0" for name in "wxyz"})  #: names of a turn's variables


def add_driver(owner: bpy.types.bpy_struct, path: str, index: int = -1) -> bpy.types.Driver:
    """A driver of a property whose value reaches it as it is.

    From 5.0 on Blender gives a new one two keys, at 0 and 1, and takes what is within 1e-4 of a key for the key: a bone
    shifted by less than a tenth of a millimetre would stay where it is.
    """
    curve = owner.driver_add(path, index)
    curve.keyframe_points.clear()
    curve.driver.type = "SCRIPTED"
    return curve.driver


def add_variable(driver: bpy.types.Driver, name: str, owner: bpy.types.ID, path: str) -> None:
    """A variable that reads a property of a datablock."""
    variable = driver.variables.new()
    variable.name, variable.type = name, "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type = owner.id_type
    target.id, target.data_path = owner, path


def add_shown(driver: bpy.types.Driver, rig: bpy.types.Object, bone: str) -> None:
    """Variables `SHOWN`: the turn of a bone after its constraints."""
    for name, variable_name in SHOWN.items():
        variable = driver.variables.new()
        variable.name, variable.type = variable_name, "TRANSFORMS"
        target = variable.targets[0]
        target.id, target.bone_target = rig, bone
        target.rotation_mode, target.transform_space = "QUATERNION", "LOCAL_SPACE"
        target.transform_type = f"ROT_{name.upper()}"


def add_keyed(driver: bpy.types.Driver, rig: bpy.types.Object, bone: str) -> None:
    """Variables `KEYED`: the turn of a bone as its channels have it."""
    for number, name in enumerate(KEYED.values()):
        add_variable(driver, name, rig, f'pose.bones["{bone}"].rotation_quaternion[{number}]')


def element(number: int, names: dict[str, str]) -> str:
    """The expression of one of the nine elements of R - I; `names` is SHOWN or KEYED."""
    return f"2*({ELEMENTS[number]})/{LENGTH}".format(**names)


def turned_less_itself(row: int, vector: str, names: dict[str, str]) -> str:
    """The expression of a component of (R - I) v; `vector` names the variables of v."""
    terms = "+".join(f"({ELEMENTS[3 * row + k]})*{name}" for k, name in enumerate(vector))
    return f"2*({terms})/{LENGTH}".format(**names)
