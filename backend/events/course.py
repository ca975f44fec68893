# SPDX-License-Identifier: GPL-3.0-or-later
"""The common course of some units about a top: where it begins, peaks and ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .noise import Noise
from .run import SCALES, Run

Array = NDArray[np.float64]

EDGE = 0.1  #: of the apex
VALLEY = 4.0  #: noise sizes by which two tops must stand above the valley between them


def course_of(run: Run, noise: Noise, near: int, units: tuple[int, ...]) -> tuple[int, int, int]:
    """Onset, apex and offset (samples) of the units' common course about the top near a sample."""
    z = run.z[:, units] - noise.baseline[list(units)]
    weights, course, noise_size = _clearest(z, noise.size[:, units], near, run.step)
    top = _top(course, near)
    apex = _parabola_top(z @ weights, course, top, noise_size)
    before = _edge(course[: top + 1][::-1], noise_size)
    after = _edge(course[top:], noise_size)
    onset, offset = top - before, top + after
    return onset, min(max(apex, onset), offset), offset


def _clearest(z: Array, sizes: Array, near: int, step: float) -> tuple[Array, Array, float]:
    """Weights of the units, their course (n,) and the size of its noise.

    At the finest scale clear enough to follow it down to the edge, or else where it stands highest above its noise.
    """
    best: tuple[Array, Array, float] = (z[near], z[:, 0], 1.0)
    highest = -np.inf
    for scale, size in zip(SCALES, sizes, strict=True):
        smooth = gaussian_filter1d(z, scale / step, axis=0, mode="nearest")
        weights = smooth[near] / size**2
        course, noise_size = smooth @ weights, float(np.linalg.norm(weights * size))
        ratio = course[near] / max(noise_size, 1e-12)
        if ratio > highest:
            best, highest = (weights, course, noise_size), ratio
        if ratio > 1 / EDGE:
            break
    return best


def _top(course: Array, near: int) -> int:
    """Climb to the nearest top."""
    while True:
        around = course[max(near - 1, 0) : near + 2]
        higher = max(near - 1, 0) + int(np.argmax(around))
        if course[higher] <= course[near]:
            return near
        near = higher


def _parabola_top(raw: Array, course: Array, top: int, noise_size: float) -> int:
    """The top of a parabola through the raw course about the smooth one's top, which leans towards the slower side.

    It goes down as far as the noise asks for, at most to 65 % of the top.
    """
    level = course[top] - np.clip(2.5 * noise_size, 0.08 * course[top], 0.35 * course[top])
    low = high = top
    while low > 0 and course[low - 1] > level:
        low -= 1
    while high < len(course) - 1 and course[high + 1] > level:
        high += 1
    if high - low < 5:
        return top
    x = np.arange(low, high + 1) - top
    fitted = np.polyval(np.polyfit(x, raw[low : high + 1], 2), x)
    return low + int(np.argmax(fitted))


def _edge(falling: Array, noise_size: float) -> int:
    """Samples from the apex (first) to where the course has fallen to the edge.

    Where it stops falling before, on a slow drift, the edge is measured from there; where it hardly falls, as in a
    smile that stays, the event lasts to the end.
    """
    last = _valley(falling, noise_size)
    floor = float(falling[: last + 1].min())
    floor = floor if 0 < floor < falling[0] / 2 else 0.0
    level = max(floor + EDGE * (falling[0] - floor), noise_size)
    below = np.flatnonzero(falling[: last + 1] <= level)
    return int(below[0]) if len(below) else last


def _valley(falling: Array, noise_size: float) -> int:
    """The lowest sample before the course rises to another top, or the last one."""
    lowest = np.minimum.accumulate(falling)
    rising = np.flatnonzero(falling > np.maximum(2 * lowest, lowest + VALLEY * noise_size))
    return int(np.argmin(falling[: rising[0]])) if len(rising) else len(falling) - 1
