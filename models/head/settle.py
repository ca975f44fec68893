# SPDX-License-Identifier: GPL-3.0-or-later
"""Units carried over from another head made at home: smooth, shut eyes shut, no more folds than where they come from.

Each unit's motion x minimises

    sum_v trust_v |x_v - (carried_v - back_v normal_v)|^2 + BEND |L x|^2 + PIN sum_p |margin_p x - motion_p|^2

L is the graph Laplacian of the skin, so that upper and lower lip, which only touch, do not pull each other. The trust is
low where the other head's surface lay far away. Round by round it is lowered where triangles cross that do not at rest:
there the motion becomes as smooth as needed. Lips may overlap at rest already; where a unit makes more triangles cross
than it does on the head it comes from, these draw back into their own flesh by 0.15 mm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from .crossing import crossing_pairs
from .lids import BLINK, Meeting, meeting
from .model import HeadModel

Array = NDArray[np.float64]
Faces = NDArray[np.int32]
Pairs = NDArray[np.int64]

BEND = 0.1
PIN = 100.0
ROUNDS = 6
LESS = 0.3  # of its trust keeps what crosses
BACK = 1.5e-4  # m
STILL = 1e-5  # m: what moves less counts as not moving
HELD = (0.25, 0.5, 1.0)  # strengths at which crossings are counted


@dataclass(frozen=True)
class Skin:
    """A head's skin at rest."""

    template: Array  #: (V, 3) m
    faces: Faces  #: (F, 3)
    crossing: Pairs  #: (P, 2) its triangles that cross one another at rest

    @classmethod
    def of(cls, head: HeadModel) -> Skin:
        """The skin of a head."""
        faces = head.faces[np.array(head.part_names)[head.face_part] == "skin"]
        return cls(head.template, faces, crossing_pairs(head.template, faces))

    def more(self, motion: Array, moving: NDArray[np.bool_]) -> tuple[int, Pairs]:
        """How many pairs more than at rest cross where vertices (V,) move, and all that do."""
        corner = (self.template + motion)[self.faces]
        touched = moving[self.faces].any(1)
        if not touched.any():
            return 0, np.zeros((0, 2), np.int64)
        low, high = corner[touched].min((0, 1)), corner[touched].max((0, 1))
        near = np.flatnonzero(((corner.max(1) >= low) & (corner.min(1) <= high)).all(1))
        now, rest = (
            pairs[touched[pairs].any(1)]
            for pairs in (near[crossing_pairs(self.template + motion, self.faces[near])], self.crossing)
        )
        return len(now) - len(rest), now

    def normals(self) -> Array:
        """(V, 3) outwards; 0 off the skin."""
        corner = self.template[self.faces]
        normal = np.zeros_like(self.template)
        for k in range(3):
            np.add.at(normal, self.faces[:, k], np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]))
        return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))


def settled(head: HeadModel, source: HeadModel, units: Array, trust: Array) -> Array:
    """Units as they suit the head.

    Args:
        head: whose template and landmarks count.
        source: whose units they are.
        units: (E, V, 3) m as carried over.
        trust: (V,) 0 to 1, in the motion carried to each vertex.
    """
    mine, theirs = Skin.of(head), Skin.of(source)
    bend = _bending(mine.faces, len(head.template))
    first = _solved(bend, trust, units.transpose(1, 0, 2).reshape(len(trust), -1), None)
    out = first.reshape(len(trust), -1, 3).transpose(1, 0, 2).copy()
    for number, name in enumerate(source.expression_names):
        shut = meeting(head, name.removeprefix(BLINK), out[number]) if name.startswith(BLINK) else None
        wanted = units[number] * (shut.share if shut else 1.0)
        most = _counts(theirs, source.expression[number])
        out[number] = _uncrossed(mine, bend, trust, wanted, shut, most)
    return out


def _counts(skin: Skin, unit: Array) -> list[int]:
    """How many pairs more than at rest cross at the strengths HELD of a unit (V, 3)."""
    moving = np.linalg.norm(unit, axis=1) > STILL
    return [skin.more(strength * unit, moving)[0] for strength in HELD]


def _uncrossed(
    skin: Skin, bend: csr_matrix, trust: Array, wanted: Array, shut: Meeting | None, most: list[int]
) -> Array:
    """The motion (V, 3) of one unit; `most` pairs may cross at the strengths HELD."""
    moved = _solved(bend, trust, wanted, shut)
    trust, back = trust.copy(), np.zeros_like(trust)
    at_rest, normal = np.unique(skin.faces[skin.crossing]), skin.normals()
    for _ in range(ROUNDS):
        moving = np.linalg.norm(moved, axis=1) > STILL
        found = [skin.more(strength * moved, moving) for strength in HELD]
        corner = skin.faces[found[-1][1]]
        fresh = np.unique(corner[~np.isin(corner, at_rest).any((1, 2))])
        over = [pairs for (count, pairs), limit in zip(found, most, strict=True) if count > limit]
        if not len(fresh) and (shut or not over):
            break
        trust[fresh] *= LESS
        if over and shut is None:  # shut lids meet, and drawn back they would show the eye
            back[np.unique(skin.faces[np.concatenate(over)])] = BACK
        moved = _solved(bend, trust, wanted - back[:, None] * normal, shut)
    return moved


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
