# SPDX-License-Identifier: GPL-3.0-or-later
"""How far off the claims of a take may be: standard deviations of coefficients, and of the motion of vertices.

Three kinds of error add up. What the picture's noise leaves open is the solve's posterior; at rest it is nearly all there is.
It takes the causes for granted, so it counts more where the face moves and they had to be chosen. It takes the error in the
picture for known as well, which is a guess: how far the answer swings with another guess adds to the variance, as in Kass and
Steffey, Approximate Bayesian inference in conditionally independent hierarchical models (JASA 84, 1989). What the model gets
wrong grows with the motion: deformation that is no unit's, a unit taken for its neighbour, expression that passes for head
motion, depth. Every coefficient is therefore doubted by a share of its own size, each on its own, so that a place is as
doubtful as what is claimed there; the share grows with the noise, in which the wrong causes are chosen more often. Motion
along the line of sight, which the picture hardly shows, is doubted by a share of the face's motion in the picture. All these
constants were chosen on the benchmark's development clips (BENCHMARKS.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from ..models.head.rotation import rotation_matrix
from .mesh import vertices_at
from .solve.surface import Surface
from .types import BRIDGED, FLIP, Floats, Take

Array = NDArray[np.float64]

GUARD = 16.0  #: times the error variance there is, by the development clips, is what the solve counts on, to guard its estimate
CHOSEN = 8.0  #: times its variance at rest that the posterior has besides where the causes had to be chosen
CLEAR = 4.0  #: times the noise: a motion of which that much holds in full
SWING = 1.0  #: times what the answer swings with a quarter of the error: as if the guess missed by a factor of 4
OWN_SHARE = 1.6  #: of a coefficient that may be wrong, where the noise is as large as the motion
NOISE_POWER = 0.5  #: of the noise over the motion, to which that share falls
MOST_NOISE = 0.18  #: of the motion: more makes no cause less sure
DEPTH_SHARE = 0.4  #: of the face's motion in the picture that there may be unseen along the line of sight
SIZE_SHARE = 0.3  #: of an event's size


@dataclass(frozen=True)
class Doubt:
    """How much to doubt the coefficients of T frames.

    Attributes:
        posterior: (T,) factor on the posterior's deviations, which GUARD widened.
        share: (T,) of what is claimed that may be wrong.
    """

    posterior: Array
    share: Array

    def deviation(self, posterior: Floats, value: Floats, swing: Floats) -> Array:
        """Deviation of coefficients (T, C) from their posterior's, their size and how far they swing."""
        own = np.hypot(self.posterior[:, None] * posterior, self.share[:, None] * np.asarray(value))
        return np.asarray(np.hypot(own, SWING * np.asarray(swing)))


def doubt(noise: Floats, size: Floats) -> Doubt:
    """By the RMS (T,) over the face of the noise (the posterior's at rest) and of the motion, in the same unit."""
    chosen = np.minimum(size / np.maximum(CLEAR * noise, 1e-30), 1.0)
    share = OWN_SHARE * np.minimum(noise / np.maximum(size, 1e-30), MOST_NOISE) ** NOISE_POWER
    return Doubt(np.sqrt((1 + CHOSEN * chosen**2) / GUARD), share)


def unseen_depth(size: Floats) -> Array:
    """Deviation (T,) m of the skin's motion along the line of sight, of its RMS (T,) m in the picture."""
    return np.asarray(DEPTH_SHARE * size)


class PictureMotion:
    """RMS of the skin's motion in the picture, head motion taken out, m along either axis."""

    def __init__(self, surface: Surface) -> None:
        skin = surface.seen & surface.skin
        moved = laid_rigidly(surface.causes.basis[:, skin], surface.vertices[skin])[..., :2]
        moved = moved.reshape(len(moved), -1)
        self._square = moved @ moved.T / moved.shape[1]

    def size(self, strength: Floats) -> Array:
        """(T,) of expressions (T, X) in the surface's columns."""
        square = np.einsum("tx,xy,ty->t", strength, self._square, strength, optimize=True)
        return np.sqrt(np.maximum(square, 0))

    def noise(self, posterior: Floats) -> Array:
        """(T,) of the deviations (T, X) of columns, each on its own, which GUARD widened."""
        return np.sqrt(np.square(posterior) @ np.diag(self._square) / GUARD)


def laid_rigidly(motion: Floats, points: Floats) -> Array:
    """Small motions (C, n, 3) of points (n, 3) less the rigid motion nearest to each."""
    arm = points - points.mean(0)
    turns = [np.cross(axis, arm) for axis in np.eye(3)]
    shifts = [np.broadcast_to(axis, arm.shape) for axis in np.eye(3)]
    rigid, _ = np.linalg.qr(np.stack([*turns, *shifts]).reshape(6, -1).T)
    flat = np.reshape(motion, (len(motion), -1))
    return np.asarray(flat - (flat @ rigid) @ rigid.T).reshape(np.shape(motion))


def motion_deviation(take: Take, head: HeadModel, vertex: NDArray[np.int64]) -> Array:
    """Deviation (T, n, 3) m, camera axes, of what vertices (n,) move from the first measured frame to each.

    It is that of clouds laid rigidly on each other, as score.py compares them: head motion itself does not count.
    """
    measured = np.flatnonzero(take.valid <= BRIDGED)
    units, others = _columns(take, head, vertex, int(measured[0]))
    out = np.full((len(take.time_s), len(vertex), 3), np.nan)
    for frame in measured:
        out[frame] = _variance(take, head, int(frame), units, others)
    return np.sqrt(out + out[measured[0]])


def motion_basis(take: Take, head: HeadModel, vertex: NDArray[np.int64], frame: int) -> Array:
    """Motion (E + 2 + D, n, 3) m per strength of units, the jaw's turns and detail, camera axes, the head as in a frame."""
    jaw = head.joint_names.index("jaw")
    rest = head.neutral(take.shape) + take.shape_offset
    arm = (rest - head.joints(take.shape)[jaw])[vertex]
    turns = [np.cross(axis, arm) * head.weights[vertex, jaw, None] for axis in np.eye(3)[:2]]
    moved = np.concatenate([head.expression[:, vertex], turns, take.detail_basis[:, vertex]]).astype(float)
    return np.asarray(moved @ (FLIP @ rotation_matrix(take.pose[frame, 0].astype(float))).T)


def _columns(take: Take, head: HeadModel, vertex: NDArray[np.int64], first: int) -> tuple[Array, Array]:
    """That of units and that of the others, laid rigidly."""
    moved = motion_basis(take, head, vertex, first)
    moved = laid_rigidly(moved, vertices_at(take, head, first)[vertex])
    return moved[: len(head.expression)], moved[len(head.expression) :]


def _variance(take: Take, head: HeadModel, frame: int, units: Array, others: Array) -> Array:
    """(n, 3) m^2 in one frame."""
    factor = take.expression_factor[frame].astype(float)
    own = np.maximum(take.expression_std[frame].astype(float) ** 2 - (factor**2).sum(1), 0)
    jaw = take.pose_std[frame, head.joint_names.index("jaw"), :2]
    single = np.r_[jaw, take.detail_std[frame]].astype(float)
    variance = (np.einsum("er,ena->rna", factor, units) ** 2).sum(0) + np.tensordot(own, units**2, 1)
    variance += np.tensordot(single**2, others**2, 1)
    variance[:, 2] += float(take.depth_std[frame]) ** 2
    return np.asarray(variance)
