# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that overlap at rest, as FLAME's do: units in which no more of their triangles cross than on another head.

Where two surfaces overlap, the triangles that cross are those along the curves in which they meet. A unit that slides
the lips moves these curves over other triangles, and the count goes up and down by some pairs. Where it is above what
the unit makes on the head it comes from, the shallowest crossings are drawn apart (`separation.py`), while the head's
landmarks stay. Round by round pairs are added that still cross, until none is too many at any of STRENGTHS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from .crossing import crossing_pairs
from .embedding import INNER_LIPS
from .model import HeadModel
from .separation import Separation, Stiffness

Array = NDArray[np.float64]
Faces = NDArray[np.int32]
Pairs = NDArray[np.int64]

STRENGTHS = np.concatenate([np.arange(4, 20) / 200, np.arange(10, 101) / 100])  # finer where lips only begin to slide
AROUND = 0.015  # m about the inner lips: what counts as the mouth
STILL = 1e-5  # m: what moves less counts as not moving
SPARE = 3  # pairs drawn apart more than are too many
FIRST, MOST = 3e-4, 3e-3  # m at full strength: how far a pair may be drawn apart
WIDER = 1.2  # times further when a round gains nothing
ROUNDS = 60


@dataclass(frozen=True)
class Mouth:
    """The skin around a head's lips, at rest."""

    template: Array  #: (V, 3) m
    faces: Faces  #: (F, 3)
    resting: int  #: pairs that cross at rest

    @classmethod
    def of(cls, head: HeadModel) -> Mouth:
        """Of a head with landmarks on its inner lips; without triangles where it has none."""
        skin = head.faces[np.array(head.part_names)[head.face_part] == "skin"]
        lips = head.landmark_points(head.template)[np.isin(head.landmark_index, INNER_LIPS)]
        middle = head.template[skin].mean(1)
        low, high = lips.min(0, initial=np.inf) - AROUND, lips.max(0, initial=-np.inf) + AROUND
        faces = skin[((middle > low) & (middle < high)).all(1)]
        return cls(head.template, faces, len(crossing_pairs(head.template, faces)))

    def crossing(self, motion: Array, strength: float) -> tuple[Array, Pairs]:
        """Vertices (V, 3) of a motion (V, 3) at some strength, and the pairs (P, 2) of faces that cross there."""
        place = self.template + strength * motion
        return place, crossing_pairs(place, self.faces)

    def more(self, motion: Array) -> NDArray[np.int64]:
        """How many pairs more than at rest cross at each of STRENGTHS."""
        if np.abs(motion[self.faces]).max(initial=0) < STILL:
            return np.zeros(len(STRENGTHS), np.int64)
        return np.array([len(self.crossing(motion, strength)[1]) for strength in STRENGTHS]) - self.resting


def parted(
    head: HeadModel, source: HeadModel, units: Array, told: Callable[[float], None] = lambda share: None
) -> Array:
    """Units as they suit a head's lips.

    Args:
        head: with landmarks.
        source: whose units they are, with landmarks.
        units: (E, V, 3) m on the head, in the order of the source's.
        told: hears before each unit which share of them is done.

    Returns:
        (E, V, 3) m. A mouth that closes is looked at on the jaw that it closes.
    """
    mine, theirs, out = Mouth.of(head), Mouth.of(source), units.copy()
    if not mine.resting:
        return out
    stiffness, names = Stiffness.of(mine.faces, _landmarks(head)), source.expression_names
    for number, name in enumerate(names):
        told(number / len(names))
        under = names.index("jawOpen") if name == "mouthClose" and "jawOpen" in names else None
        own, other = (each[number] + (0 if under is None else each[under]) for each in (out, source.expression))
        if np.abs(own[mine.faces]).max(initial=0) > STILL:
            out[number] += _change(mine, stiffness, own, theirs.more(other))
    return out


def _landmarks(head: HeadModel) -> csr_matrix:
    """(L, V) shares of the vertices in the landmarks: whose head it is is found from these, and they stay where they are."""
    shape, rows = (len(head.landmark_index), len(head.template)), np.repeat(np.arange(len(head.landmark_index)), 3)
    corner = head.faces[head.landmark_triangle].ravel()
    return csr_matrix(coo_matrix((head.landmark_weight.ravel(), (rows, corner)), shape))


def _change(mouth: Mouth, stiffness: Stiffness, motion: Array, most: NDArray[np.int64]) -> Array:
    """What (V, 3) to add to a motion, so that at no strength more than `most` pairs cross beyond those at rest.

    Where that is not reached, the change that comes nearest to it.
    """
    every = np.arange(len(STRENGTHS))
    change, best, fewest, before = np.zeros_like(motion), np.zeros_like(motion), np.inf, np.inf
    drawn, seen, reach = Separation(), every[:0], FIRST
    for _ in range(ROUNDS):
        over = _over(mouth, motion + change, most, seen)
        if not over:  # nor where nothing crossed too much before?
            over = _over(mouth, motion + change, most, every)
            total = sum(one.count for one in over)
            best, fewest = (change, total) if total < fewest else (best, fewest)
        left = sum(one.count for one in over)
        if not left or reach > MOST:
            break
        before, reach = left, reach * (WIDER if left >= before else 1)
        seen = np.union1d(seen, [one.number for one in over])
        for one in over:
            drawn.add(one.place, mouth.faces[one.pairs], STRENGTHS[one.number], one.count + SPARE, reach, change)
        change = drawn.solved(stiffness, FIRST / reach)
    return best


@dataclass(frozen=True)
class _Over:
    """A strength at which too many pairs cross."""

    number: int  #: of STRENGTHS
    count: int  #: how many too many
    place: Array  #: (V, 3) m
    pairs: Pairs


def _over(mouth: Mouth, motion: Array, most: NDArray[np.int64], looked: NDArray[np.int64]) -> list[_Over]:
    """The strengths among `looked` at which too many pairs cross."""
    found = ((number, *mouth.crossing(motion, STRENGTHS[number])) for number in looked.tolist())
    every = [_Over(n, len(pairs) - mouth.resting - int(most[n]), place, pairs) for n, place, pairs in found]
    return [one for one in every if one.count > 0]
