# SPDX-License-Identifier: GPL-3.0-or-later
"""This person's form at rest beyond the identity modes, from landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial.transform import Rotation

from ..models.head.model import HeadModel
from ..models.head.raster import project
from .face_points import landmark_points
from .types import FLIP, HeadFit, Tracks

Array = NDArray[np.float64]


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
