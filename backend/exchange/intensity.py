# SPDX-License-Identifier: GPL-3.0-or-later
"""How strong each action unit is, with its deviation: the mean of the named units that show it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...models.head.action_units import ACTION_UNITS
from ...models.head.units import UNIT_NAMES
from ..types import Take
from .arkit import Weights

Array = NDArray[np.float64]


def intensities(take: Take, weights: Weights) -> tuple[Array, Array]:
    """Intensities and deviations, (T, A) each, in the order of `ACTION_UNITS`; 1 = full strength on both sides.

    Two units that the footage tells apart badly have errors that go together: the posterior's low-rank factor counts.
    """
    value, std = [], []
    for units in ACTION_UNITS.values():
        column = [UNIT_NAMES.index(unit) for unit in units]
        value.append(weights.value[:, column].mean(1))
        together = _shared(take, units)
        alone = np.maximum(weights.std[:, column] ** 2 - (together**2).sum(-1), 0)
        std.append(np.sqrt(alone.sum(1) + (together.sum(1) ** 2).sum(-1)) / len(units))
    return np.stack(value, 1), np.stack(std, 1)


def _shared(take: Take, units: tuple[str, ...]) -> Array:
    """The factor's rows of these units (T, n, r); zero for a unit that is no key of the head."""
    out = np.zeros((len(take.time_s), len(units), take.expression_factor.shape[2]))
    for row, unit in enumerate(units):
        if unit in take.expression_names:
            out[:, row] = take.expression_factor[:, take.expression_names.index(unit)]
    return out
