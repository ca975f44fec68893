# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints that expressions move, as FLAME's own coefficients do: where their bones go, and k times as far by strength.

A joint that turns by R about a centre moved by d from its bone's rest is the bone turned by R and shifted by d - R d:
that is what the Action keys, and shows at strength 1. Besides it keys d itself, as the location of a hidden bone. The
location of another hidden bone is what strength k adds, and the joint's bone copies it:

    k (d - R(k) d) - (d - R d), R(k) as it is shown: turns of jaw and eyes have a strength too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.types import Take
from ...models.head.model import HeadModel
from ...models.head.rotation import rotation_matrix
from .drivers import KEYED, SHOWN, add_driver, add_keyed, add_shown, add_variable, turned_less_itself

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

VECTOR = "abc"  # names of the variables of d


def shift_bone(joint: str) -> str:
    """The hidden bone whose location is d."""
    return f"shift {joint}"


def place_bone(joint: str) -> str:
    """The hidden bone whose location is what strength adds."""
    return f"strength {joint} place"


def shifted_joints(take: Take, head: HeadModel) -> list[str]:
    """The joints that expressions of this take move."""
    moved = np.abs(head.joint_shift(np.nan_to_num(take.expression))).max((0, 2), initial=0)
    return [joint for joint, far in zip(head.joint_names, moved, strict=True) if far > 0]


def bone_places(shift: Floats, pose: Floats) -> Array:
    """d - R d (N, J, 3) m, in the frame of the bones' parents, from d and axis-angle turns, (N, J, 3) each."""
    return np.asarray(shift - np.einsum("njab,njb->nja", rotation_matrix(pose), shift))


def drive_place(
    rig: bpy.types.Object, joint: str, shown: str, read_strength: Callable[[bpy.types.Driver], str]
) -> None:
    """Let the joint's bone copy what strength adds to its place.

    Args:
        shown: the bone that turns as the joint is shown: the joint itself where that is as it is keyed.
        read_strength: gives a driver the variables of k, and its expression.
    """
    place, bone = rig.pose.bones[place_bone(joint)], rig.pose.bones[joint]
    for row in range(3):
        driver = add_driver(place, "location", row)
        for number, name in enumerate(VECTOR):
            add_variable(driver, name, rig, f'pose.bones["{shift_bone(joint)}"].location[{number}]')
        add_keyed(driver, rig, joint)
        k, measured = read_strength(driver), turned_less_itself(row, VECTOR, KEYED)
        if shown == joint:
            driver.expression = f"(1-{k})*{measured}"
        else:
            add_shown(driver, rig, shown)
            driver.expression = f"{measured}-{k}*{turned_less_itself(row, VECTOR, SHOWN)}"
    copy = bone.constraints.new("COPY_LOCATION")
    copy.name = "Strength Place"
    copy.target, copy.subtarget = rig, place.name
    copy.owner_space = copy.target_space = "LOCAL"
    copy.use_offset = True
