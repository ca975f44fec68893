# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks over many frames -> whose head, which camera, and a first pose of every tracked frame.

Gauss-Newton with robust weights on the landmarks of spread-out frames: shape, focal length and per frame a pose and an
expression. The landmarks' own error is some 1 % of the face width, so they fix where things are, never how they move.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial.transform import Rotation

from ..models.head.model import HeadModel
from ..models.head.raster import project
from .face_points import FaceState, Points, landmark_points, linearise, robust
from .rest import rest_candidates
from .types import FLIP, HeadFit, Tracks

Array = NDArray[np.float64]

FRAMES = 10  #: frames that fix the identity
BESIDE = 2  #: tracked frames on each side of a lost face that are not believed
LANDMARK_SHARE = 0.01  #: error of a landmark as a share of the face width
SHAPE_PRIOR = 0.3  #: sigma
EXPRESSION_PRIOR = 0.15  #: of a unit's full strength, scale of the sparse prior |e|
SPARSE = 0.2  #: strength below which the sparse prior is quadratic
FOCAL_PRIOR = (1.6, 0.4)  #: focal length / longer side of the picture: median and sigma of its logarithm
ALONE = 1 / 25  #: share of the landmarks whose errors are independent: a mesh errs as a whole
GROSS = 8.0  #: sigma; a large expression is no outlier, though the units fit it to a few per cent of the face only
POSE_STEPS, CHANGE_STEPS = 6, 4  #: Gauss-Newton steps a frame
RIVALRY = 5.0  #: how much more a rival of a unit at full strength costs


