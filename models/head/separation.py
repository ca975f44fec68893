# SPDX-License-Identifier: GPL-3.0-or-later
"""How surfaces that cross come apart: which way and how far two triangles must go, and the smallest smooth change for many.

Of a pair that crosses by o at strength s, along a direction n into the flesh of both, every vertex a of the one and b of
the other that are too far asks of the change e, in m at full strength,

    n . (e_a - e_b) >= (o_ab + ROOM) / s

and e is the smallest and smoothest that meets all of them: its dual is solved by non-negative least squares (Lawson and
Hanson, Solving Least Squares Problems, 1974).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import SuperLU, splu

Array = NDArray[np.float64]
Faces = NDArray[np.int32]
Rows = NDArray[np.int64]

SMOOTH = 3.0  # weight of the Laplacian of a change against its size
HELD = 200.0  # weight of points that shall stay
SOFT = 1e-2  # how far constraints that contradict one another give way
ROOM = 1e-6  # m: how far apart they are left
RECENT = 400  # constraints kept though they do not act
ALONG = 0.3  # cosine with both normals that a direction must have


@dataclass
class Separation:
    """Constraints: vertex `one` is to move along `along` further than `other`, by `least` m at full strength."""

    one: list[int] = field(default_factory=list)
    other: list[int] = field(default_factory=list)
    along: list[Array] = field(default_factory=list)
    least: list[float] = field(default_factory=list)

    def add(self, place: Array, pairs: Faces, strength: float, count: int, reach: float, change: Array) -> None:
        """Draw apart the shallowest of some pairs of triangles.

        Args:
            place: (V, 3) m, where the vertices are at that strength with the change so far.
            pairs: (P, 2, 3) vertices of triangles that cross there.
            count: of how many.
            reach: m at full strength: what would have to move further stays.
            change: (V, 3) m at full strength, so far.
        """
        along, depth = separating(place[pairs[:, 0]], place[pairs[:, 1]])
        shallow = np.argsort(depth)[:count]
        for pair in shallow[depth[shallow] < reach * strength]:
            (a, b), far = pairs[pair], along[pair]
            gap = (place[b] @ far)[None] - (place[a] @ far)[:, None]
            for k, m in np.argwhere(gap > -ROOM):
                self.one.append(a[k])
                self.other.append(b[m])
                self.along.append(far)
                self.least.append((gap[k, m] + ROOM) / strength + far @ (change[a[k]] - change[b[m]]))

    def solved(self, stiffness: Stiffness, softness: float) -> Array:
        """The change (V, 3) m that meets the constraints; those that do not act are forgotten after a while.

        Args:
            softness: of SOFT; less where what contradicts itself shall give way less.
        """
        out = np.zeros((len(stiffness.place), 3))
        if not self.one:
            return out
        along, rows = np.array(self.along), np.arange(len(self.one))
        between = np.zeros((len(stiffness.vertices), len(rows)))
        between[stiffness.place[self.one], rows] += 1
        between[stiffness.place[self.other], rows] -= 1
        moved = stiffness.solver.solve(between)
        gram = (between.T @ moved) * (along @ along.T)
        root = np.linalg.cholesky(gram + softness * SOFT * np.trace(gram) / len(rows) * np.eye(len(rows)))
        scale = max(self.least)  # nnls ends where numbers are small
        price = scale * nnls(root.T, np.linalg.solve(root, np.array(self.least) / scale), maxiter=20 * len(rows))[0]
        out[stiffness.vertices] = moved @ (price[:, None] * along)
        kept = np.flatnonzero((price > 0) | (rows >= len(rows) - RECENT)).tolist()
        self.one, self.other, self.along, self.least = (
            [values[k] for k in kept] for values in (self.one, self.other, self.along, self.least)
        )
        return out


def separating(first: Array, second: Array) -> tuple[Array, Array]:
    """Directions (P, 3) in which the first of two triangles leaves the second into the flesh of both, and how far (P,) m.

    Args:
        first, second: (P, 3 corners, 3) m, counter-clockwise seen from outside.

    Of the directions in which convex bodies can be apart (normals, and what is square to two edges; Gottschalk and
    others, SIGGRAPH 1996) the one that asks for least; infinite where none leads into the flesh.
    """
    edge, other = (corner[:, [1, 2, 0]] - corner for corner in (first, second))
    across = [np.cross(edge[:, k], other[:, m]) for k in range(3) for m in range(3)]
    axis = np.stack([np.cross(edge[:, 0], edge[:, 1]), np.cross(other[:, 0], other[:, 1]), *across], 1)
    length = np.linalg.norm(axis, axis=2, keepdims=True)
    axis = axis / np.maximum(length, 1e-30)
    inwards = axis[:, 1] - axis[:, 0]
    lean = np.einsum("pkc,pc->pk", axis, inwards)
    axis = axis * np.sign(lean)[..., None]
    size = np.linalg.norm(inwards, axis=1)[:, None]
    allowed = (np.abs(lean) > ALONG * size) & (size > 0.5) & (length[..., 0] > 1e-14)
    depth = np.einsum("pkc,pvc->pkv", axis, second).max(2) - np.einsum("pkc,pvc->pkv", axis, first).min(2)
    depth = np.where(allowed, depth, np.inf)
    best, row = depth.argmin(1), np.arange(len(first))
    return axis[row, best], depth[row, best]


@dataclass(frozen=True)
class Stiffness:
    """What a change of a surface costs: its size, its Laplacian, and how far it moves some points that shall stay."""

    vertices: Rows  #: (N,) of the surface
    place: Rows  #: (V,) where they stand among these
    solver: SuperLU

    @classmethod
    def of(cls, faces: Faces, points: csr_matrix) -> Stiffness:
        """Of faces (F, 3); `points` (L, V) are the shares of the vertices in those that shall stay."""
        vertices = np.unique(faces).astype(np.int64)
        place = np.full(points.shape[1], -1)
        place[vertices] = np.arange(len(vertices))
        one, other = place[faces].ravel(), place[np.roll(faces, -1, 1)].ravel()
        near = coo_matrix((np.ones(len(one)), (one, other)), (len(vertices),) * 2).tocsr()
        near = csr_matrix(((near + near.T) > 0).astype(np.float64))
        laplacian = identity(len(vertices)) - diags(1 / np.asarray(near.sum(1)).ravel()) @ near
        held = points[:, vertices]
        cost = identity(len(vertices)) + SMOOTH * laplacian.T @ laplacian + HELD * held.T @ held
        return cls(vertices, place, splu(cost.tocsc()))
