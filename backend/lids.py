# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the eyes close, from the tracker's lids: a blink is too fast and too large for the solve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .motion.footage import landmarks_between
from .types import Tracks

Array = NDArray[np.float64]

LIDS = ("eyeBlinkLeft", "eyeBlinkRight")
#: Landmarks of the left and the right eye: of the upper lid, of the lower one.
EDGES = (((385, 386, 387), (380, 374, 373)), ((160, 159, 158), (144, 145, 153)))
LEAST_JITTER = 0.05  #: px


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


def _gaps(landmarks: NDArray[np.float32] | Array) -> Array:
    """(N, 2) px between the lids of the left and the right eye, from landmarks (N, 478, 2)."""
    apart = [np.linalg.norm(landmarks[:, list(up)] - landmarks[:, list(low)], axis=2).mean(1) for up, low in EDGES]
    return np.asarray(np.stack(apart, 1), float)
