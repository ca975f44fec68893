# SPDX-License-Identifier: GPL-3.0-or-later
"""Units carried over from another head made at home: smooth, shut eyes shut, no folds through one another.

Each unit's motion x minimises

    sum_v trust_v |x_v - carried_v|^2 + BEND |L x|^2 + PIN sum_p |margin_p x - motion_p|^2

L is the graph Laplacian of the skin, so that upper and lower lip, which only touch, do not pull each other. The trust is
low where the other head's surface lay far away, and it is lowered, round by round, where triangles cross that do not at
rest: there the motion becomes as smooth as needed. Lips that overlap at rest already are left alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from .crossing import crossing_pairs
from .lids import BLINK, Meeting, meeting
from .model import HeadModel

Array = NDArray[np.float64]
Faces = NDArray[np.int32]

BEND = 0.1
PIN = 100.0
ROUNDS = 6
LESS = 0.3  # of its trust keeps what crosses
STILL = 1e-5  # m: what moves less counts as not moving


def settled(head: HeadModel, faces: Faces, names: tuple[str, ...], units: Array, trust: Array) -> Array:
    """Units as they suit the head.

    Args:
        head: whose template and landmarks count.
        faces: (F, 3) its skin.
        names: of the units.
        units: (E, V, 3) m as carried over.
        trust: (V,) 0 to 1, in the motion carried to each vertex.
    """
    bend = _bending(faces, len(head.template))
    at_rest = np.unique(faces[crossing_pairs(head.template, faces)])
    first = _solved(bend, trust, units.transpose(1, 0, 2).reshape(len(trust), -1), None)
    out = first.reshape(len(trust), -1, 3).transpose(1, 0, 2).copy()
    for number, name in enumerate(names):
        shut = meeting(head, name.removeprefix(BLINK), out[number]) if name.startswith(BLINK) else None
        wanted = units[number] * (shut.share if shut else 1.0)
        out[number] = _uncrossed(head.template, faces, bend, trust, wanted, shut, at_rest)
    return out


def _uncrossed(
    template: Array, faces: Faces, bend: csr_matrix, trust: Array, wanted: Array, shut: Meeting | None,
    at_rest: NDArray[np.int32],
) -> Array:  # fmt: skip
    """The motion (V, 3) of one unit."""
    trust = trust.copy()
    for _ in range(ROUNDS):
        moved = _solved(bend, trust, wanted, shut)
        pairs = _crossing(template, moved, faces)
        fresh = np.unique(pairs[~np.isin(pairs, at_rest).any((1, 2))])
        if not len(fresh):
            break
        trust[fresh] *= LESS
    return moved


def _crossing(template: Array, moved: Array, faces: Faces) -> NDArray[np.int32]:
    """Corners (P, 2, 3) of crossing triangles, sought in the box around what moves."""
    place, moving = template + moved, np.linalg.norm(moved, axis=1) > STILL
    if not moving.any():
        return np.zeros((0, 2, 3), np.int32)
    low, high = place[moving].min(0), place[moving].max(0)
    near = faces[((place[faces] >= low) & (place[faces] <= high)).all(2).any(1)]
    return near[crossing_pairs(place, near)]


def _solved(bend: csr_matrix, trust: Array, wanted: Array, shut: Meeting | None) -> Array:
    """Motion (V, C) closest to the wanted one."""
    matrix, right = diags(trust) + bend, trust[:, None] * wanted
    if shut:
        matrix = matrix + PIN * (shut.margin.T @ shut.margin)
        right = right + PIN * (shut.margin.T @ shut.motion)
    return np.asarray(splu(matrix.tocsc()).solve(right))


def _bending(faces: Faces, count: int) -> csr_matrix:
    """BEND Lᵀ L (V, V), 0 off the skin."""
    one, other = faces.ravel(), np.roll(faces, -1, 1).ravel()
    near = coo_matrix((np.ones(len(one)), (one, other)), (count, count)).tocsr()
    near = ((near + near.T) > 0).astype(np.float64)
    number = np.asarray(near.sum(1)).ravel()
    laplacian = diags((number > 0).astype(np.float64)) - diags(1 / np.maximum(number, 1)) @ near
    return (BEND * laplacian.T @ laplacian).tocsr()
