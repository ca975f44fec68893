# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of one frame -> pose and expression of a known person.

Gauss-Newton with robust weights and a prior of few units at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .face_points import FaceState, Points, linearise, robust

Array = NDArray[np.float64]

EXPRESSION_PRIOR = 0.15  #: of a unit's full strength, scale of the sparse prior |e|
SPARSE = 0.2  #: strength below which the sparse prior is quadratic
ALONE = 1 / 25  #: share of the landmarks whose errors are independent: a mesh errs as a whole
GROSS = 8.0  #: sigma; a large expression is no outlier, though the units fit it to a few per cent of the face only
POSE_STEPS, CHANGE_STEPS = 6, 4  #: Gauss-Newton steps a frame
RIVALRY = 5.0  #: how much more a rival of a unit at full strength costs


def start(points: Points, seen: Array, focal: float, centre: Array) -> FaceState:
    """A frontal head of the right size at the right place, turned as the eyes and the face's depth say."""
    extent = np.ptp(points.base[:, :2], axis=0)
    depth = focal * extent[1] / max(float(np.ptp(seen[:, 1])), 1.0)
    rotation = _procrustes(points.base, seen)
    where = np.r_[(seen[:, :2].mean(0) - centre) * depth / focal, depth]
    return FaceState(rotation, where - rotation @ points.base.mean(0), np.zeros(len(points.expression)))


def _procrustes(base: Array, seen: Array) -> Array:
    """Rotation that turns base (L, 3) to the tracker's own 3D landmarks (L, 3), whose relative depth is coarse but right."""
    a, b = base - base.mean(0), seen - seen.mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    return np.asarray(u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt)


def apply(frame: FaceState, step: Array) -> None:
    """Take a Gauss-Newton step (6 + E'): turn (rad), shift (m), expression. No unit leaves [0, 1.5]."""
    frame.rotation = Rotation.from_rotvec(np.clip(step[:3], -0.3, 0.3)).as_matrix() @ frame.rotation
    frame.translation = frame.translation + step[3:6]
    frame.expression = np.clip(frame.expression + step[6:], 0.0, 1.5)


def sparse(expression: Array) -> Array:
    """Prior precision (E',) of an absolute-value prior, reweighted: few units at once explain a face."""
    return 1 / (EXPRESSION_PRIOR * (np.abs(expression) + SPARSE))


def _muscular(points: Points, expression: Array) -> Array:
    """Prior precision (E', E'): sparse, but companions come along for nothing and rivals of a strong unit cost more."""
    alone = np.eye(len(expression)) - points.company
    cost = sparse(alone @ expression) * (1 + RIVALRY * (points.rival @ np.clip(expression, 0, 1)))
    return np.asarray(alone.T @ (cost[:, None] * alone))


def fit_frame(
    points: Points, person: Array, seen: Array, focal: float, centre: Array, sigma: float, before: FaceState | None
) -> FaceState:
    """Pose and expression of one frame (L, 3) for a known person and camera; starts from the frame before."""
    frame = start(points, seen, focal, centre)
    if before is not None:
        frame.expression = before.expression.copy()
    for step in range(POSE_STEPS):
        r, own, _ = linearise(points, person, frame, focal, centre, seen[:, :2])
        w = robust(r, points.trust, sigma * (3 if step < 2 else 1))
        a = own.T @ (w[:, None] * own)
        prior = sparse(frame.expression)
        a[6:, 6:] += np.diag(prior)
        g = own.T @ (w * r)
        g[6:] -= prior * frame.expression
        apply(frame, np.linalg.solve(a, g))
    return frame


def person_at_rest(
    points: Points, person: Array, frames: list[FaceState], seen: Array, focal: float, centre: Array
) -> Array:
    """The landmarks (L, 3) as this person shows them at rest.

    Args:
        frames, seen: state and landmarks (K, L, 3) of K frames at rest.
    """
    resting = np.mean([frame.expression for frame in frames], axis=0)
    rest = person + np.tensordot(resting, points.expression, 1)
    shift = np.zeros_like(rest)
    for frame, one in zip(frames, seen, strict=True):
        at = rest @ frame.rotation.T + frame.translation
        error = one[:, :2] - (focal * at[:, :2] / at[:, 2:] + centre)
        shift += np.c_[error * at[:, 2:] / focal, np.zeros(len(at))] @ frame.rotation / len(frames)
    return rest + shift


def fit_change(
    points: Points, rest: Array, seen: Array, focal: float, centre: Array, sigma: float, start: FaceState
) -> FaceState:
    """Pose and change of expression of one frame (L, 3) from this person at rest (L, 3): what a muscle pulls, 0 or more."""
    frame = FaceState(start.rotation, start.translation, np.zeros(len(start.expression)))
    for _ in range(CHANGE_STEPS):
        r, own, _ = linearise(points, rest, frame, focal, centre, seen[:, :2])
        w = robust(r, points.trust, sigma, GROSS) * ALONE
        a = own.T @ (w[:, None] * own)
        prior = _muscular(points, frame.expression)
        a[6:, 6:] += prior
        g = own.T @ (w * r)
        g[6:] -= prior @ frame.expression
        apply(frame, _not_below(a, g, frame.expression))
    return frame


def _not_below(a: Array, g: Array, expression: Array) -> Array:
    """The step (6 + E',) that solves a @ step = g while no unit falls below 0: those that would, stop there."""
    step, free = np.zeros(len(g)), np.ones(len(g), bool)
    while True:
        step[free] = np.linalg.solve(a[np.ix_(free, free)], g[free] - a[np.ix_(free, ~free)] @ step[~free])
        below = free[6:] & (expression + step[6:] < -1e-9)
        if not below.any():
            return step
        free[6:] &= ~below
        step[6:][below] = -expression[below]
