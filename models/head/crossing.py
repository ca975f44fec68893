# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a surface passes through itself: pairs of its triangles that cross."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Rows = NDArray[np.int64]

CHUNK = 256  # triangles compared with all others at once
TOGETHER = 0.04  # of a motion: strengths that share the boxes


def crossing_pairs(vertices: Floats, faces: NDArray[np.integer[Any]]) -> Rows:
    """Pairs (P, 2) of faces that share no vertex and of which an edge of one passes through the other.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
    """
    corner = np.asarray(vertices, np.float64)[faces]
    pairs = _apart(faces, _near(corner.min(1), corner.max(1)))
    return pairs[_cross_one_another(*(corner[side] for side in pairs.T))]


def crossing_along(
    vertices: Floats, motion: Floats, faces: NDArray[np.integer[Any]], strengths: Floats
) -> Iterator[Rows]:
    """As `crossing_pairs`, of vertices + strength * motion for each of strengths (S,), which rise.

    Which boxes overlap is found for neighbouring strengths at once, from all that a box sweeps over.
    """
    corner, step = np.asarray(vertices, np.float64)[faces], np.asarray(motion, np.float64)[faces]
    for run in np.split(strengths, np.flatnonzero(np.diff(np.floor(strengths / TOGETHER))) + 1):
        ends = np.concatenate([corner + run[0] * step, corner + run[-1] * step], 1) if len(run) else corner
        pairs = _apart(faces, _near(ends.min(1), ends.max(1)))
        first, second = (corner[side] + run[:, None, None, None] * step[side] for side in pairs.T)
        yield from (pairs[cross] for cross in _cross_one_another(first, second))


def _apart(faces: NDArray[np.integer[Any]], pairs: Rows) -> Rows:
    """Those of some pairs of faces that share no vertex."""
    return pairs[(faces[pairs[:, 0], :, None] != faces[pairs[:, 1], None]).all((1, 2))]


def _cross_one_another(first: Array, second: Array) -> NDArray[np.bool_]:
    """Whether the first of two triangles (..., 3 corners, 3) each crosses the second."""
    flat = first.reshape(-1, 3, 3), second.reshape(-1, 3, 3)
    return (_pierces(*flat) | _pierces(*flat[::-1])).reshape(first.shape[:-2])


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
