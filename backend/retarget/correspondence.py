# SPDX-License-Identifier: GPL-3.0-or-later
"""Which place of the source's face each vertex of the target's face is.

The source is laid on the target by a similarity and then by a thin-plate spline between their landmarks; each vertex of
the target takes the place of the source that lies nearest and faces the same way, so that a lip meets its own lip. What
a face moves is carried over turned and scaled by the similarity: a larger head smiles larger, in the same proportion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from ...models.head.embedding import INNER_LIPS
from ...models.head.model import HeadModel
from ...models.head.raster import vertex_normals
from ...models.head.surface_points import project
from ...models.head.transfer import IRISES, similarity, skin_faces
from ..errors import MicrofaceError

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Rows = NDArray[np.int64]

STIFFNESS = 1e-6  # of the spline, m: the tracker's own noise
FACING = 0.01  # m: as much as a distance counts that two surfaces face apart by one radian
CANDIDATES = 24  # triangles tried for each vertex
NEAR = 0.008  # m: a vertex farther than that from the laid source has no place on it
FIT = 0.004  # m: within it a place counts fully
LEAST = 60  # landmarks in common
DENSE = 0.001  # m: of vertices closer together than that one speaks for all


@dataclass(frozen=True)
class Correspondence:
    """Places of one face on another."""

    turn: Array  #: (3, 3) rotation times scale, source to target
    rows: Rows  #: (N,) vertices of the target
    corner: Rows  #: (N, 3) vertices of the source
    share: Array  #: (N, 3) their barycentric weights
    weight: Array  #: (N,) m^2 of the target's face that a vertex speaks for, less where the two fit badly

    def carried(self, motion: Floats) -> Array:
        """What the target's vertices are to move, (..., N, 3), of motions (..., V, 3) of the source's."""
        at = np.einsum("...nkc,nk->...nc", np.asarray(motion, np.float64)[..., self.corner, :], self.share)
        return np.asarray(at @ self.turn.T)


def correspond(source: HeadModel, target: HeadModel) -> Correspondence:
    """Lay one head's face on another's; both at rest, with landmarks.

    Raises:
        MicrofaceError: ``few_landmarks``.
    """
    start, to = common_landmarks(source, target)
    turn = similarity(start, to)
    near, whole = ((points - start.mean(0)) @ turn.T + to.mean(0) for points in (start, source.template))
    laid = RBFInterpolator(near, to, kernel="thin_plate_spline", smoothing=STIFFNESS)(whole)
    face = skin_faces(source)
    face = face[source.face_mask[face].all(1)]
    skin = skin_faces(target)
    rows = np.flatnonzero(np.isin(np.arange(len(target.template)), skin) & target.face_mask)
    normals = vertex_normals(target.template, skin)[rows]
    triangle, share, gap = _nearest(target.template[rows], normals, laid, face)
    rim = _rim(face)[face[triangle]] & (share > 0)
    fits = (gap < NEAR) & ~(rim.sum(1) >= np.maximum((share > 0).sum(1), 1))  # beyond the rim of the face
    weight = _areas(target.template, skin)[rows] * np.exp(-(np.maximum(gap - FIT, 0) ** 2) / FIT**2)
    kept = _thinned(target.template[rows], normals, weight, fits)
    chosen = np.flatnonzero(kept)
    return Correspondence(turn, rows[chosen], face[triangle[chosen]].astype(np.int64), share[chosen], kept[chosen])


def common_landmarks(source: HeadModel, target: HeadModel) -> tuple[Array, Array]:
    """Places (L, 3) on both, at rest. Shut lips hide which of the two an inner landmark is on: these are left out."""
    common = np.intersect1d(source.landmark_index, target.landmark_index)
    common = common[(common < IRISES) & ~np.isin(common, INNER_LIPS)]
    if len(common) < LEAST:
        text = f"Only {len(common)} landmarks of the face were found on both heads."
        raise MicrofaceError("few_landmarks", text, "Choose meshes that show the whole face.")
    one, other = (
        head.landmark_points(head.template)[np.searchsorted(head.landmark_index, common)] for head in (source, target)
    )
    return one, other


def _nearest(points: Array, normals: Array, laid: Array, faces: NDArray[np.int32]) -> tuple[Rows, Array, Array]:
    """Triangle (N,), weights (N, 3) and distance (N,) of the nearest places that face the same way."""
    facing = vertex_normals(laid, faces)[faces].mean(1)
    corner = laid[faces]
    tree = cKDTree(np.hstack([corner.mean(1), FACING * facing]))
    _, near = tree.query(np.hstack([points, FACING * normals]), k=min(CANDIDATES, len(faces)))
    near = np.asarray(near).reshape(len(points), -1)
    share = project(points[:, None], corner[near])
    gap = np.linalg.norm(np.einsum("nkc,nkcd->nkd", share, corner[near]) - points[:, None], axis=-1)
    apart = FACING * np.linalg.norm(facing[near] - normals[:, None], axis=-1)
    best, row = np.hypot(gap, apart).argmin(1), np.arange(len(points))
    return near[row, best], share[row, best], gap[row, best]


def _rim(faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """(V,) vertices on edges that only one triangle has."""
    edge = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), 1)
    unique, count = np.unique(edge, axis=0, return_counts=True)
    out = np.zeros(faces.max() + 1, bool)
    out[unique[count == 1]] = True
    return out


def _areas(vertices: Array, faces: NDArray[np.int32]) -> Array:
    """(V,) m^2, a third of the triangles around each vertex."""
    corner = vertices[faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 6
    return np.asarray(np.bincount(faces.ravel(), np.repeat(area, 3), len(vertices)), float)


def _thinned(points: Array, normals: Array, weight: Array, fits: NDArray[np.bool_]) -> Array:
    """Weights (N,) in which, of vertices in one small cube that face the same way, the first speaks for all."""
    out, chosen = np.zeros(len(points)), np.flatnonzero(fits)
    cell = np.hstack([np.floor(points[chosen] / DENSE), np.round(normals[chosen])]).astype(np.int64)
    _, first, group = np.unique(cell, axis=0, return_index=True, return_inverse=True)
    out[chosen[first]] = np.bincount(group.reshape(-1), weight[chosen])
    return out
