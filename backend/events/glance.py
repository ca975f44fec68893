# SPDX-License-Identifier: GPL-3.0-or-later
"""Glances: the eyes jump away, stay and jump back.

Eyes turn by saccades, jumps of 20 to 100 ms, both eyes together; a head that moves drags the tracked irises along slowly. So a
jump is told by its suddenness (as by velocity in Engbert and Kliegl 2003, with the tracker's jitter from frame to frame as the
noise), however much of a clip the eyes are away. What does not come back is a new place to look at, and no event.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from .act import LEAST_LOOK, Act
from .course import EDGE
from .courses import Courses
from .noise import thresholds
from .peak import Found
from .run import REACHES, Run, runs_of

Array = NDArray[np.float64]

HALF = 0.04  #: s, of the longest jump
STAY = 0.08  #: s of the eyes' place before and after
SUDDEN = 0.6  #: of a change, in the jump itself
NOISE = 1.8  #: deviations of a place that a jump's is at most, with the slopes
BACK = 0.5  #: of the way: nearer to where the eyes were is back
LONGEST = 5.0  #: s away: more is a new place
TOGETHER = 0.5  #: of the largest: units that move as much are told


def glances(courses: Courses, members: list[tuple[int, ...]]) -> list[Act]:
    """Of the looks. An eye that has another counts with it: `members` are the units, then the means of both eyes."""
    paired = {unit for units in members if len(units) == 2 for unit in units}
    ways = [units for units in members if len(units) == 2 or units[0] not in paired]
    none, x = np.full(len(courses.names), np.inf), courses
    runs = runs_of(x.time_s, x.motion_px, x.std_px, x.valid, x.pulled_px, x.shown, none)
    acts = [
        Act("gaze", found, run, x.names, x.full_px)
        for number, run in enumerate(runs)
        for found in _away(run, number, ways, x.full_px)
    ]
    return [act for act in acts if act.is_large]


def _away(run: Run, number: int, ways: list[tuple[int, ...]], full_px: Array | None) -> list[Found]:
    """From each jump to the one that leads back, the clearest way first.

    While the lids are shut nothing is seen: where the eyes look elsewhere after a blink, they jumped in it.
    """
    shown = np.flatnonzero(run.shown.all(1))
    place = np.stack([run.motion[shown][:, units].mean(1) for units in ways], 1)
    if len(place) < 2:
        return []
    shaken = np.median(np.abs(np.diff(place, axis=0)), axis=0) / 0.6745 / np.sqrt(2)
    jitter = NOISE * np.maximum(shaken, [run.std[:, units].mean() for units in ways])
    reach = int(np.searchsorted(REACHES, STAY))
    clear = thresholds(len(ways), run.step)[reach] * jitter
    least = 0.0 if full_px is None else LEAST_LOOK / 2 * full_px.max()  # a look may take two jumps
    change, found = _changes(place, clear, run.step), list[Found]()
    for way in np.argsort(-np.abs(change / jitter).max(0, initial=0)):
        jumps, _ = find_peaks(np.abs(change[:, way]), height=least, distance=max(1, round(2 * HALF / run.step)))
        for begin, end in _there_and_back(place[:, way], jumps, run.step):
            onset, apex, offset = shown[_edges(place[:, way], begin, end, run.step)].tolist()
            if any(other.onset <= offset and onset <= other.offset for other in found):
                continue
            moved = np.abs(run.motion[apex] - run.motion[onset])
            units = tuple(int(unit) for unit in np.flatnonzero(moved >= TOGETHER * moved.max()))
            height = float(np.abs(change[[begin, end], way]).min() / jitter[way])
            found.append(Found(number, onset, apex, offset, units, height, reach))
    return found


def _changes(place: Array, clear: Array, step: float) -> Array:
    """(n, W) by how much a place (n, W) changes about every sample; 0 where it does so slowly, or where the jump is not clear (W,).

    The jump is what goes beyond the slope before and after.
    """
    half, stay = _samples(step)
    count, wide = len(place), np.pad(place, ((half + stay, half + stay), (0, 0)), mode="edge")
    sums = np.cumsum(np.pad(wide, ((1, 0), (0, 0))), axis=0)
    mean = (sums[stay + 1 :] - sums[: -stay - 1]) / (stay + 1)  # of the place from each sample on
    far = mean[2 * half + stay : 2 * half + stay + count] - mean[:count]
    first, before, after, last = (wide[k : k + count] for k in (0, stay, stay + 2 * half, 2 * (stay + half)))
    slope = (before - first + last - after) / (2 * stay)
    jump = (after - before - 2 * half * slope) * np.sign(far)
    sure = (np.abs(far) >= clear) & (jump >= np.maximum(SUDDEN * np.abs(far), clear))
    return np.asarray(np.where(sure, far, 0.0))


def _samples(step: float) -> tuple[int, int]:
    return max(1, round(HALF / step)), max(1, round(STAY / step))


def _there_and_back(place: Array, jumps: NDArray[np.int64], step: float) -> list[tuple[int, int]]:
    """Pairs of jumps, of which the second leads back to where the first began."""
    half, stay = _samples(step)
    pairs, free = list[tuple[int, int]](), 0
    for first, jump in enumerate(jumps):
        if jump < free:
            continue
        home = np.median(place[max(jump - half - stay, 0) : max(jump - half, 0) + 1])
        far = 0.0
        for back in jumps[first + 1 :]:
            before = place[jump + half : max(back - half, jump + half) + 1]
            after = place[back + half : back + half + stay]
            far = max(far, float(np.abs(np.median(before) - home)))
            if (back - jump) * step > LONGEST:
                break
            if len(after) and abs(np.median(after) - home) < BACK * far:
                pairs.append((int(jump), int(back)))
                free = back + 1
                break
    return pairs


def _edges(place: Array, begin: int, end: int, step: float) -> list[int]:
    """Onset, apex and offset (samples) of what lies between two jumps."""
    half, _ = _samples(step)
    first, last = max(begin - half, 0), min(end + half, len(place) - 1)
    away = np.abs(place[first : last + 1] - place[first])
    apex = first + int(away.argmax())
    rest = np.abs(place[first : last + 1] - place[last])
    left, right = away > EDGE * away.max(), rest > EDGE * rest.max()
    return [first + max(int(left.argmax()) - 1, 0), apex, last - max(int(right[::-1].argmax()) - 1, 0)]
