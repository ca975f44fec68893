# SPDX-License-Identifier: GPL-3.0-or-later
"""The channels of a rig that follows a head: driven from the values of its controls, which the carrier has."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
from mathutils import Matrix

from .carrier import ANGLE, QUATERNION, Variables, drive, drive_own, value_name
from .rig import Control
from .rig_curves import Rest, matrix_of, paths_of, rotation_channel

HALF = "(sqrt(x*x+y*y+z*z+1e-30)/2)"  # of a turn's angle, from its rotation vector


def drive_rig(
    carrier: bpy.types.Object, controls: Sequence[Control], rests: Sequence[Rest], acting: Sequence[int]
) -> None:
    """The rig's own channels, from the values of its controls."""
    bones: dict[tuple[bpy.types.PoseBone, str], dict[int, int]] = {}
    stands: dict[bpy.types.PoseBone, Rest] = {}
    for number in acting:
        control = controls[number]
        if control.kind in ("rotation", "location"):
            bones.setdefault((control.owners[0], control.kind), {})[control.index] = number
            stands[control.owners[0]] = rests[number]
            continue
        for (owner, path), rest in zip(paths_of(control), rests[number], strict=True):
            drive(owner, path, -1, {"v": (carrier, f'["{value_name(number)}"]')}, f"{rest:.7g}+v")
    for (bone, kind), axes in bones.items():
        variables: Variables = {"xyz"[axis]: (carrier, f'["{value_name(number)}"]') for axis, number in axes.items()}
        if kind == "location":
            _shift(bone, matrix_of(stands[bone]), variables)
        else:
            _turn(carrier, bone, stands[bone], variables)


def _shift(bone: bpy.types.PoseBone, rest: Matrix, variables: Variables) -> None:
    for index in range(3):
        words = [f"{rest[index]['xyz'.index(axis)]:+.7g}*{axis}" for axis in variables]
        drive(bone.id_data, bone.path_from_id("location"), index, variables, f"{rest[index][3]:.7g}{''.join(words)}")


def _turn(carrier: bpy.types.Object, bone: bpy.types.PoseBone, rest: Rest, variables: Variables) -> None:
    """The bone's rest, then its turns: as a quaternion on the carrier, and from there in the bone's own rotation mode."""
    absent = {axis for axis in "xyz" if axis not in variables}
    w, x, y, z = matrix_of(rest).to_quaternion()[:]
    rows = ((w, -x, -y, -z), (x, w, -z, y), (y, z, w, -x), (z, -y, x, w))
    places: Variables = {}
    for letter, row in zip(QUATERNION, rows, strict=True):
        words = [f"{number:+.7g}*{axis}" for axis, number in zip("xyz", row[1:], strict=True) if axis not in absent]
        expression = f"{row[0]:.7g}*cos({HALF})+({''.join(words)})*sin({HALF})/(2*{HALF})"
        for axis in absent:
            expression = expression.replace(f"+{axis}*{axis}", "").replace(f"{axis}*{axis}+", "")
        name = f"{_bone_name(bone)} {letter}"
        places[letter] = (carrier, drive_own(carrier, name, variables, expression))
    for index, expression in enumerate(_channels(bone.rotation_mode)):
        drive(bone.id_data, bone.path_from_id(rotation_channel(bone)), index, places, expression)


def _bone_name(bone: bpy.types.PoseBone) -> str:
    """The beginning of the carrier's properties with a bone's quaternion."""
    return f"bone {list(bone.id_data.pose.bones).index(bone)} of {bone.id_data.name[:40]}"


def _channels(mode: str) -> tuple[str, ...]:
    """What each rotation channel of a mode is, of a quaternion w x y z. Euler angles: as in rig_curves.euler."""
    if mode == "QUATERNION":
        return tuple(QUATERNION)
    if mode == "AXIS_ANGLE":
        return (ANGLE, "x", "y+1e-12", "z")  # an axis of no turn is y
    i, j, k = (letter for letter in mode.lower())
    even = ("XYZ".index(mode[1]) - "XYZ".index(mode[0])) % 3 == 1
    minus, plus = ("-", "+") if even else ("+", "-")
    first = f"atan2(2*(w*{i}{plus}{j}*{k}),1-2*({i}*{i}+{j}*{j}))"
    middle = f"asin(min(max(2*(w*{j}{minus}{i}*{k}),-1),1))"
    last = f"atan2(2*(w*{k}{plus}{i}*{j}),1-2*({j}*{j}+{k}*{k}))"
    found = dict(zip((i, j, k), (first, middle, last), strict=True))
    return tuple(found[axis] for axis in "xyz")
