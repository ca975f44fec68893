# SPDX-License-Identifier: GPL-3.0-or-later
"""Spans of frames measured against one template; neighbours share frames, over which they are faded into one another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LAP_S = 0.3  #: two spans share
LONGEST_LAP = 64  #: frames


@dataclass(frozen=True)
class Span:
    """Rows [start, stop) of a shot that template number `anchor` measures, and their weights (stop - start,).

    The weights of all spans add up to 1 in every row.
    """

    anchor: int
    start: int
    stop: int
    weight: NDArray[np.float64]


def spans_of(serving: NDArray[np.int64], fps: float) -> list[Span]:
    """Spans of a shot in which template `serving` (T,) serves each frame."""
    edge = np.r_[0, np.flatnonzero(np.diff(serving)) + 1, len(serving)]
    length = np.diff(edge)
    # Half a lap on either side of a change, never more than half a span: at most two spans share a frame.
    most = min(LONGEST_LAP, round(LAP_S * fps)) // 2
    half = [0, *(min(most, a // 2, b // 2) for a, b in pairwise(length.tolist())), 0]
    out = []
    for n, (a, b) in enumerate(pairwise(edge.tolist())):
        start, stop = a - half[n], b + half[n + 1]
        weight = np.ones(stop - start)
        weight[: 2 * half[n]] = _rise(2 * half[n])
        weight[len(weight) - 2 * half[n + 1] :] = _rise(2 * half[n + 1])[::-1]
        out.append(Span(int(serving[a]), start, stop, weight))
    return out


def _rise(count: int) -> NDArray[np.float64]:
    """A raised cosine from 0 to 1 (count,)."""
    return np.asarray((1 - np.cos(np.pi * (np.arange(count) + 0.5) / max(count, 1))) / 2)
