# SPDX-License-Identifier: GPL-3.0-or-later
"""Closest points on a triangle mesh."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

CANDIDATES = 24  # triangles with the nearest centres that are tried: enough on meshes of even density


def closest_points(points: Floats, corners: Floats) -> tuple[NDArray[np.int64], Array]:
    """Closest point of a mesh for every point.

    Args:
        points: (N, 3).
        corners: (F, 3, 3) triangles.

    Returns:
        triangle (N,) and barycentric weights (N, 3) of the closest points.
    """
    corners = np.asarray(corners, np.float64)
    tree = cKDTree(corners.mean(1))
    tried = min(CANDIDATES, len(corners))
    _, near = tree.query(points, k=tried)
    near = np.asarray(near).reshape(len(points), tried)
    weight = project(np.asarray(points, np.float64)[:, None], corners[near])
    place = np.einsum("nkc,nkcd->nkd", weight, corners[near])
    best = np.linalg.norm(place - np.asarray(points)[:, None], axis=-1).argmin(1)
    row = np.arange(len(near))
    return near[row, best], weight[row, best]


def project(point: Array, corner: Floats) -> Array:
    """Weights (..., 3) of the closest points on triangles (..., 3, 3): inside, or the best of three edges."""
    a, b, c = corner[..., 0, :], corner[..., 1, :], corner[..., 2, :]
    ab, ac, ap = b - a, c - a, point - a
    d00, d01, d11 = (ab * ab).sum(-1), (ab * ac).sum(-1), (ac * ac).sum(-1)
    d20, d21 = (ap * ab).sum(-1), (ap * ac).sum(-1)
    area = np.maximum(d00 * d11 - d01**2, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    inside = np.stack([1 - v - w, v, w], -1)
    edges = [_on_edge(point, corner, i, (i + 1) % 3) for i in range(3)]
    options = np.stack([np.where((inside >= 0).all(-1, keepdims=True), inside, edges[0]), *edges])
    gap = np.linalg.norm(np.einsum("o...k,...kd->o...d", options, corner) - point, axis=-1)
    choice = gap.argmin(0)[None, ..., None]
    return np.asarray(np.take_along_axis(options, choice, 0)[0])


def _on_edge(point: Array, corner: Floats, i: int, j: int) -> Array:
    """Barycentric weights of the closest point on one edge."""
    start, edge = corner[..., i, :], corner[..., j, :] - corner[..., i, :]
    share = ((point - start) * edge).sum(-1) / np.maximum((edge**2).sum(-1), 1e-30)
    share = np.clip(share, 0, 1)
    weight = np.zeros(corner.shape[:-1])
    weight[..., i], weight[..., j] = 1 - share, share
    return weight
