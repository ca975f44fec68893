# SPDX-License-Identifier: GPL-3.0-or-later
"""A stretch of the units' motion without a gap, on an even clock, and how far it rises above what was before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..types import BRIDGED, Floats, Ints

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

REACHES = (
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
)  #: s from the apex to before and after, doubled: an octave each
BLUR = 0.25  #: of the reach: standard deviation of the Gaussian that smooths the course


@dataclass(frozen=True)
class Rise:
    """How far a run stands above both its past and its future, one reach away; arrays (m, C), of every stride-th sample.

    Attributes:
        bend: the mean of both differences: blind to a level and to a slope. Its size is that of the noise.
        height: the smaller of both where they agree, or 0: never more than the bend, and 0 for what only rises or falls.
        middle: between the top and what is beside it, from the neutral template: the top of an expression lies beyond it.
        seen: (m, 1) 1, or sqrt(2) where one of both lies beyond the run's end: it is the other's mirror image, so the
            noise is not averaged.
        stride: samples of the run to one of these.
    """

    bend: Array
    height: Array
    middle: Array
    seen: Array
    stride: int


@dataclass(frozen=True)
class Run:
    """A stretch without a gap, on an even clock. A channel is a unit, or the mean of a left and a right one."""

    time: Array  #: (n,) s
    step: float  #: s
    motion: Array  #: (n, C) px
    std: Array  #: (n, C) px
    z: Array  #: (n, C) motion over the claimed noise at rest: solvers claim more where there is motion
    shown: Mask  #: (n, C) where nothing covers the unit
    large: Array  #: (C,) in claimed sizes: no noise is as large
    rises: tuple[Rise, ...]  #: of z, at every reach
    pulled: tuple[Array, ...]  #: (m, C) bend by which closing lids pull it, in claimed sizes, at every reach

    def restful(self, reach: int) -> Mask:
        """(m, C) what may be noise, at a reach."""
        rise = self.rises[reach]
        return np.asarray(self.shown[:: rise.stride] & (np.abs(rise.bend) <= self.large))


def lag_of(reach: float, step: float) -> int:
    return max(1, round(reach / step))


def rises_of(values: Array, step: float) -> Iterator[Rise]:
    """Of the columns of values (n, C), at every reach. What is blurred enough is kept at every second sample only."""
    smooth, stride, blurred = values, 1, 0.0
    for reach in REACHES:
        blur = BLUR * reach / step
        smooth = gaussian_filter1d(smooth, np.sqrt(blur**2 - blurred**2) / stride, axis=0, mode="nearest")
        blurred = blur
        while blur >= 4 * stride:
            smooth, stride = smooth[::2], 2 * stride
        yield _rise(smooth, lag_of(reach, step * stride), stride)


def _rise(smooth: Array, lag: int, stride: int) -> Rise:
    count = len(smooth)
    if lag >= 2 * count:
        nothing = np.zeros_like(smooth)
        return Rise(nothing, nothing, smooth, np.ones((count, 1)), stride)
    lag = min(lag, count - 1)  # an expression may be held for most of a clip
    beyond = np.pad(smooth, ((lag, lag), (0, 0)), mode="symmetric")
    before, after = smooth - beyond[: -2 * lag], smooth - beyond[2 * lag :]
    height = np.where(before * after > 0, np.sign(before) * np.minimum(abs(before), abs(after)), 0.0)
    place, bend = np.arange(count), (before + after) / 2
    seen = np.where((place < lag) | (place >= count - lag), np.sqrt(2), 1.0)[:, None]
    return Rise(bend, height, smooth - bend / 2, seen, stride)


def runs_of(
    time_s: Floats, motion: Floats, std: Floats, valid: Ints, pulled: Floats, shown: Mask, large_px: Array
) -> Iterator[Run]:
    """Stretches of at least three measured frames, interpolated to their median frame time."""
    good = (np.asarray(valid) <= BRIDGED) & np.isfinite(motion).all(1) & np.isfinite(std).all(1)
    edges = np.flatnonzero(np.diff(np.r_[False, good, False]))
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    for start, stop in edges.reshape(-1, 2):
        if stop - start < 3:
            continue
        here = np.asarray(time_s[start:stop], np.float64)
        even = here[0] + step * np.arange(round((here[-1] - here[0]) / step) + 1)

        def evenly(
            values: Floats | Mask, here: Array = here, even: Array = even, part: slice = slice(start, stop)
        ) -> Array:
            return np.stack([np.interp(even, here, row) for row in values[part].T], 1)

        px, sigma = evenly(motion), np.maximum(evenly(std), 1e-9)
        usual = np.quantile(sigma, 0.2, axis=0)
        along = (
            np.sqrt((rise.bend**2).sum(1, keepdims=True)) for rise in rises_of(evenly(np.nan_to_num(pulled)), step)
        )
        z = px / usual
        yield Run(
            even,
            step,
            px,
            sigma,
            z,
            evenly(shown) > 0.99,
            large_px / usual,
            tuple(rises_of(z, step)),
            tuple(bend / usual for bend in along),
        )
