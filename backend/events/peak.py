# SPDX-License-Identifier: GPL-3.0-or-later
"""Tops above the noise, and the events that those of units that move together make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import find_peaks

from .course import course_of
from .noise import Masks, Noise
from .run import REACHES, Run, lag_of

HELD = 0.5  #: of what a peak saw: less between onset and apex or apex and offset is not the event it saw


@dataclass(frozen=True)
class Peak:
    run: int
    sample: int
    channel: int
    reach: int
    height: float  #: noise sizes
    rise: float  #: claimed sizes


@dataclass(frozen=True)
class Found:
    run: int
    onset: int
    apex: int
    offset: int
    units: tuple[int, ...]
    height: float
    reach: int  #: at which it stands highest


def peaks_of(runs: list[Run], noise: Noise, least: list[float], spans: tuple[float, float]) -> Iterator[Peak]:
    """Tops of every channel above the least height of its reach, at every reach that spans so long (s, least and most)."""
    for number, run in enumerate(runs):
        for reach in (k for k, seconds in enumerate(REACHES) if spans[0] <= seconds <= spans[1]):
            heights, rise = noise.heights(number, reach), run.rises[reach]
            for channel in np.flatnonzero(heights.max(0) > least[reach]):
                tops, _ = find_peaks(np.r_[0.0, heights[:, channel], 0.0], height=least[reach])
                for top in tops - 1:
                    seen = float(heights[top, channel]), float(rise.height[top, channel])
                    yield Peak(number, int(top) * rise.stride, int(channel), reach, *seen)


def grouped(peaks: list[Peak], runs: list[Run], noise: Noise, members: list[tuple[int, ...]]) -> list[Found]:
    """Events of the peaks, strongest first; each takes the peaks that lie within it."""
    left, events = sorted(peaks, key=lambda peak: -peak.height), list[Found]()
    while left:
        seed = left[0]
        run = runs[seed.run]
        onset, apex, offset = course_of(run, noise, seed.sample, seed.reach, members[seed.channel])
        inside = [peak for peak in left if peak.run == seed.run and onset <= peak.sample <= offset]
        units = tuple(sorted({unit for peak in [*inside, seed] for unit in members[peak.channel]}))
        onset, apex, offset = course_of(run, noise, apex, seed.reach, units)
        event = Found(seed.run, onset, apex, offset, units, seed.height, seed.reach)
        if _rises_and_returns(run, seed, event) and not any(_foot(event, other) for other in events):
            events.append(event)
        left = [peak for peak in left if peak is not seed and peak not in inside and not _within(peak, event)]
    return events


def _rises_and_returns(run: Run, seed: Peak, event: Found) -> bool:
    """Whether an event holds what its highest peak saw, which may else be the foot of another event."""
    course = run.z[:, seed.channel]
    sides = [side for side in (event.onset, event.offset) if 0 < side < len(course) - 1]
    return all(abs(course[event.apex] - course[side]) >= HELD * abs(seed.rise) for side in sides)


def _foot(event: Found, other: Found) -> bool:
    """Whether a peak led to the top of a clearer event."""
    shared = event.run == other.run and bool(set(event.units) & set(other.units))
    return shared and other.onset <= event.apex <= other.offset


def _within(peak: Peak, event: Found) -> bool:
    return peak.run == event.run and event.onset <= peak.sample <= event.offset


def outside(runs: list[Run], found: list[Found], members: list[tuple[int, ...]], reach: int) -> Masks:
    """(m, C) per run: where a channel and what it is compared with take no part in an event."""
    keep = [run.restful(reach) for run in runs]
    for event in found:
        run = runs[event.run]
        stride, lag = run.rises[reach].stride, lag_of(REACHES[reach], run.step)
        moved = [channel for channel, units in enumerate(members) if set(units) & set(event.units)]
        keep[event.run][max(event.onset - lag, 0) // stride : (event.offset + lag) // stride + 1, moved] = False
    return keep
