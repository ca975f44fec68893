# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the eyes turn, from the tracker's irises: a coarse measurement, kept apart from expression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .motion.footage import landmarks_between
from .types import Tracks

Array = NDArray[np.float64]

EYE_RADIUS_M = 0.012
SIDES = ((473, (362, 263)), (468, (133, 33)))  #: iris centre and eye corners of the left and the right eye
#: The units in which `looks` are told: the left eye turns down and out, the right one down and in.
LOOKS = ("eyeLookDownLeft", "eyeLookOutLeft", "eyeLookDownRight", "eyeLookInRight")
LEAST_JITTER = 0.05  #: px
STEADY = 3.0  #: a turn below this many standard deviations is shown as none
LEAST_TURN = 0.07  #: rad, 4 degrees: head motion drags the tracked irises along by up to that


def eye_turns(
    tracks: Tracks, frames: NDArray[np.int64], rest: NDArray[np.int64], px_per_m: float
) -> tuple[Array, float]:
    """Turns of both eyes against their direction at rest.

    Args:
        tracks: landmarks.
        frames: (T,) frame numbers wanted.
        rest: (K,) tracked frames (indices into `tracks`) with the eyes at rest.
        px_per_m: scale of the face in the picture.

    Returns:
        (T, 2, 3) axis-angle of the left and the right eye, rad, NaN without a face; standard deviation (rad).
    """
    radius = eye_radius(px_per_m)
    turns, deviation = np.zeros((len(frames), 2, 3)), LEAST_TURN / 2
    for side, (iris, corners) in enumerate(SIDES):
        steady, jitter = _steady(_shifts(tracks, iris, corners, rest), LEAST_TURN * radius)
        along = Tracks(tracks.frame, _as_landmarks(steady), tracks.confidence, tracks.shot, tracks.cut_frames)
        angle = np.arcsin(np.clip(landmarks_between(along, frames)[:, 0] / radius, -0.7, 0.7))
        turns[:, side, 0], turns[:, side, 1] = angle[:, 1], angle[:, 0]
        deviation = max(deviation, jitter / radius)
    return turns, deviation


def eye_radius(px_per_m: float) -> float:
    """px, at a scale of the face in the picture."""
    return EYE_RADIUS_M * px_per_m


def looks(tracks: Tracks, frames: NDArray[np.int64], rest: NDArray[np.int64]) -> tuple[Array, Array]:
    """The irises as tracked, small wandering included, for events: they have a noise of their own to be told from.

    Args:
        tracks, frames, rest: as of `eye_turns`.

    Returns:
        (T, 4) px of the units `LOOKS`, NaN without a face; (4,) px their jitter from frame to frame.
    """
    shift = np.concatenate([_shifts(tracks, iris, corners, rest) for iris, corners in SIDES], 1)[:, [1, 0, 3, 2]]
    change = np.abs(np.diff(shift, axis=0))
    jitter = np.nanmedian(change, axis=0) if np.isfinite(change).any() else np.zeros(4)
    pairs = np.stack([_as_landmarks(shift[:, side : side + 2])[:, 0] for side in (0, 2)], 1)
    along = Tracks(tracks.frame, pairs, tracks.confidence, tracks.shot, tracks.cut_frames)
    return landmarks_between(along, frames).reshape(-1, 4), np.maximum(jitter / 0.6745 / np.sqrt(2), LEAST_JITTER)


def _shifts(tracks: Tracks, iris: int, corners: tuple[int, int], rest: NDArray[np.int64]) -> Array:
    """(N, 2) px of an iris from between the eye's corners, against that at rest."""
    shift = tracks.landmarks[:, iris, :2] - tracks.landmarks[:, list(corners), :2].mean(1)
    return np.asarray(shift - np.nanmedian(shift[rest], axis=0), float)


def _steady(shift: Array, least: float) -> tuple[Array, float]:
    """Iris shifts (N, 2) px without what is within their own jitter or `least` px, and that jitter (px)."""
    change = np.abs(np.diff(shift, axis=0))
    change = change[np.isfinite(change)]
    jitter = float(np.median(change)) / 0.6745 / np.sqrt(2) if len(change) else 0.0
    smooth = gaussian_filter1d(np.nan_to_num(shift), 1.0, axis=0, mode="nearest")
    size = np.linalg.norm(smooth, axis=1, keepdims=True)
    keep = np.maximum(0, 1 - (max(STEADY * jitter, least) / np.maximum(size, 1e-9)) ** 2)
    return np.where(np.isfinite(shift), smooth * keep, np.nan), jitter


def _as_landmarks(steady: Array) -> NDArray[np.float32]:
    """One landmark per frame (N, 1, 3), NaN where the face was lost."""
    return np.concatenate([steady, np.zeros((len(steady), 1))], 1)[:, None].astype(np.float32)
