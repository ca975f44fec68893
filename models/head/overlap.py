# SPDX-License-Identifier: GPL-3.0-or-later
"""Lips that overlap at rest, as FLAME's do: units in which no more of their triangles cross than on another head.

Where two surfaces overlap, the triangles that cross are those along the curves in which they meet. A unit that slides
the lips moves these curves over other triangles, and the count goes up and down by some pairs. Where it is above what
the unit makes on the head it comes from, the shallowest crossings are drawn apart. Of a pair that crosses by o at
strength s, along a direction n into both lips' own flesh, every vertex a of the one and b of the other that are too far

    n . (e_a - e_b) >= (o_ab + ROOM) / s

is a constraint on the change e of the unit, and e is the smallest and smoothest that meets them: its dual is solved by
non-negative least squares (Lawson and Hanson, Solving Least Squares Problems, 1974). Round by round pairs are added that
still cross, until none is too many at any of STRENGTHS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import SuperLU, splu

from .crossing import crossing_pairs
from .embedding import INNER_LIPS
from .model import HeadModel

Array = NDArray[np.float64]
Faces = NDArray[np.int32]
Pairs = NDArray[np.int64]

STRENGTHS = np.concatenate([np.arange(4, 20) / 200, np.arange(10, 101) / 100])  # finer where lips only begin to slide
AROUND = 0.015  # m about the inner lips: what counts as the mouth
STILL = 1e-5  # m: what moves less counts as not moving
SMOOTH = 0.3  # weight of the Laplacian of a change against its size
SOFT = 1e-2  # how far constraints that contradict one another give way; less as pairs are drawn further apart
ROOM = 1e-6  # m: how far apart they are left
FIRST, WIDER, MOST = (
    3e-4,
    1.3,
    2e-3,
)  # m at full strength: how far a pair may be drawn apart; more when nothing is gained
ROUNDS = 60
SPARE = 3  # pairs more than are too many
RECENT = 400  # constraints kept though they do not act
ALONG = 0.3  # cosine with both lips' normals that a direction must have


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
    bend, names = _Bend.of(mine), source.expression_names
    for number, name in enumerate(names):
        told(number / len(names))
        under = names.index("jawOpen") if name == "mouthClose" and "jawOpen" in names else None
        own, other = (each[number] + (0 if under is None else each[under]) for each in (out, source.expression))
        if np.abs(own[mine.faces]).max(initial=0) > STILL:
            out[number] += _change(mine, bend, own, theirs.more(other))
    return out


def _change(mouth: Mouth, bend: _Bend, motion: Array, most: NDArray[np.int64]) -> Array:
    """What (V, 3) to add to a motion, so that at no strength more than `most` pairs cross beyond those at rest.

    Where that is not reached, the change that comes nearest to it.
    """
    every = np.arange(len(STRENGTHS))
    change, best, fewest, before = np.zeros_like(motion), np.zeros_like(motion), np.inf, np.inf
    drawn, seen, reach = _Drawn(), every[:0], FIRST
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
            drawn.add(mouth.faces, change, one, reach)
        change = drawn.solved(bend, len(motion), SOFT * FIRST / reach)
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


@dataclass
class _Drawn:
    """Constraints: vertex `one` is to move along `along` further than `other`, by `least` at full strength."""

    one: list[int] = field(default_factory=list)
    other: list[int] = field(default_factory=list)
    along: list[Array] = field(default_factory=list)
    least: list[float] = field(default_factory=list)

    def add(self, faces: Faces, change: Array, over: _Over, reach: float) -> None:
        """The shallowest pairs of a strength, as many as are too many and some more, that need not move beyond `reach`."""
        strength = STRENGTHS[over.number]
        along, depth = _apart(over.place, faces, over.pairs)
        shallow = np.argsort(depth)[: over.count + SPARE]
        for pair in shallow[depth[shallow] < reach * strength]:
            a, b = faces[over.pairs[pair]]
            far = along[pair]
            gap = (over.place[b] @ far)[None] - (over.place[a] @ far)[:, None]
            for k, m in np.argwhere(gap > -ROOM):
                self.one.append(a[k])
                self.other.append(b[m])
                self.along.append(far)
                self.least.append((gap[k, m] + ROOM) / strength + far @ (change[a[k]] - change[b[m]]))

    def solved(self, bend: _Bend, count: int, soft: float) -> Array:
        """The change (V, 3) m that meets them; those that do not act are forgotten after a while."""
        out = np.zeros((count, 3))
        if not self.one:
            return out
        along, rows = np.array(self.along), np.arange(len(self.one))
        between = np.zeros((len(bend.vertices), len(rows)))
        between[bend.place[self.one], rows] += 1
        between[bend.place[self.other], rows] -= 1
        moved = bend.solver.solve(between)
        gram = (between.T @ moved) * (along @ along.T)
        root = np.linalg.cholesky(gram + soft * np.trace(gram) / len(rows) * np.eye(len(rows)))
        scale = max(self.least)  # nnls ends where numbers are small
        price = scale * nnls(root.T, np.linalg.solve(root, np.array(self.least) / scale), maxiter=20 * len(rows))[0]
        out[bend.vertices] = moved @ (price[:, None] * along)
        kept = np.flatnonzero((price > 0) | (rows >= len(rows) - RECENT)).tolist()
        self.one, self.other, self.along, self.least = (
            [values[k] for k in kept] for values in (self.one, self.other, self.along, self.least)
        )
        return out


def _apart(place: Array, faces: Faces, pairs: Pairs) -> tuple[Array, Array]:
    """Directions (P, 3) in which the first of two triangles leaves the second into the flesh of both, and how far (P,) m.

    Of the directions in which convex bodies can be apart (normals, and what is square to two edges; Gottschalk and
    others, SIGGRAPH 1996) the one that asks for least; infinite where none leads into the flesh.
    """
    first, second = place[faces[pairs[:, 0]]], place[faces[pairs[:, 1]]]
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
    best, row = depth.argmin(1), np.arange(len(pairs))
    return axis[row, best], depth[row, best]


@dataclass(frozen=True)
class _Bend:
    """What a change of the mouth costs: its size and its Laplacian."""

    vertices: NDArray[np.int64]  #: (N,) of the mouth
    place: NDArray[np.int64]  #: (V,) where they stand among these
    solver: SuperLU

    @classmethod
    def of(cls, mouth: Mouth) -> _Bend:
        vertices = np.unique(mouth.faces).astype(np.int64)
        place = np.full(len(mouth.template), -1)
        place[vertices] = np.arange(len(vertices))
        one, other = place[mouth.faces].ravel(), place[np.roll(mouth.faces, -1, 1)].ravel()
        near = coo_matrix((np.ones(len(one)), (one, other)), (len(vertices),) * 2).tocsr()
        near = csr_matrix(((near + near.T) > 0).astype(np.float64))
        laplacian = identity(len(vertices)) - diags(1 / np.asarray(near.sum(1)).ravel()) @ near
        cost = identity(len(vertices)) + SMOOTH * laplacian.T @ laplacian
        return cls(vertices, place, splu(cost.tocsc()))
