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
    return pairs[_pierces(first, second) | _pierces(second, first)]


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


def _pierces(first: Array, second: Array) -> NDArray[np.bool_]:
    """Whether an edge of the first of two triangles (P, 3 corners, 3) each passes through the inside of the second."""
    normal = _cross(second[:, 1] - second[:, 0], second[:, 2] - second[:, 0])
    side = np.einsum("pkc,pc->pk", first - second[:, :1], normal)
    pair, edge = np.nonzero(side * np.roll(side, -1, 1) < 0)  # its ends lie on both sides of the second's plane
    start, end, across = first[pair, edge], first[pair, (edge + 1) % 3], normal[pair]
    before, behind = side[pair, edge], side[pair, (edge + 1) % 3]
    point = start + (before / (before - behind))[:, None] * (end - start)
    inside = np.ones(len(pair), bool)
    for one, other in ((0, 1), (1, 2), (2, 0)):
        a, b = second[pair, one], second[pair, other]
        inside &= np.einsum("pc,pc->p", _cross(b - a, point - a), across) > 0
    out = np.zeros(len(first), bool)
    out[pair[inside]] = True
    return out


def _cross(a: Array, b: Array) -> Array:
    """The vector product of rows (P, 3); NumPy's own is slow on few."""
    x, y, z = a.T
    u, v, w = b.T
    return np.stack([y * w - z * v, z * u - x * w, x * v - y * u], 1)
