# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig cannot show of a motion: rather its size, which can be given back, than its direction.

The controls are to minimise, over places p with weights c_p, wanted motions d_p and shown ones g_p,

    sum_p c_p ( |g_p - d_p|^2 + 2 DIRECTION (|g_p| |d_p| - g_p . d_p) )

The second term is nothing where the direction is right, whatever the size. The sum is convex; from |g| <= (|g|^2 / |g0| + |g0|) / 2
it is least squares again, with weights and wanted motions renewed after each solution g0 (majorisation; Hunter and Lange, The
American Statistician 58(1), 2004). One weight a place serves a whole clip: sizes are rms over time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIRECTION = 4.0  #: against the distance
STILL = 0.04  #: of the lively places' motion: what moves less is to stay still
STILL_WEIGHT = 3.0  #: against a lively place: motion where the person is still is worse than one that is off
FAINT = 0.1  #: of the lively places' motion, below which its direction does not count
ROUNDS = 2


def importance(wanted: Array) -> Array:
    """How much each place (N,) counts: as it is to move over the clip, (T, N, 3) m; and what is to stay still."""
    size = _size(wanted)
    share = size / _lively(size)
    return np.asarray(share + STILL_WEIGHT * np.exp(-((share / STILL) ** 2)))


def renewed(wanted: Array, shown: Array) -> tuple[Array, Array]:
    """Factors (N,) on the weights and on the wanted motion of places, from what was wanted and shown, (T, N, 3) m."""
    size, other = _size(wanted), _size(shown)
    faint = FAINT * _lively(size)
    weight = 1 + DIRECTION * (size + faint) / (other + faint)
    return np.asarray(weight), np.asarray((1 + DIRECTION) / weight)


def _size(motion: Array) -> Array:
    return np.asarray(np.sqrt((motion**2).sum(2).mean(0)))


def _lively(size: Array) -> float:
    return max(float(np.quantile(size, 0.95)), 1e-30)