def _spread(tracks: Tracks, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Up to FRAMES of the tracked frames `first`, evenly spread."""
    return first[np.unique(np.linspace(0, len(first) - 1, min(FRAMES, len(first))).round().astype(int))]


def _sparse(expression: Array) -> Array:
    """Prior precision (E',) of an absolute-value prior, reweighted: few units at once explain a face."""
    return 1 / (EXPRESSION_PRIOR * (np.abs(expression) + SPARSE))


def _muscular(points: Points, expression: Array) -> Array:
    """Prior precision (E', E'): sparse, but companions come along for nothing and rivals of a strong unit cost more."""
    alone = np.eye(len(expression)) - points.company
    cost = _sparse(alone @ expression) * (1 + RIVALRY * (points.rival @ np.clip(expression, 0, 1)))
    return np.asarray(alone.T @ (cost[:, None] * alone))


def _start(points: Points, seen: Array, focal: float, centre: Array) -> FaceState:
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


def _apply(frame: FaceState, step: Array) -> None:
    frame.rotation = Rotation.from_rotvec(np.clip(step[:3], -0.3, 0.3)).as_matrix() @ frame.rotation
    frame.translation = frame.translation + step[3:6]
    frame.expression = np.clip(frame.expression + step[6:], 0.0, 1.5)


def fit_head(
    head: HeadModel,
    tracks: Tracks,
    width: int,
    height: int,
    fov_deg: float | None = None,
    neutral: tuple[int, int] | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> HeadFit:
    """Fit identity, camera, poses and large expressions to the landmarks: `fit_poses`, then `with_change`."""
    return with_change(head, fit_poses(head, tracks, width, height, fov_deg, hidden), tracks, neutral, hidden)


def fit_poses(
    head: HeadModel,
    tracks: Tracks,
    width: int,
    height: int,
    fov_deg: float | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> HeadFit:
    """Fit identity, camera and poses to the landmarks. Which frames are at rest does not matter here; `change` is NaN.

    Args:
        head: the head model.
        tracks: landmarks, at least one frame with a face.
        width, height: of the picture, px.
        fov_deg: horizontal field of view; None lets the perspective of the face decide, with a prior.
        hidden: (N,) tracked frames in which something hides the face: they tell nothing about whose it is.
    """
    points = landmark_points(head)
    found = np.flatnonzero(np.isfinite(tracks.landmarks[:, 0, 0]))
    clear = found if hidden is None or hidden[found].all() else found[~hidden[found]]
    chosen = _spread(tracks, clear)
    seen = tracks.landmarks[:, points.index].astype(float)
    sigma = _sigma(seen[found])
    centre = np.array([(width - 1) / 2, (height - 1) / 2])
    known = None if fov_deg is None else width / 2 / np.tan(np.radians(fov_deg) / 2)
    shape, log_focal, error = _fit_identity(points, seen[chosen], centre, sigma, max(width, height), known)
    focal = float(np.exp(log_focal))
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1.0]])
    joint = head.joints(shape)[0]
    person = points.base + np.tensordot(shape, points.identity, 1)
    frames: list[FaceState] = []
    for n in found:
        frames.append(_fit_frame(points, person, seen[n], focal, centre, sigma, frames[-1] if frames else None))
    residual = [
        linearise(points, person, frame, focal, centre, seen[n, :, :2])[0]
        for n, frame in zip(found, frames, strict=True)
    ]
    rms = float(np.sqrt(np.mean(np.square(residual)) * 2))
    pose, translation, expression = _parameters(points, joint, found, frames, len(seen))
    return HeadFit(shape, error, camera, pose, translation, expression, rms, np.full_like(expression, np.nan))


def with_change(
    head: HeadModel,
    fit: HeadFit,
    tracks: Tracks,
    neutral: tuple[int, int] | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> HeadFit:
    """The fit with large expressions, as a change from this person at rest.

    Args:
        head, tracks, hidden: as of `fit_poses`.
        fit: of `fit_poses`.
        neutral: frames [A, B) the user says are at rest.
    """
    points, joint = landmark_points(head), head.joints(fit.shape)[0]
    found = np.flatnonzero(np.isfinite(fit.pose[:, 0]))
    seen = tracks.landmarks[:, points.index].astype(float)
    focal, centre, sigma = float(fit.camera[0, 0]), fit.camera[:2, 2], _sigma(seen[found])
    person = points.base + np.tensordot(fit.shape, points.identity, 1)
    frames = _states(points, joint, found, fit)
    rest = np.searchsorted(found, rest_candidates(tracks, settled(fit, hidden), neutral))
    at_rest = _person_at_rest(points, person, [frames[k] for k in rest], seen[found[rest]], focal, centre)
    changed = [
        _fit_change(points, at_rest, seen[n], focal, centre, sigma, frame)
        for n, frame in zip(found, frames, strict=True)
    ]
    return replace(fit, change=_parameters(points, joint, found, changed, len(seen))[2])


def _sigma(seen: Array) -> float:
    """Error of a landmark, px, in frames with a face (n, L, 3)."""
    return LANDMARK_SHARE * float(np.median(np.ptp(seen[..., 0], axis=1)))


def _states(points: Points, joint: Array, found: NDArray[np.int64], fit: HeadFit) -> list[FaceState]:
    """What `_parameters` was made of, of the frames `found` (n,)."""
    turns, sides = Rotation.from_rotvec(fit.pose[found]).as_matrix(), points.spread.sum(1)
    return [
        FaceState(FLIP @ turn @ FLIP, place + FLIP @ (joint - turn @ joint), points.spread @ expression / sides)
        for turn, place, expression in zip(turns, fit.translation[found], fit.expression[found], strict=True)
    ]


def _parameters(
    points: Points, joint: Array, found: NDArray[np.int64], frames: list[FaceState], count: int
) -> tuple[Array, Array, Array]:
    """Pose (N, 3), translation (N, 3) and expression (N, E) of N = `count` tracked frames from those with a face.

    Args:
        joint: (3,) the head's root, about which it turns.
    """
    pose, translation = np.full((count, 3), np.nan), np.full((count, 3), np.nan)
    expression = np.full((count, points.spread.shape[1]), np.nan)
    for n, frame in zip(found, frames, strict=True):
        turn = FLIP @ frame.rotation @ FLIP
        pose[n] = Rotation.from_matrix(turn).as_rotvec()
        translation[n] = frame.translation - FLIP @ (joint - turn @ joint)
        expression[n] = frame.expression @ points.spread
    return pose, translation, expression


def _fit_identity(
    points: Points, seen: Array, centre: Array, sigma: float, longer: int, known: float | None
) -> tuple[Array, float, Array]:
    """Shape (S,), log focal length and the shape's deviation (S,), from K frames (K, L, 3)."""
    s = len(points.identity)
    log_focal = float(np.log(known or FOCAL_PRIOR[0] * longer))
    prior_log, spread = log_focal, (1e-4 if known else FOCAL_PRIOR[1])
    shape = np.zeros(s)
    frames = [_start(points, one, float(np.exp(log_focal)), centre) for one in seen]
    inverse = np.eye(s + 1)
    for step in range(14):
        # Schur complement: each frame's own unknowns are eliminated, shape and focal length remain.
        free = 1.0 if step >= 2 else 0.0
        left, right, later = np.zeros((s + 1, s + 1)), np.zeros(s + 1), []
        for frame, one in zip(frames, seen, strict=True):
            person = points.base + np.tensordot(shape, points.identity, 1)
            r, own, jac = linearise(points, person, frame, float(np.exp(log_focal)), centre, one[:, :2])
            d_shape = ((jac @ frame.rotation) @ points.identity.transpose(1, 2, 0)).reshape(len(r), -1)
            d_focal = (one[:, :2] - centre).reshape(-1, 1) - r[:, None]
            w = robust(r, points.trust, sigma * (3 if step < 4 else 1))
            common = np.concatenate([d_shape, d_focal], 1) * free
            a = own.T @ (w[:, None] * own)
            prior = _sparse(frame.expression) if free else np.full(len(frame.expression), 1e6)
            a[6:, 6:] += np.diag(prior)
            g = own.T @ (w * r)
            g[6:] -= prior * frame.expression
            cross = own.T @ (w[:, None] * common)
            solved = np.linalg.solve(a, np.c_[g, cross])
            left += common.T @ (w[:, None] * common) - cross.T @ solved[:, 1:]
            right += common.T @ (w * r) - cross.T @ solved[:, 0]
            later.append(solved)
        left += np.diag(np.r_[np.full(s, 1 / SHAPE_PRIOR**2), 1 / spread**2])
        right -= np.r_[shape / SHAPE_PRIOR**2, (log_focal - prior_log) / spread**2]
        inverse = np.linalg.inv(left)
        change = np.clip(inverse @ right, -1.0, 1.0) * free
        # Landmark errors are shared by all frames: the identity is known no better than one frame allows.
        shape = np.clip(shape + change[:-1], -3.5, 3.5)
        log_focal += float(np.clip(change[-1], -0.2, 0.2))
        for frame, solved in zip(frames, later, strict=True):
            _apply(frame, solved[:, 0] - solved[:, 1:] @ change)
    return shape, log_focal, np.sqrt(np.minimum(np.diag(inverse)[:-1] * len(seen), 1.0))


def _fit_frame(
    points: Points, person: Array, seen: Array, focal: float, centre: Array, sigma: float, before: FaceState | None
) -> FaceState:
    """Pose and expression of one frame (L, 3) for a known person and camera; starts from the frame before."""
    frame = _start(points, seen, focal, centre)
    if before is not None:
        frame.expression = before.expression.copy()
    for step in range(POSE_STEPS):
        r, own, _ = linearise(points, person, frame, focal, centre, seen[:, :2])
        w = robust(r, points.trust, sigma * (3 if step < 2 else 1))
        a = own.T @ (w[:, None] * own)
        prior = _sparse(frame.expression)
        a[6:, 6:] += np.diag(prior)
        g = own.T @ (w * r)
        g[6:] -= prior * frame.expression
        _apply(frame, np.linalg.solve(a, g))
    return frame


def _person_at_rest(
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


def _fit_change(
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
        _apply(frame, _not_below(a, g, frame.expression))
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


def settled(fit: HeadFit, hidden: NDArray[np.bool_] | None = None) -> HeadFit:
    """The fit without what cannot be believed.

    That is the frames (N,) in which something hides the face, and those beside a lost face: what hides a face spoils its
    landmarks before the tracker lets go.
    """
    seen = np.isfinite(fit.pose[:, 0])
    lost = np.flatnonzero(~seen)
    near = np.zeros(len(seen), bool) if hidden is None else hidden.copy()
    for k in range(-BESIDE, BESIDE + 1):
        near[np.clip(lost + k, 0, len(seen) - 1)] = True
    if not (seen & ~near).any():
        return fit
    pose, translation, expression, change = (
        np.where(near[:, None], np.nan, values) for values in (fit.pose, fit.translation, fit.expression, fit.change)
    )
    return replace(fit, pose=pose, translation=translation, expression=expression, change=change)


def form_offset(head: HeadModel, fit: HeadFit, tracks: Tracks, frames: NDArray[np.int64]) -> Array:
    """This person's form at rest beyond the identity modes, (V, 3) m, head space.

    It is the resting expression (half-closed lids, a slight smile) plus a smooth shift in the image plane that brings the
    landmarks into place.

    Args:
        head, fit, tracks: of the clip.
        frames: (K,) tracked frames at rest (indices into `tracks`), over which landmarks are averaged.
    """
    points = landmark_points(head)
    joint = head.joints(fit.shape)[0]
    resting = np.tensordot(np.clip(fit.expression[frames].mean(0), 0, 1), head.expression, 1)
    neutral = head.neutral(fit.shape) + resting
    known = head.landmark_points(neutral)[head.landmark_index < 468]
    shift = np.zeros_like(known)
    for n in frames:
        turn = Rotation.from_rotvec(fit.pose[n]).as_matrix()
        at = ((known - joint) @ turn.T + joint) @ FLIP + fit.translation[n]
        error = tracks.landmarks[n, points.index, :2] - project(at, fit.camera)[:, :2]
        across = np.c_[error * at[:, 2:] / fit.camera[0, 0], np.zeros(len(at))]
        shift += across @ FLIP @ turn / len(frames)
    return resting + _spread_over(neutral, known, shift)


def _spread_over(neutral: Array, known: Array, shift: Array) -> Array:
    """Carry shifts at known points (L, 3) to all vertices: thin-plate over the front of the face, fading out behind it."""
    unit = float(np.ptp(known[:, 0]))
    spline = RBFInterpolator(known[:, :2] / unit, shift, kernel="thin_plate_spline", smoothing=0.002, neighbors=80)
    offset = np.asarray(spline(neutral[:, :2] / unit))
    centre, reach = known.mean(0), 0.62 * unit
    far = np.linalg.norm((neutral - centre)[:, :2], axis=1) / reach
    behind = (known[:, 2].min() - neutral[:, 2]) / (0.4 * unit)
    fade = np.clip(1.6 - far / 0.8 * 0.8, 0, 1) * np.clip(1 - behind, 0, 1)
    limit = 3 * float(np.sqrt((shift**2).sum(1).mean()))
    size = np.linalg.norm(offset, axis=1, keepdims=True)
    return np.asarray(offset * np.minimum(1, limit / np.maximum(size, 1e-9)) * fade[:, None])
