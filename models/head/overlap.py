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

from .model import HeadModel
from .mouth import STRENGTHS, Mouth
from .separation import Separation, Stiffness

Array = NDArray[np.float64]
Pairs = NDArray[np.int64]
Rows = NDArray[np.int64]

CLOSE, OPEN = "mouthClose", "jawOpen"  # the one is used on the other
SPARE = 2  # pairs drawn apart more than are too many
DRAWN = 100  # pairs at once: what many constraints cost grows with their cube
FIRST, MOST = 3e-4, 3e-3  # m at full strength: how far a pair may be drawn apart
WIDER = 1.2  # times further when a round gains nothing
ROUNDS = 60
ALIKE = 24  # STRENGTHS in a row ask for nearly the same


@dataclass(frozen=True)
class Use:
    """A unit on top of another motion."""

    under: Array  #: (V, 3) m, the other motion
    most: Rows  #: pairs that may cross beyond those at rest at each of STRENGTHS


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
        (E, V, 3) m. A mouth that closes is looked at alone and on the jaw that it closes.
    """
    out, landmarks, names = units.copy(), _landmarks(head), source.expression_names
    if not Mouth.of(head).resting:
        return out
    for number, name in enumerate(names):
        told(number / len(names))
        mine, theirs = (Mouth.of(each, unit[number]) for each, unit in ((head, out), (source, source.expression)))
        if not mine.moved_by(out[number]):
            continue
        under = [(np.zeros_like(head.template), np.zeros_like(source.template))]
        if name == CLOSE and OPEN in names:
            under.append((out[names.index(OPEN)], source.expression[names.index(OPEN)]))
        uses = [Use(own, theirs.more(other + source.expression[number])) for own, other in under]
        out[number] += _change(mine, Stiffness.of(mine.faces, landmarks), out[number], uses)
    return out


def _landmarks(head: HeadModel) -> csr_matrix:
    """(L, V) shares of the vertices in the landmarks: whose head it is is found from these, and they stay where they are."""
    shape, rows = (len(head.landmark_index), len(head.template)), np.repeat(np.arange(len(head.landmark_index)), 3)
    corner = head.faces[head.landmark_triangle].ravel()
    return csr_matrix(coo_matrix((head.landmark_weight.ravel(), (rows, corner)), shape))


def _change(mouth: Mouth, stiffness: Stiffness, unit: Array, uses: list[Use]) -> Array:
    """What (V, 3) to add to a unit, so that in no use and at no strength more pairs cross than may.

    Where that is not reached, the change that comes nearest to it.
    """
    every = [np.arange(len(STRENGTHS))] * len(uses)
    change, best, fewest, before = np.zeros_like(unit), np.zeros_like(unit), np.inf, np.inf
    drawn, seen, reach = Separation(), [each[:0] for each in every], FIRST
    for _ in range(ROUNDS):
        over = _over(mouth, unit + change, uses, seen)
        if not over:  # nor where nothing crossed too much before?
            over = _over(mouth, unit + change, uses, every)
            total = sum(one.count for one in over)
            best, fewest = (change, total) if total < fewest else (best, fewest)
        left = sum(one.count for one in over)
        if not left or reach > MOST:
            break
        before, reach = left, reach * (WIDER if left >= before else 1)
        seen = [
            np.union1d(was, [one.number for one in over if one.use == k]).astype(np.int64) for k, was in enumerate(seen)
        ]
        worst = _worst(over)
        for one in worst:
            strength, count = STRENGTHS[one.number], min(one.count + SPARE, DRAWN // len(worst) + 1)
            place = mouth.template + strength * (uses[one.use].under + unit + change)
            drawn.add(place, mouth.faces[one.pairs], strength, count, reach, change)
        change = drawn.solved(stiffness, FIRST / reach)
    return best


@dataclass(frozen=True)
class _Over:
    """Where too many pairs cross."""

    use: int
    number: int  #: of STRENGTHS
    count: int  #: how many too many
    pairs: Pairs


def _over(mouth: Mouth, unit: Array, uses: list[Use], looked: list[NDArray[np.int64]]) -> list[_Over]:
    """Where among the strengths `looked` at in each use too many pairs cross."""
    out = []
    for number, (use, rows) in enumerate(zip(uses, looked, strict=True)):
        for row, pairs in zip(rows.tolist(), mouth.crossing(use.under + unit, STRENGTHS[rows]), strict=True):
            out.append(_Over(number, row, len(pairs) - mouth.resting - int(use.most[row]), pairs))
    return [one for one in out if one.count > 0]


def _worst(over: list[_Over]) -> list[_Over]:
    """Of neighbouring strengths, which ask for nearly the same, the one where most cross."""
    out: list[_Over] = []
    for one in over:
        if not out or out[-1].use != one.use or one.number - out[-1].number >= ALIKE:
            out.append(one)
        elif one.count > out[-1].count:
            out[-1] = one
    return out
