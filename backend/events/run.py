# SPDX-License-Identifier: GPL-3.0-or-later
"""A stretch of the units' motion without a gap, on an even clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..types import BRIDGED, Floats, Ints

Array = NDArray[np.float64]

SCALES = (0.01, 0.03, 0.09)  #: s, of the Gaussians that events are looked for with


@dataclass(frozen=True)
class Run:
    """A stretch without a gap, on an even clock. A channel is a unit, or the mean of a left and a right one."""

    time: Array  #: (n,) s
    step: float  #: s
    motion: Array  #: (n, C) px
    std: Array  #: (n, C) px
    usual: Array  #: (C,) px: the claimed noise at rest; solvers claim more where there is motion
    z: Array  #: (n, C) motion / usual


def runs_of(time_s: Floats, motion: Floats, std: Floats, valid: Ints) -> Iterator[Run]:
    """Stretches of at least three measured frames, interpolated to their median frame time."""
    good = (np.asarray(valid) <= BRIDGED) & np.isfinite(motion).all(1) & np.isfinite(std).all(1)
    edges = np.flatnonzero(np.diff(np.r_[False, good, False]))
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    for start, stop in edges.reshape(-1, 2):
        if stop - start < 3:
            continue
        here = np.asarray(time_s[start:stop], np.float64)
        even = here[0] + step * np.arange(round((here[-1] - here[0]) / step) + 1)
        px, sigma = (np.column_stack([np.interp(even, here, row) for row in x[start:stop].T]) for x in (motion, std))
        sigma = np.maximum(sigma, 1e-9)
        usual = np.quantile(sigma, 0.2, axis=0)
        yield Run(even, step, px, sigma, usual, px / usual)


def smoothed(run: Run) -> Array:
    """(scales, n, C): zeros beyond the ends, so that an end is never noisier than the middle."""
    return np.stack([gaussian_filter1d(run.z, scale / run.step, axis=0, mode="constant") for scale in SCALES])
