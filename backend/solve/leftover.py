# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model leaves over of a block's measurement: how much the footage errs, how slowly, and how much of that looks like skin.

The measurement's noise is white in the pixels, its other errors are not: what a codec holds back and what light does is wide and
slow, as an expression is. How much of it there is differs thirtyfold between clips, so it is measured here, where the model
has taken its own part out: in each bump of skin, and in the frequencies an expression has.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from ..types import Floats
from .columns import Columns
from .temporal import BANDWIDTH_HZ, slow_power

Array = NDArray[np.float64]

SLOWEST_HZ = 0.9  #: below it depth and pose err, which the solve knows of
MEDIAN_SQUARE = 0.455  #: median of the square of a standard normal variable


@dataclass(frozen=True)
class Leftover:
    """Of one block.

    Attributes:
        misfit: mean variance of the evidence that no cause explains, in units of the evidence's.
        slow: power of the error's slow part over its white one (`temporal.slow_power`).
        alike: variance of the evidence in bumps of skin at the pace of expressions, by the median: most of a face is still at any
            time. None where the frames are too few to hold that pace.
    """

    misfit: float
    slow: float
    alike: float | None


def leftover(columns: Columns, left: Floats, seen: int, fps: float) -> Leftover:
    """Measure what is left over.

    Args:
        columns: of the template.
        left: (T, 2n) px, sheet coefficients less the model's, 0 where they are not seen.
        seen: frames that are not hidden as a whole.
        fps: frames per second.
    """
    share = len(left) / max(seen, 1)
    course = np.asarray(dct(left, axis=0, norm="ortho"))
    pull = course @ columns.field.information
    power = share * (pull * course).sum(1) / left.shape[1]
    return Leftover(float(power.mean()), slow_power(power, fps), _alike(columns, pull, share, fps))


def _alike(columns: Columns, pull: Array, share: float, fps: float) -> float | None:
    """As `Leftover.alike`, of the information (T, 2n) each cosine of time holds."""
    frequency = np.arange(len(pull)) * fps / (2 * len(pull))
    band = (frequency > SLOWEST_HZ) & (frequency < BANDWIDTH_HZ)
    if not band.any():
        return None
    bump = columns.layout.expression[columns.surface.causes.group > 0]
    own = columns.normal[bump, bump]
    strength = (pull[band] @ columns.coefficients[:, bump]) ** 2 / np.maximum(own, 1e-12)
    return share * float(np.median(strength)) / MEDIAN_SQUARE
