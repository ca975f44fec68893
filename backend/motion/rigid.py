# SPDX-License-Identifier: GPL-3.0-or-later
"""The head's coarse motion from its tracked poses: what the sheet is measured on top of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation, Slerp

from ..types import FLIP, Floats, HeadFit
from .field import Views

Array = NDArray[np.float64]

STEADY = 3.0  #: tracked frames (about 0.1 s): the landmarks' jitter must not shake the view


@dataclass(frozen=True)
class RigidMotion:
    """Motion of B frames against the reference frame, camera space: X' = turn @ X + shift.

    Attributes:
        turn: (B, 3, 3).
        shift: (B, 3) m.
    """

    turn: Array
    shift: Array

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> RigidMotion:
        return RigidMotion(self.turn[rows], self.shift[rows])

    def of(self, points: Array) -> Array:
        """Points (M, 3) of the reference in each frame: (B, M, 3)."""
        return np.asarray(points @ self.turn.transpose(0, 2, 1) + self.shift[:, None])

    def views(self, points: Array, camera: Array, centre: Array | None = None) -> Views:
        """Where points (M, 3) of the reference go in the pictures of camera K (3, 3).

        `centre` (3,) is the point whose depth sets the scale; None is the points' mean.
        """
        centre = points.mean(0) if centre is None else centre
        seen = points @ (camera @ self.turn).transpose(0, 2, 1) + (self.shift @ camera.T)[:, None]
        base = seen[..., :2] / seen[..., 2:]
        scale = centre[2] / (self.turn[:, 2] @ centre + self.shift[:, 2])
        return Views(base, self.turn[:, :2, :2] * scale[:, None, None])


def against(fit: HeadFit, pose: Floats, translation: Floats, joint: Floats) -> RigidMotion:
    """Motion of the fit's frames against a reference pose (3,) and translation (3,); `joint` (3,) is the root."""
    return between(pose, translation, fit.pose, fit.translation, joint)


def between(pose: Floats, translation: Floats, poses: Floats, translations: Floats, joint: Floats) -> RigidMotion:
    """Motion from one pose (3,) and translation (3,) of a head to others (B, 3), (B, 3); `joint` (3,) is the root."""
    rest = Rotation.from_rotvec(pose).as_matrix()
    turn = FLIP @ Rotation.from_rotvec(poses).as_matrix() @ rest.T @ FLIP
    centre = FLIP @ joint
    return RigidMotion(turn, centre + translations - turn @ (centre + translation))


def carried(motion: RigidMotion, pose: Floats, translation: Floats, joint: Floats) -> tuple[Array, Array]:
    """The pose (3,) and translation (3,) of a head in the first of the frames of a motion against a reference: undoes `between`."""
    turn, rest = motion.turn[0], Rotation.from_rotvec(pose).as_matrix()
    centre = FLIP @ joint
    moved = Rotation.from_matrix(FLIP @ turn @ FLIP @ rest).as_rotvec()
    return moved, turn @ (centre + translation) + motion.shift[0] - centre


def smoothed(fit: HeadFit) -> HeadFit:
    """The fit with poses smoothed over neighbouring tracked frames, not across gaps."""
    pose, translation = fit.pose.copy(), fit.translation.copy()
    seen = np.isfinite(pose[:, 0])
    edges = np.flatnonzero(np.diff(np.r_[0, seen.astype(np.int8), 0])).reshape(-1, 2)
    for start, stop in edges:
        turn = Rotation.from_rotvec(pose[start:stop])
        mean = turn.mean()
        local = gaussian_filter1d((mean.inv() * turn).as_rotvec(), STEADY, axis=0, mode="nearest")
        pose[start:stop] = (mean * Rotation.from_rotvec(local)).as_rotvec()
        translation[start:stop] = gaussian_filter1d(translation[start:stop], STEADY, axis=0, mode="nearest")
    return replace(fit, pose=pose, translation=translation)


def at_frames(fit: HeadFit, tracked: NDArray[np.int64], frames: NDArray[np.int64]) -> HeadFit:
    """Poses at any frames (T,): between tracked ones, held beyond the first and the last of them."""
    seen = np.flatnonzero(np.isfinite(fit.pose[:, 0]))
    at = np.clip(frames, tracked[seen[0]], tracked[seen[-1]])
    if len(seen) == 1:
        pose = np.repeat(fit.pose[seen], len(frames), 0)
    else:
        pose = Slerp(tracked[seen], Rotation.from_rotvec(fit.pose[seen]))(at).as_rotvec()
    translation = np.stack([np.interp(at, tracked[seen], column) for column in fit.translation[seen].T], 1)
    return HeadFit(fit.shape, fit.shape_std, fit.camera, pose, translation, np.zeros((len(frames), 0)), fit.residual_px)
