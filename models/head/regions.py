# SPDX-License-Identifier: GPL-3.0-or-later
"""The five regions of a face whose motion has a strength of its own: whose a unit is, and whose a place on the skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import HeadModel
from .units import UNIT_NAMES

Array = NDArray[np.float64]

#: The beginnings of their units' names. Cheeks go with the mouth: a smile lifts them.
REGIONS = {
    "brows": ("brow",), "eyes": ("eye",), "nose": ("nose",), "mouth": ("mouth", "cheek", "tongue"), "jaw": ("jaw",),
}  # fmt: skip
NOWHERE = ""  #: where no region's units move the skin

FAINT = 0.02  #: of a unit's largest motion: where all move less, the skin is nobody's


def region_of(unit: str) -> str:
    """The region that owns a named unit; `NOWHERE` for what is no named unit, such as FLAME's own coefficients."""
    if unit not in UNIT_NAMES:
        return NOWHERE
    return next(region for region, begin in REGIONS.items() if unit.startswith(begin))


def region_shares(head: HeadModel) -> dict[str, Array]:
    """How much of every vertex belongs to each region: (V,) each, and together 1.

    A place belongs to the regions whose units move it, in proportion to the square of how far the unit does that moves it
    most, counted in the unit's own largest motion: where a unit is at home, its region owns most.
    """
    powers = {NOWHERE: np.full(len(head.template), FAINT**2)}
    for region in REGIONS:
        units = [k for k, name in enumerate(head.expression_names) if region_of(name) == region]
        power = (np.asarray(head.expression[units], np.float64) ** 2).sum(2)
        power = power / np.maximum(power.max(1, initial=0, keepdims=True), 1e-12)
        powers[region] = power.max(0, initial=0)
    total = np.sum(list(powers.values()), axis=0)
    return {region: power / total for region, power in powers.items()}
