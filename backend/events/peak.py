# SPDX-License-Identifier: GPL-3.0-or-later
"""Tops above the noise, and the events that those of units that move together make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from .course import VALLEY, course_of
from .noise import Noise, sizes_of
from .run import SCALES, Run

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Peak:
    run: int
    sample: int
    channel: int
    scale: int
    height: float  #: noise sizes


@dataclass(frozen=True)
class Found:
    kind: str  #: expression, blink, gaze or speech
    run: int
    onset: int
    apex: int
    offset: int
    units: tuple[int, ...]
    height: float


def peaks_of(runs: list[Run], smooth: list[Array], noise: Noise, threshold: float) -> Iterator[Peak]:
    """Tops of every channel at every scale above the threshold."""
    for number, run in enumerate(runs):
        for scale, values in enumerate(smooth[number]):
            heights = noise.heights(values, scale)
            sizes = np.abs(sizes_of(run, noise))
            for channel in np.flatnonzero(heights.max(0) > threshold):
                column = np.r_[0.0, heights[:, channel], 0.0]
                tops, _ = find_peaks(column, height=threshold, prominence=VALLEY)
                for top in tops - 1:
                    if sizes[top, channel] > 2 * run.std[top, channel]:
                        yield Peak(number, int(top), int(channel), scale, float(heights[top, channel]))


def grouped(
    kind: str, peaks: list[Peak], runs: list[Run], noise: Noise, members: list[tuple[int, ...]]
) -> Iterator[Found]:
    """Events of the peaks of one kind, strongest first; each takes the peaks that lie within it."""
    left = sorted(peaks, key=lambda peak: -peak.height)
    while left:
        seed = left[0]
        run = runs[seed.run]
        onset, apex, offset = course_of(run, noise, seed.sample, members[seed.channel])
        inside = [peak for peak in left if peak.run == seed.run and onset <= peak.sample <= offset]
        units = tuple(sorted({unit for peak in [*inside, seed] for unit in members[peak.channel]}))
        onset, apex, offset = course_of(run, noise, apex, units)
        reach = [SCALES[peak.scale] / run.step * bool(set(members[peak.channel]) & set(units)) for peak in left]
        left = [
            peak
            for peak, more in zip(left, reach, strict=True)
            if peak is not seed and (peak.run != seed.run or not onset - more <= peak.sample <= offset + more)
        ]
        yield Found(kind, seed.run, onset, apex, offset, units, seed.height)


def outside(runs: list[Run], found: list[Found], members: list[tuple[int, ...]]) -> list[NDArray[np.bool_]]:
    """(n, C) per run: where a channel takes no part in an event."""
    keep = [np.ones(run.z.shape, bool) for run in runs]
    for event in found:
        moved = [channel for channel, units in enumerate(members) if set(units) & set(event.units)]
        keep[event.run][event.onset : event.offset + 1, moved] = False
    return keep
