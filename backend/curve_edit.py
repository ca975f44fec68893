# SPDX-License-Identifier: GPL-3.0-or-later
"""Other views of a raw curve: fewer keys, smoother, or on other times. Each is a function of the raw one, never of another view.

A curve is `frames` (N,), rising, and `values` (N, C): columns that belong together, such as those of a quaternion, keep
their keys together. Between keys it is a straight line.
"""

from __future__ import annotations

from math import erfc, pi, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Ints = NDArray[np.int64]

REACH = 4.0  #: standard deviations after which a Gaussian counts as 0


def kept_keys(frames: Floats, values: Floats, tolerance: float) -> Ints:
    """Which keys (K,) leave the line within `tolerance` of every key, in every column.

    Ramer, Douglas and Peucker's method: where a straight line is too far off, it is broken at the farthest key.
    """
    keep = np.zeros(len(frames), bool)
    keep[[0, -1]] = True
    spans = [(0, len(frames) - 1)]
    while spans:
        first, last = spans.pop()
        inside = np.arange(first + 1, last)
        share = ((frames[inside] - frames[first]) / max(frames[last] - frames[first], 1e-12))[:, None]
        off = np.abs(values[inside] - values[first] - share * (values[last] - values[first])).max(1)
        if len(off) and off.max() > tolerance:
            middle = int(inside[off.argmax()])
            keep[middle] = True
            spans += [(first, middle), (middle, last)]
    return np.flatnonzero(keep)


def smoothed(frames: Floats, values: Floats, sigma: float) -> Array:
    """Values (N, C) after a Gaussian of `sigma` frames, without delay; at the ends the nearest key goes on.

    Unevenly spaced keys count by the time they stand for.
    """
    width = np.gradient(np.asarray(frames, np.float64)) if len(frames) > 1 else np.ones(1)
    result = np.empty(values.shape)
    for row, frame in enumerate(frames):
        near = np.abs(frames - frame) <= REACH * sigma
        weight = width[near] * np.exp(-0.5 * ((frames[near] - frame) / sigma) ** 2)
        beyond = _tails(frame, frames, sigma)
        total = weight.sum() + sum(beyond)
        result[row] = (weight @ values[near] + beyond[0] * values[0] + beyond[1] * values[-1]) / total
    return result


def at_frames(frames: Floats, values: Floats, wanted: Floats) -> Array:
    """Values (M, C) at frames (M,)."""
    return np.stack([np.interp(wanted, frames, column) for column in values.T], 1)


def _tails(frame: float, frames: Floats, sigma: float) -> tuple[float, float]:
    """Weight of a Gaussian before the first and after the last key."""
    scale = sigma * sqrt(pi / 2)
    before, after = (frame - frames[0]) / (sigma * sqrt(2)), (frames[-1] - frame) / (sigma * sqrt(2))
    return scale * erfc(before), scale * erfc(after)
