# SPDX-License-Identifier: GPL-3.0-or-later
"""The 52 ARKit weights of a take, and back.

On our heads jaw and eyes are joints, in ARKit they are weights: here one becomes the other. Weights are raw: negative
where a unit relaxes against rest, above 1 where it is stronger than its full strength.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import UNIT_NAMES
from ..solve.causes import JAW_LIMIT
from ..types import Take

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

# Turn of an eye at weight 1, rad, as a public Live Link Face recording relates its weights to its angles.
LOOK_SIDE = LOOK_DOWN = 0.61
LOOK_UP = 0.44

#: unit -> joint, axis of its turn (0 = down or open, 1 = to the subject's left), direction, rad at weight 1
TURNS: dict[str, tuple[str, int, int, float]] = {
    "jawOpen": ("jaw", 0, 1, JAW_LIMIT), "jawLeft": ("jaw", 1, 1, JAW_LIMIT), "jawRight": ("jaw", 1, -1, JAW_LIMIT),
    "eyeLookDownLeft": ("eye_left", 0, 1, LOOK_DOWN), "eyeLookDownRight": ("eye_right", 0, 1, LOOK_DOWN),
    "eyeLookUpLeft": ("eye_left", 0, -1, LOOK_UP), "eyeLookUpRight": ("eye_right", 0, -1, LOOK_UP),
    "eyeLookOutLeft": ("eye_left", 1, 1, LOOK_SIDE), "eyeLookOutRight": ("eye_right", 1, -1, LOOK_SIDE),
    "eyeLookInLeft": ("eye_left", 1, -1, LOOK_SIDE), "eyeLookInRight": ("eye_right", 1, 1, LOOK_SIDE),
}  # fmt: skip
_ONE_SIDED = "jawOpen"  # nothing takes over where the jaw closes beyond its rest: its weight may be negative


@dataclass(frozen=True)
class Weights:
    """Weights in the order of `UNIT_NAMES`; NaN in frames without a result."""

    value: Array  #: (T, 52) 1 = full strength
    std: Array  #: (T, 52) NaN where nothing is known


def weights_of(take: Take) -> Weights:
    """All 52 weights: a unit's own strength plus what the turn of its joint amounts to."""
    frames = len(take.time_s)
    value, std = np.zeros((frames, len(UNIT_NAMES))), np.full((frames, len(UNIT_NAMES)), np.nan)
    for column, name in enumerate(UNIT_NAMES):
        if name in take.expression_names:
            own = take.expression_names.index(name)
            value[:, column], std[:, column] = take.expression[:, own], take.expression_std[:, own]
        if name in TURNS and TURNS[name][0] in take.joint_names:
            turn, deviation = _turn(take, name)
            value[:, column], std[:, column] = value[:, column] + turn, deviation
    value[~np.isfinite(take.expression).all(1)] = np.nan
    return Weights(value, std)


def _turn(take: Take, name: str) -> tuple[Array, Array]:
    """A joint's share of a weight and its deviation, (T,) each."""
    joint, axis, sign, full = TURNS[name]
    column = take.joint_names.index(joint)
    angle = sign * take.pose[:, column, axis].astype(np.float64)
    deviation = take.pose_std[:, column, axis].astype(np.float64)
    return (angle if name == _ONE_SIDED else np.maximum(angle, 0)) / full, deviation / full


def turns_of(weights: Floats, joint: str) -> Array:
    """Axis-angle (T, 3) of a joint from weights (T, 52)."""
    turns = np.zeros((len(weights), 3))
    for name, (owner, axis, sign, full) in TURNS.items():
        if owner == joint:
            turns[:, axis] += sign * full * weights[:, UNIT_NAMES.index(name)]
    return turns
