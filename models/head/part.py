# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces a head is put together from, and how each follows the base mesh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Follow = Callable[[Array], Array]

PART_NAMES = ("skin", "mouth", "eye", "iris", "pupil", "cornea", "teeth", "gums", "tongue", "lashes")


@dataclass(frozen=True)
class Piece:
    """A piece of surface. `grow` and `move` carry offsets (..., B, 3) of the base mesh to offsets (..., N, 3)."""

    vertices: Array  #: (N, 3) m, head space of the base mesh
    polygons: NDArray[np.int64]  #: (P, 4), -1 in the last column for a triangle
    uv: Array  #: (P, 4, 2)
    part: NDArray[np.int64]  #: (P,) index into PART_NAMES
    weights: Array  #: (N, J)
    grow: Follow  #: for identity
    move: Follow  #: for expression


def rows(index: NDArray[np.int64]) -> Follow:
    """The piece is a subset of the base mesh."""
    return lambda offsets: offsets[..., index, :]


def affine(vertices: Array, guide: NDArray[np.int64], base: Array) -> Follow:
    """The piece follows the affine map that best explains the motion of the guide vertices: exact for rigid motion."""
    centre = base[guide].mean(0)
    fit = np.linalg.pinv(_homogeneous(base[guide] - centre))  # (4, G)
    carry = _homogeneous(vertices - centre) @ fit  # (N, G)
    return lambda offsets: carry @ offsets[..., guide, :]


def similarity(vertices: Array, guide: NDArray[np.int64], base: Array) -> Follow:
    """The piece is moved and scaled with the guide vertices, never bent: a ball stays a ball. Linear in the offsets."""
    centre = base[guide].mean(0)
    arm = base[guide] - centre
    arm = arm / (arm**2).sum()
    reach = vertices - centre

    def follow(offsets: Array) -> Array:
        moved = offsets[..., guide, :]
        scale = (moved * arm).sum((-1, -2))[..., None, None]
        return np.asarray(moved.mean(-2, keepdims=True) + scale * reach)

    return follow


def _homogeneous(points: Array) -> Array:
    return np.concatenate([points, np.ones((len(points), 1))], 1)


def join(pieces: list[Piece]) -> Piece:
    """One piece made of several, in order."""
    start = np.cumsum([0, *(len(piece.vertices) for piece in pieces)])
    polygons = [np.where(p.polygons < 0, -1, p.polygons + s) for p, s in zip(pieces, start[:-1], strict=True)]
    return Piece(
        vertices=np.concatenate([p.vertices for p in pieces]),
        polygons=np.concatenate(polygons),
        uv=np.concatenate([p.uv for p in pieces]),
        part=np.concatenate([p.part for p in pieces]),
        weights=np.concatenate([p.weights for p in pieces]),
        grow=lambda offsets: np.concatenate([p.grow(offsets) for p in pieces], -2),
        move=lambda offsets: np.concatenate([p.move(offsets) for p in pieces], -2),
    )


def triangles(polygons: NDArray[np.int64]) -> NDArray[np.int32]:
    """Faces (F, 3) of quads (0, 1, 2) (0, 2, 3) and triangles, in the order of the polygons."""
    pairs = np.stack([polygons[:, [0, 1, 2]], polygons[:, [0, 2, 3]]], 1).astype(np.int32)
    return np.asarray(pairs[np.stack([np.ones(len(polygons), bool), polygons[:, 3] >= 0], 1)])
