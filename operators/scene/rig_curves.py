# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a rig's controls as the curves that Blender plays: keys and properties one by one, bones by their channels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Quaternion
from numpy.typing import NDArray

from ..compat import channelbag
from .action import quaternions
from .rest import bone_keyed, key_rest, property_path, property_rest
from .rig import Control

Array = NDArray[np.float64]
Rest = tuple[float, ...]  #: of a key one number for each mesh, of a property one, of a bone its matrix row by row

STILL = 1e-6  # a control whose values stay below that gets no curve and stays free for the artist
JUMP = 1.0  # rad from one frame to the next: an Euler angle that turns over
NOWHERE = np.array([0.0, 1.0, 0.0])  # axis of no turn


@dataclass(frozen=True)
class Curve:
    """What one F-curve is to hold."""

    owner: bpy.types.ID
    path: str
    index: int
    values: Array  #: (N,)


def rest_of(control: Control) -> Rest:
    """What a control's values count from. To be asked before anything is keyed."""
    if control.kind == "key":
        return tuple(key_rest(key) for key in control.owners)
    if control.kind == "property":
        return (property_rest(*control.owners),)
    bone = control.owners[0]
    matrix = Matrix.Identity(4) if bone_keyed(bone) else bone.matrix_basis
    return tuple(number for row in matrix for number in row)


def matrix_of(rest: Rest) -> Matrix:
    """Where a bone rests."""
    return Matrix([rest[start : start + 4] for start in range(0, 16, 4)])


def paths_of(control: Control) -> list[tuple[bpy.types.ID, str]]:
    """The datablocks and paths that move with a control."""
    if control.kind == "key":
        return [(key.id_data, key.path_from_id("value")) for key in control.owners]
    if control.kind == "property":
        return [(control.owner, property_path(*control.owners))]
    bone = control.owners[0]
    name = rotation_channel(bone) if control.kind == "rotation" else "location"
    return [(bone.id_data, bone.path_from_id(name))]


def paths_played(one: bpy.types.AnimData | bpy.types.NlaStrip) -> set[str]:
    """What an action moves by the slot that a datablock or a strip plays."""
    if not one.action or not one.action_slot:
        return set()
    return {curve.data_path for curve in channelbag(one.action, one.action_slot).fcurves}


def rotation_channel(bone: bpy.types.PoseBone) -> str:
    """The channel that turns a bone, by its rotation mode."""
    return {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}.get(
        bone.rotation_mode, "rotation_euler"
    )


def curves_of(
    controls: Sequence[Control], rests: Sequence[Rest], values: Array, acting: Iterable[int]
) -> Iterator[Curve]:
    """The curves of those controls that act.

    Args:
        controls: (K,).
        rests: (K,) as `rest_of`.
        values: (N, K) counted from rest.
        acting: indices of the controls wanted; of a bone the others still count where its channels are wanted.
    """
    bones: dict[Any, set[str]] = {}
    for column in acting:
        control, rest = controls[column], rests[column]
        if control.kind in ("rotation", "location"):
            bones.setdefault(control.owners[0], set()).add(control.kind)
            continue
        for (owner, path), own in zip(paths_of(control), rest, strict=True):
            yield Curve(owner, path, 0, own + values[:, column])
    of_bone: dict[Any, list[int]] = {}
    for column, control in enumerate(controls):
        if control.kind in ("rotation", "location") and control.owners[0] in bones:
            of_bone.setdefault(control.owners[0], []).append(column)
    for bone, columns in of_bone.items():
        moved = np.zeros((2, len(values), 3))
        for column in columns:
            control = controls[column]
            moved[int(control.kind == "location"), :, control.index] = values[:, column]
        yield from _bone_curves(bone, rests[columns[0]], moved, bones[bone])


def _bone_curves(bone: bpy.types.PoseBone, rest: Rest, moved: Array, kinds: set[str]) -> Iterator[Curve]:
    """Rotation and location of one bone from its turns and shifts (2, N, 3), in its own rotation mode."""
    matrix = np.array(matrix_of(rest))
    channels: dict[str, Array] = {}
    if "rotation" in kinds:
        turned = _product(np.array(matrix_of(rest).to_quaternion()), quaternions(moved[0]))
        channels[rotation_channel(bone)] = _in_mode(turned, bone.rotation_mode)
    if "location" in kinds:
        channels["location"] = matrix[:3, 3] + moved[1] @ matrix[:3, :3].T
    for name, numbers in channels.items():
        for index, column in enumerate(numbers.T):
            yield Curve(bone.id_data, bone.path_from_id(name), index, column)


def _product(first: Array, then: Array) -> Array:
    """Quaternion (4,) times quaternions (N, 4), w x y z."""
    w, x, y, z = first
    left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return np.asarray(then @ left.T)


def _in_mode(turns: Array, mode: str) -> Array:
    """Quaternions (N, 4) as the channels of a rotation mode (N, C), without jumps."""
    if mode == "QUATERNION":
        return turns
    if mode == "AXIS_ANGLE":
        return _axis_angles(turns)
    angles = np.unwrap(euler(turns, mode), axis=0)
    plain = np.abs(angles[:1]).max() < np.pi / 2 and np.abs(np.diff(angles, axis=0)).max(initial=0) < JUMP
    return angles if plain else _followed(turns, mode)


def _axis_angles(turns: Array) -> Array:
    """Angle and axis (N, 4); an axis stays on its side where a turn passes through none."""
    length = np.linalg.norm(turns[:, 1:], axis=1, keepdims=True)
    axis = np.where(length > 1e-9, turns[:, 1:] / np.maximum(length, 1e-30), NOWHERE)
    angle = 2 * np.arctan2(length, turns[:, :1])
    side = np.cumprod(np.append(1.0, np.where((axis[1:] * axis[:-1]).sum(1) < 0, -1.0, 1.0)))[:, None]
    return np.hstack([side * angle, side * axis])


def euler(turns: Array, mode: str) -> Array:
    """Angles (N, 3) about x, y, z of unit quaternions (N, 4): Blender's order, whose first letter turns first."""
    w, vector = turns[:, 0], turns[:, 1:]
    i, j, k = ("XYZ".index(letter) for letter in mode)
    side = 1.0 if (j - i) % 3 == 1 else -1.0
    one, two, three = vector[:, i], vector[:, j], side * vector[:, k]
    one, two = side * one, side * two  # of an odd order: the even one's, mirrored
    out = np.empty((len(turns), 3))
    out[:, i] = side * np.arctan2(2 * (two * three + w * one), 1 - 2 * (one**2 + two**2))
    out[:, j] = side * np.arcsin((2 * (w * two - one * three)).clip(-1, 1))
    out[:, k] = side * np.arctan2(2 * (one * two + w * three), 1 - 2 * (two**2 + three**2))
    return out


def _followed(turns: Array, mode: str) -> Array:
    """Angles (N, 3), each as near as can be to the one before: where an order is close to its own limit."""
    out = np.empty((len(turns), 3))
    before: Any = None
    for row, turn in enumerate(turns):
        now: Any = Quaternion(turn)
        before = now.to_euler(mode, before) if before is not None else now.to_euler(mode)
        out[row] = before[:]
    return out
