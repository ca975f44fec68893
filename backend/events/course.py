# SPDX-License-Identifier: GPL-3.0-or-later
"""The common course of some units about a top: where it begins, peaks and ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .noise import Noise
from .run import BLUR, REACHES, Run, lag_of, rises_of

Array = NDArray[np.float64]

EDGE = 0.1  #: of the apex
LOW = 0.15  #: of the samples beside an apex lie below its foot: the lowest one is the lowest noise
WHOLE = 0.8  #: of the height: the reach that shows so much spans the event
SPAN = 3  #: such reaches from the top, beyond which nothing belongs to it
DEEP = 0.5  #: of the height: a valley between two tops is as deep; an expression that is held may waver by less
VALLEY = 4.0  #: noise sizes by which the course must rise again beyond it,
WAVER = 0.25  #: and the share of its depth


def course_of(run: Run, noise: Noise, near: int, reach: int, units: tuple[int, ...]) -> tuple[int, int, int]:
    """Onset, apex and offset (samples) of the units' common course about the top near a sample, seen at a reach."""
    seen = run.rises[reach]
    bend = seen.bend[min(near // seen.stride, len(seen.bend) - 1), units]
    weights = bend / noise.size(reach)[list(units)] ** 2
    course = run.z[:, units] @ weights
    far = SPAN * lag_of(REACHES[_whole(course, near, reach, run.step)], run.step)
    start, near = max(near - far, 0), min(near, far)
    raw = course[start : start + near + far + 1]
    sizes = np.array([np.linalg.norm(weights * noise.size(finer)[list(units)]) for finer in range(reach + 1)])
    smooth, noise_size = _clearest(raw, sizes, near, reach, run.step)
    top = _top(smooth, near)
    base = max(smooth[: top + 1].min(), smooth[top:].min())
    apex = _parabola_top(raw - base, smooth - base, top, noise_size)
    height = smooth[top] - smooth.min()
    cut = start == 0, start + len(raw) == len(course)
    onset = top - _edge(smooth[: top + 1][::-1], height if cut[0] else 0.0, noise_size)
    offset = top + _edge(smooth[top:], height if cut[1] else 0.0, noise_size)
    return start + onset, start + min(max(apex, onset), offset), start + offset


def _whole(course: Array, near: int, reach: int, step: float) -> int:
    """The least reach that shows nearly all that there is to see from reaches up to one: it spans the event."""
    heights = []
    for seconds, rise in zip(REACHES[: reach + 1], rises_of(course[:, None], step), strict=False):
        at, lag = near // rise.stride, lag_of(seconds, step * rise.stride)
        heights.append(rise.height[max(at - lag, 0) : at + lag + 1].max())
    return int(np.argmax(np.array(heights) >= WHOLE * max(heights)))


def _clearest(raw: Array, sizes: Array, near: int, reach: int, step: float) -> tuple[Array, float]:
    """The course (n,) and the size of its noise at the least blur that is clear enough to follow it down to the edge.

    Else at the blur of the reach at which it was found.
    """
    course, noise_size = raw, 1.0
    for seconds, noise_size in zip(REACHES[: reach + 1], sizes, strict=False):
        course = gaussian_filter1d(raw, BLUR * seconds / step, mode="nearest")
        if EDGE * (course[near] - np.quantile(course, LOW)) > noise_size:
            break
    return course, float(noise_size)


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


def _edge(falling: Array, height: float, noise_size: float) -> int:
    """Samples from the apex (first) to where the course has fallen to the edge above the valley beyond it.

    Where the measurement ends before it has fallen by half the height, as in a smile that stays, the event lasts to the end.
    """
    last = _valley(falling, noise_size)
    floor = float(np.quantile(falling[: last + 1], LOW))
    if falling[0] - floor < DEEP * height:
        return len(falling) - 1
    level = floor + max(EDGE * (falling[0] - floor), noise_size)
    below = np.flatnonzero(falling[: last + 1] <= level)
    return int(below[0]) if len(below) else last


def _valley(falling: Array, noise_size: float) -> int:
    """The lowest sample before the course rises to another top, or the last one."""
    lowest = np.minimum.accumulate(falling)
    depth = falling[0] - lowest
    rising = falling - lowest > np.maximum(VALLEY * noise_size, WAVER * depth)
    again = np.flatnonzero(rising & (depth > DEEP * depth[-1]))
    return int(np.argmin(falling[: again[0]])) if len(again) else len(falling) - 1
