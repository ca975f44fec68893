# SPDX-License-Identifier: GPL-3.0-or-later
"""The frame rate whose whole frames meet every key: what is sampled frame by frame then misses none.

Footage of one rate gets that rate. Variable footage gets the lowest rate up to 1000 a second that meets its times to a
tenth of a millisecond, else 1000, which meets them to half a millisecond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rate import FIRST_FRAME, nominal_rate

Array = NDArray[np.float64]

CLOSE_S = 1e-4
FASTEST = 1000
DEFAULT = 25


@dataclass(frozen=True)
class Clock:
    """A scene's frame rate, and how key times lie on its frames."""

    fps: int
    base: float  #: frames a second are fps / base
    shift: float  #: frames by which all keys move so that the first is on a whole frame, at most one half

    @property
    def rate(self) -> float:
        """Frames per second."""
        return self.fps / self.base

    def frames(self, time_s: Array) -> Array:
        """Scene frames of times in seconds."""
        return np.asarray(time_s, np.float64) * self.rate + FIRST_FRAME + self.shift

    def seconds(self, frames: Array) -> Array:
        """Times in seconds of scene frames."""
        return (np.asarray(frames, np.float64) - FIRST_FRAME - self.shift) / self.rate


def sampling_clock(time_s: Array) -> Clock:
    """The clock for keys at `time_s` (T,), increasing."""
    if len(time_s) < 2:
        return _from(time_s, DEFAULT, 1.0)
    count = np.round((time_s - time_s[0]) / np.median(np.diff(time_s)))
    mean = float(count[-1] / (time_s[-1] - time_s[0]))
    whole = max(1, math.ceil(mean))
    steady = [nominal_rate(mean), (whole, whole / mean)]
    for fps, base in (*steady, *((rate, 1.0) for rate in range(whole, FASTEST))):
        clock = _from(time_s, fps, base)
        if error_s(clock, time_s) < CLOSE_S:
            return clock
    return _from(time_s, FASTEST, 1.0)


def error_s(clock: Clock, time_s: Array) -> float:
    """How far the keys are from whole frames at worst."""
    frames = clock.frames(time_s)
    return float(np.abs(frames - np.round(frames)).max() / clock.rate)


def _from(time_s: Array, fps: int, base: float) -> Clock:
    first = float(time_s[0]) * fps / base
    return Clock(fps, base, round(first) - first)
