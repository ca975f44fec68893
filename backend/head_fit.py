# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks over many frames -> the head, the camera, a first pose of every tracked frame, and large expressions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..models.head.model import HeadModel
from .face_points import FaceState, Points, landmark_points, linearise
from .frame_fit import fit_change, fit_frame, person_at_rest
from .identity import FRAMES, fit_identity
from .rest import rest_candidates
from .types import FLIP, HeadFit, Tracks

Array = NDArray[np.float64]

BESIDE = 2  #: tracked frames on each side of a lost face that are not believed
LANDMARK_SHARE = 0.01  #: error of a landmark as a share of the face width


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
    shape, log_focal, error = fit_identity(points, seen[chosen], centre, sigma, max(width, height), known)
    focal = float(np.exp(log_focal))
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1.0]])
    joint = head.joints(shape)[0]
    person = points.base + np.tensordot(shape, points.identity, 1)
    frames: list[FaceState] = []
    for n in found:
        frames.append(fit_frame(points, person, seen[n], focal, centre, sigma, frames[-1] if frames else None))
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
    at_rest = person_at_rest(points, person, [frames[k] for k in rest], seen[found[rest]], focal, centre)
    changed = [
        fit_change(points, at_rest, seen[n], focal, centre, sigma, frame)
        for n, frame in zip(found, frames, strict=True)
    ]
    return replace(fit, change=_parameters(points, joint, found, changed, len(seen))[2])


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


def _spread(tracks: Tracks, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """Up to FRAMES of the tracked frames `first`, evenly spread."""
    return first[np.unique(np.linspace(0, len(first) - 1, min(FRAMES, len(first))).round().astype(int))]


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
