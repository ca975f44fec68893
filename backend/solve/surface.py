# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's surface as the picture sees it in the reference frame: points under pixels, and how each cause moves them.

Everything here is in camera space at the reference pose. A rigid motion is a turn about the face's centre and a shift:
X' = R(turn) (X - centre) + centre + shift.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from ...models.head.raster import project
from ..types import Floats
from .bumps import depth_bumps
from .causes import find_causes
from .reference import Reference

Array = NDArray[np.float64]

EVERY = slice(None)  #: all points


class Surface:
    """Points under the template's pixels, and the displacement each unknown gives them.

    Attributes:
        points: (M, 3) m, camera space, at rest: what the pixels show.
        sighted: (M, 3) m, exactly under the pixels: what views are made of. The template at rest shows them by definition.
        ray: (M, 3) line of sight, z = 1.
        centre: (3,) m, about which the head turns.
        causes: of expression, camera axes of the template at rest.
        skin, seen: (V,) which vertices are of skin; under a pixel.
        depth_bump: (M, D) and depth_vertex (V, D): bumps of the depth correction, along the line of sight.
    """

    def __init__(
        self,
        reference: Reference,
        pixels: Array,
        triangle: NDArray[np.int32],
        weight: NDArray[np.float32],
        rest: Surface | None = None,
    ) -> None:
        """Lay the head under the pixels.

        Args:
            reference: the head.
            pixels: (M, 2) px.
            triangle, weight: (H, W), (H, W, 3) what is seen at every pixel.
            rest: the same head in the template at rest, whose causes and depth correction this view shares.
        """
        self.reference = reference
        self._turn = np.eye(3)
        self.vertices = reference.vertices()
        head = reference.head
        x, y = pixels.astype(int).T
        self._corner, self._weight = head.faces[triangle[y, x]], weight[y, x].astype(float)
        self._triangle = triangle
        self.points = self.sighted = self.interpolate(self.vertices)
        self.ray = self.points / self.points[:, 2:]
        self.centre = self.points.mean(0)
        self.px_per_m = reference.camera[0, 0] / self.centre[2]
        part = np.zeros(len(self.vertices), bool)
        part[np.unique(head.polygons[head.part == head.part_names.index("skin")].clip(min=0))] = True
        self.skin = part
        self.seen = np.zeros(len(self.vertices), bool)
        self.seen[np.unique(self._corner)] = True
        if rest is not None:
            self._carry(rest)
            return
        self.causes = find_causes(reference, self.vertices, self.seen, self.skin, pixels, self.px_per_m)
        self.depth_bump, self.depth_vertex = depth_bumps(reference, self.vertices, pixels, float(self.centre[2]))

    def moves(self, rows: slice | NDArray[np.int64] = EVERY) -> Array:
        """(X, K, 3) m: motion of some points (all M without `rows`) by every expression column at strength 1. Large: not kept."""
        return np.asarray(self.interpolate(self.causes.basis, rows) @ self._turn.T)

    def shown_by(self, other: Surface) -> NDArray[np.bool_]:
        """(M,) which of the points another view of the same head shows too."""
        return np.asarray(other.seen[self._corner].all(1))

    def owners(self, number: NDArray[np.int64]) -> NDArray[np.int64]:
        """(V,) of numbers (M,) of the pixels, that of one which shows the vertex; -1 = none does."""
        out = np.full(len(self.vertices), -1)
        out[self._corner] = number[:, None]
        return out

    def interpolate(self, values: Floats, rows: slice | NDArray[np.int64] = EVERY) -> Array:
        """Values of the vertices (..., V, C) at the points (..., M, C), or at some of them."""
        corner, weight, values = self._corner[rows], self._weight[rows, :, None], np.asarray(values)
        parts = (values[..., corner[:, k], :] * weight[:, k] for k in range(3))
        return np.asarray(sum(parts, np.zeros(())))

    def project(self, points: Array) -> Array:
        """Camera space (..., 3) to work px (..., 2)."""
        return project(points, self.reference.camera)[..., :2]

    def flow(self, motion: Array, at: Array | None = None) -> Array:
        """Image motion (..., M, 2) px of small point motions (..., M, 3) m."""
        at = self.points if at is None else at
        f, z = self.reference.camera[0, 0], at[:, 2]
        return np.asarray(f * (motion[..., :2] - motion[..., 2:] * (at[:, :2] / z[:, None])) / z[:, None])

    def rigid_flow(self, at: Array) -> Array:
        """(6, M, 2) px per rad and per m: turns about the centre and shifts, at points (M, 3)."""
        turns = [np.cross(axis, at - self.centre) for axis in np.eye(3)]
        shifts = [np.broadcast_to(axis, at.shape) for axis in np.eye(3)]
        return np.stack([self.flow(m, at) for m in (*turns, *shifts)])

    def depth_offset(self, depth: Array) -> Array:
        """(V, 3) m, head space: the depth correction along the lines of sight of the template at rest."""
        away = self.vertices / self.vertices[:, 2:] * (self.depth_vertex @ depth)[:, None]
        return np.asarray(away @ self.reference.turn)

    def _carry(self, rest: Surface) -> None:
        """Every cause is the same vertex motion as at rest, and the depth correction acts along the lines of sight of rest."""
        self.causes, self.depth_vertex = rest.causes, rest.depth_vertex
        self._turn = self.reference.turn @ rest.reference.turn.T
        self._sight = rest.vertices / rest.vertices[:, 2:] @ self._turn.T
        self.ray, self.depth_bump = self.interpolate(self._sight), self.interpolate(rest.depth_vertex)

    def relaid(self, nominal: Array) -> Surface:
        """A further view whose pixels show what stands at `nominal` (M, 2) px when the head is at rest in the reference pose."""
        out = copy(self)
        triangle = self._triangle_at(nominal)
        out._corner = np.where(triangle[:, None] >= 0, self.reference.head.faces[triangle], self._corner)
        out._weight = _barycentric(project(self.vertices, self.reference.camera)[out._corner], nominal)
        out.points = out.interpolate(self.vertices)
        out.centre = out.points.mean(0)
        out.seen = np.zeros(len(self.vertices), bool)
        out.seen[np.unique(out._corner)] = True
        out.ray, out.depth_bump = out.interpolate(self._sight), out.interpolate(self.depth_vertex)
        return out

    def under(self, pixels: Array) -> Array:
        """Points (K, 3) m exactly under any pixels (K, 2) px; beside the head, the depth of its centre."""
        triangle, camera = self._triangle_at(pixels), self.reference.camera
        corner = self.reference.head.faces[np.maximum(triangle, 0)]
        weight = _barycentric(project(self.vertices, camera)[corner], pixels)
        depth = np.where(triangle >= 0, (self.vertices[corner, 2] * weight).sum(1), self.centre[2])
        return np.asarray(
            np.c_[(pixels - camera[:2, 2]) / camera[[0, 1], [0, 1]], np.ones(len(pixels))] * depth[:, None]
        )

    def _triangle_at(self, pixels: Array) -> NDArray[np.int32]:
        column, row = np.clip(np.round(pixels), 0, np.array(self._triangle.shape[::-1]) - 1).astype(int).T
        return self._triangle[row, column]


def _barycentric(corner: Array, at: Array) -> Array:
    """Perspective-correct weights (M, 3) of the points `at` (M, 2) px in triangles (M, 3, x px y px depth), or beside them."""
    edge = (corner[:, 1:, :2] - corner[:, :1, :2]).transpose(0, 2, 1)
    part = np.linalg.solve(edge, (at - corner[:, 0, :2])[..., None])[..., 0]
    near = np.c_[1 - part.sum(1), part] / corner[..., 2]
    return np.asarray(near / near.sum(1, keepdims=True))
