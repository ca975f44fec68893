# SPDX-License-Identifier: GPL-3.0-or-later
"""Which place of the skin each pixel of a texture shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ...models.head.model import HeadModel
from ...models.head.raster import rasterise

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

ALIKE_M = 1e-3  # two places this near are each other's mirror image


@dataclass(frozen=True)
class Atlas:
    """The N pixels of a square texture that show skin, its first line on top."""

    size: int
    pixel: Ints  #: (N,) row * size + column
    corner: Ints  #: (N, 3) vertices around
    weight: Array  #: (N, 3) barycentric
    opposite: (
        Array  #: (N, 2) column and row, px, of the same place on the other half of the face; NaN where there is none
    )

    def at(self, values: NDArray[np.floating[Any]]) -> Array:
        """(N, ...) of what is known at vertices (V, ...)."""
        return np.asarray(np.einsum("nk...,nk->n...", values[self.corner], self.weight))

    def part(self, chosen: NDArray[np.bool_]) -> Atlas:
        """Some (N,) of its pixels alone."""
        return Atlas(self.size, self.pixel[chosen], self.corner[chosen], self.weight[chosen], self.opposite[chosen])


def atlas_of(head: HeadModel, size: int) -> Atlas:
    """The texture of `size` pixels a side."""
    chosen = np.flatnonzero(head.face_part == head.part_names.index("skin"))
    uv = _corner_uv(head)
    place = np.stack([uv[..., 0] * size - 0.5, (1 - uv[..., 1]) * size - 0.5], -1)
    triangle, weight = _drawn(place[chosen], _inside(head)[chosen], size)
    pixel = np.flatnonzero(triangle.ravel() >= 0)
    own, share = chosen[triangle.ravel()[pixel]], np.asarray(weight.reshape(-1, 3)[pixel], np.float64)
    across = np.einsum("nkc,nk->nc", _opposite(head, place)[own], share)
    return Atlas(size, pixel, head.faces[own].astype(np.int64), share, across)


def _corner_uv(head: HeadModel) -> Array:
    """(F, 3, 2) of the corners of `faces`, which are those of the polygons in their order."""
    quads = head.polygons[:, 3] >= 0
    pieces = np.stack([head.uv[:, [0, 1, 2]], head.uv[:, [0, 2, 3]]], 1)
    return pieces[np.stack([np.ones_like(quads), quads], 1)].astype(np.float64)


def _inside(head: HeadModel) -> Array:
    """(F,) 1 and more: the nearer a triangle is to the head's axis, the more."""
    middle = (head.template.min(0) + head.template.max(0)) / 2
    away = np.hypot(*(head.template - middle)[:, [0, 2]].T)
    return np.asarray(1 + (away.max() - away[head.faces].mean(1)) / away.max())


def _drawn(place: Array, depth: Array, size: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Triangle (size, size) and barycentric (size, size, 3) at every pixel, whichever way round the islands lie.

    Where the texture shows several, as a cylinder's does inside of lips and ears, the one of the least `depth` (n,) counts.
    """
    a, b, c = np.moveaxis(place, 1, 0)
    turned = np.cross(np.pad(b - a, ((0, 0), (0, 1))), np.pad(c - a, ((0, 0), (0, 1))))[:, 2] > 0
    faces = np.arange(3 * len(place)).reshape(-1, 3)
    faces[turned] = faces[turned][:, [0, 2, 1]]
    flat = np.column_stack([place.reshape(-1, 2), np.repeat(depth, 3)])
    triangle, weight = rasterise(flat, faces, size, size)
    swapped = (triangle >= 0) & turned[triangle]
    weight[swapped] = weight[swapped][:, [0, 2, 1]]
    return triangle, weight


def _opposite(head: HeadModel, place: Array) -> Array:
    """(F, 3, 2) px of the mirror images of all corners, found in the mirror image of their polygon."""
    apart, across = cKDTree(head.template).query(head.template * (-1, 1, 1))
    owner = np.repeat(np.arange(len(head.polygons)), np.where(head.polygons[:, 3] < 0, 1, 2))
    known = {tuple(sorted(polygon)): number for number, polygon in enumerate(head.polygons.tolist())}
    there: dict[tuple[int, int], Array] = {}
    for polygon, corners, places in zip(owner.tolist(), head.faces.tolist(), place, strict=True):
        there.update({(polygon, corner): where for corner, where in zip(corners, places, strict=True)})
    out = np.full(place.shape, np.nan)
    mirror = np.append(np.where(apart < ALIKE_M, across, -2), -1)  # the last is that of no corner
    for number, corners in enumerate(head.faces.tolist()):
        image = known.get(tuple(sorted(mirror[head.polygons[owner[number]]].tolist())))
        if image is not None:
            out[number] = [there[image, int(mirror[corner])] for corner in corners]
    return out
