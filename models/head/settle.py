# SPDX-License-Identifier: GPL-3.0-or-later
"""Units carried over from another head made at home: smooth, shut eyes shut, no more folds than where they come from.

Each unit's motion x minimises

    sum_v trust_v |x_v - (carried_v - back_v normal_v)|^2 + BEND |L x|^2 + PIN sum_p |margin_p x - motion_p|^2

L is the graph Laplacian of the skin, so that upper and lower lip, which only touch, do not pull each other. The trust is
low where the other head's surface lay far away. Round by round it is lowered where triangles cross that do not at rest:
there the motion becomes as smooth as needed. Lips may overlap at rest already; where a unit makes more triangles cross
than it does on the head it comes from, these draw back into their own flesh: all by 0.15 mm at strengths that part lips,
and at lighter ones, where overlapping lips only begin to slide, those that newly cross, by up to 0.6 mm. More would open
the mouth: to have no light strength at all with more crossings, the lips of a frown part by 2.7 mm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from .crossing import crossing_along, crossing_pairs
from .lids import BLINK, Meeting, meeting
from .model import HeadModel

Array = NDArray[np.float64]
Faces = NDArray[np.int32]
Pairs = NDArray[np.int64]

BEND = 0.1
PIN = 100.0
ROUNDS, SLIDING = 6, 14  # for lips that overlap more than the other head's
LESS = 0.3  # of its trust keeps what crosses
BACK = 1.5e-4  # m
STEP, FARTHEST = 1e-4, 6e-4  # m a round, and in all, at light strengths
STILL = 1e-5  # m: what moves less counts as not moving
HELD = (0.3, 0.4, 0.6, 0.8, 1.0)  # strengths at which crossings are counted
LIGHT = (0.03, 0.05, 0.08, 0.12, 0.16, 0.2)  # and those at which lips that overlap have not yet parted


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

    def along(self, motion: Array, strengths: Iterable[float]) -> dict[float, tuple[int, Pairs]]:
        """How many pairs more than at rest cross at each strength of a motion (V, 3), and all that do.

        Only pairs of which one triangle moves.
        """
        motion = np.where(np.linalg.norm(motion, axis=1, keepdims=True) > STILL, motion, 0)
        rest, *found = crossing_along(self.template, motion, self.faces, (0, *strengths))
        return {strength: (len(pairs) - len(rest), pairs) for strength, pairs in zip(strengths, found, strict=True)}

    def new(self, pairs: Pairs) -> Pairs:
        """Those pairs (P, 2) that do not cross at rest."""
        code, rest = (np.sort(each, 1) @ [len(self.faces), 1] for each in (pairs, self.crossing))
        return np.asarray(pairs[~np.isin(code, rest)])

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
    strengths = HELD if len(mine.crossing) < 2 * len(theirs.crossing) else (*LIGHT, *HELD)
    bend = _bending(mine.faces, len(head.template))
    first = _solved(bend, trust, units.transpose(1, 0, 2).reshape(len(trust), -1), None)
    out = first.reshape(len(trust), -1, 3).transpose(1, 0, 2).copy()
    for number, name in enumerate(source.expression_names):
        shut = meeting(head, name.removeprefix(BLINK), out[number]) if name.startswith(BLINK) else None
        wanted = units[number] * (shut.share if shut else 1.0)
        most = {strength: count for strength, (count, _) in theirs.along(source.expression[number], strengths).items()}
        out[number] = _uncrossed(mine, bend, trust, wanted, shut, most)
    return out


def _uncrossed(
    skin: Skin, bend: csr_matrix, trust: Array, wanted: Array, shut: Meeting | None, most: dict[float, int]
) -> Array:
    """The motion (V, 3) of one unit, of the best round; `most`: how many pairs may cross at each strength."""
    moved = best = _solved(bend, trust, wanted, shut)
    least, trust, back = np.inf, trust.copy(), np.zeros_like(trust)
    at_rest, normal = np.unique(skin.faces[skin.crossing]), skin.normals()
    for _ in range(SLIDING if LIGHT[0] in most else ROUNDS):
        found = skin.along(moved, most)
        corner = skin.faces[found[HELD[-1]][1]]
        fresh = np.unique(corner[~np.isin(corner, at_rest).any((1, 2))])
        over = {strength: pairs for strength, (count, pairs) in found.items() if count > most[strength]}
        excess = len(fresh) + sum(found[strength][0] - most[strength] for strength in over)
        if excess < least:
            least, best = excess, moved
        if not len(fresh) and (shut or not over):
            break
        trust[fresh] *= LESS
        if shut is None:  # shut lids meet, and drawn back they would show the eye
            back = _drawn_back(skin, back, over)
        moved = _solved(bend, trust, wanted - back[:, None] * normal, shut)
    return best


def _drawn_back(skin: Skin, back: Array, over: dict[float, Pairs]) -> Array:
    """How far (V,) m vertices draw back in the next round, by the pairs that cross at the strengths where too many do."""
    back = back.copy()
    for pairs in (over[strength] for strength in HELD if strength in over):
        moved = np.unique(skin.faces[pairs])
        back[moved] = np.maximum(back[moved], BACK)
    new = [skin.new(over[strength]) for strength in LIGHT if strength in over]
    if new:
        moved = np.unique(skin.faces[np.concatenate(new)])
        back[moved] = np.minimum(back[moved] + STEP, FARTHEST)
    return back


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
