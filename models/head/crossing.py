# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a surface passes through itself: pairs of its triangles that cross."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Rows = NDArray[np.int64]

CHUNK = 256  # triangles compared with all others at once


def crossing_pairs(vertices: Floats, faces: NDArray[np.integer[Any]]) -> Rows:
    """Pairs (P, 2) of faces that share no vertex and of which an edge of one passes through the other.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
    """
    corner = np.asarray(vertices, np.float64)[faces]
    pairs = _near(corner.min(1), corner.max(1))
    apart = (faces[pairs[:, 0], :, None] != faces[pairs[:, 1], None]).all((1, 2))
    pairs = pairs[apart]
    first, second = corner[pairs[:, 0]], corner[pairs[:, 1]]
    hit = np.zeros(len(pairs), bool)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        hit |= _pierces(first[:, start], first[:, end], second) | _pierces(second[:, start], second[:, end], first)
    return pairs[hit]


def _near(low: Array, high: Array) -> Rows:
    """Pairs (P, 2) of boxes (F, 3) that overlap, found by a sweep along x."""
    order = np.argsort(low[:, 0], kind="stable")
    low, high = low[order], high[order]
    ends = np.searchsorted(low[:, 0], high[:, 0], "right")
    found = []
    for start in range(0, len(order), CHUNK):
        mine = np.arange(start, min(start + CHUNK, len(order)))
        others = np.arange(start, ends[mine].max())
        meet = others > mine[:, None]
        for axis in range(3):
            meet &= low[others, axis] <= high[mine, axis, None]
            meet &= low[mine, axis, None] <= high[others, axis]
        found.append(order[np.stack(np.nonzero(meet), 1) + start])
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _pierces(start: Array, end: Array, triangle: Array) -> NDArray[np.bool_]:
    """Whether segments (N, 3) pass through the inside of triangles (N, 3 corners, 3)."""
    a, b, c = triangle[:, 0], triangle[:, 1], triangle[:, 2]
    normal = np.cross(b - a, c - a)
    before, behind = _dot(start - a, normal), _dot(end - a, normal)
    through = before * behind < 0
    share = before / np.where(through, before - behind, 1)
    point = start + share[:, None] * (end - start)
    for one, other in ((a, b), (b, c), (c, a)):
        through &= _dot(np.cross(other - one, point - one), normal) > 0
    return through


def _dot(a: Array, b: Array) -> Array:
    return np.asarray((a * b).sum(-1))
