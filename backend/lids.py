# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the eyes close, from the tracker's lids: a blink is too fast and too large for the solve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_propagation, percentile_filter

from .motion.footage import landmarks_between
from .types import Tracks

Array = NDArray[np.float64]

LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
#: Landmarks of the left and the right eye: of the upper lid, of the lower one.
EDGES = (((385, 386, 387), (380, 374, 373)), ((160, 159, 158), (144, 145, 153)))
CORNERS = ((362, 263), (133, 33))
LEAST_JITTER = 0.05  #: px
SWEEP = 0.12  #: of the gap at rest by which a lid that sweeps has left where it was about then
ABOUT_S = 1.0  #: s in which lids are in one place for a fourth of the time at least: a blink takes 0.1 to 0.4
CLOSES = 0.3  #: of the gap at rest: a lid that comes down less does not blink, it narrows the eye
ASLEEP = 0.5  #: of the gap at rest: less is a shut eye however long
EARLY = 2  #: tracked frames by which the tracker is late to see a lid move


def closing(tracks: Tracks, frames: NDArray[np.int64], rest: NDArray[np.int64]) -> tuple[Array, Array, Array]:
    """By how much the gap between the lids is smaller than at rest.

    Args:
        tracks: landmarks.
        frames: (T,) frame numbers wanted.
        rest: (K,) tracked frames (indices into `tracks`) with the eyes at rest.

    Returns:
        (T, 2) px of `LIDS`, NaN without a face; (2,) px the gaps at rest; (2,) px the jitter from frame to frame.
    """
    at_rest = np.nanmedian(_gaps(tracks.landmarks[rest, :, :2]), axis=0)
    change = np.abs(np.diff(_gaps(tracks.landmarks[:, :, :2]), axis=0))
    jitter = np.nanmedian(change, axis=0) / 0.6745 / np.sqrt(2) if np.isfinite(change).any() else np.zeros(2)
    return at_rest - _gaps(landmarks_between(tracks, frames)), at_rest, np.maximum(jitter, LEAST_JITTER)


def shut_lids(tracks: Tracks, frames: NDArray[np.int64], rest: NDArray[np.int64], fps: float) -> NDArray[np.bool_]:
    """(T,) frames in which a lid sweeps over its eye or is shut; eyes narrowed for longer are not.

    Args:
        tracks, frames, rest: as of `closing`.
        fps: frames per second.
    """
    landmarks = tracks.landmarks[..., :2]
    wide = [np.linalg.norm(landmarks[:, a] - landmarks[:, b], axis=1) for a, b in CORNERS]
    gap = _gaps(landmarks) / np.stack(wide, 1)  # a head that comes nearer opens no eye
    gap = np.nan_to_num(gap / np.nanmedian(gap[rest], axis=0), nan=1.0)
    step = np.median(np.diff(tracks.frame)) if len(tracks.frame) > 1 else 1
    about = max(3, round(ABOUT_S * fps / max(float(step), 1)))
    lowered = percentile_filter(gap, 75, (about, 1), mode="nearest") - gap
    along = np.array([[0, 1, 0]] * 3)  # in time, each lid for itself
    shut = binary_propagation(lowered > CLOSES, along, mask=lowered > SWEEP) | (gap < ASLEEP)
    moved = binary_dilation(shut.any(1), np.ones(2 * EARLY + 1, bool))
    last = len(tracks.frame) - 1
    before, after = np.searchsorted(tracks.frame, frames, "right") - 1, np.searchsorted(tracks.frame, frames)
    return np.asarray(moved[np.clip(before, 0, last)] | moved[np.clip(after, 0, last)])


def _gaps(landmarks: NDArray[np.float32] | Array) -> Array:
    """(N, 2) px between the lids of the left and the right eye, from landmarks (N, 478, 2)."""
    apart = [np.linalg.norm(landmarks[:, list(up)] - landmarks[:, list(low)], axis=2).mean(1) for up, low in EDGES]
    return np.asarray(np.stack(apart, 1), float)
