# SPDX-License-Identifier: GPL-3.0-or-later
"""How expressions move in time, as a basis in which every temporal mode is solved alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Array = NDArray[np.float64]

BANDWIDTH_HZ = 14.0  #: keeps a 40 ms onset
QUIET = 0.02  #: prior variance share under which a mode holds no expression, only pose and noise
LEVELS = 10  #: distinct prior variances; modes of one level share a factorisation


@dataclass(frozen=True)
class TimeBasis:
    """Eigenvectors of the temporal covariance of expression.

    Attributes:
        modes: (T, T), rows are orthonormal modes.
        variance: (T,) prior variance of each, relative; sums to T.
        level: (T,) number of the variance level, -1 for a quiet mode.
        level_variance: (K,).
    """

    modes: Array
    variance: Array
    level: NDArray[np.int64]
    level_variance: Array


def smooth_covariance(frames: int, fps: float) -> Array:
    """Temporal covariance (T, T) of band-limited motion: 1 / (1 + (f / BANDWIDTH_HZ)^4) on cosines."""
    frequency = np.arange(frames) * fps / (2 * frames)
    spectrum = 1 / (1 + (frequency / BANDWIDTH_HZ) ** 4) + 1e-6
    cosine = np.asarray(dct(np.eye(frames), axis=0, norm="ortho"))
    return cosine.T @ (spectrum[:, None] * cosine)


def time_basis(covariance: Array) -> TimeBasis:
    """Modes of a covariance (T, T), with variances rounded to LEVELS steps on a logarithmic scale."""
    value, vector = np.linalg.eigh(covariance)
    variance = np.maximum(value[::-1], 1e-7)
    live = variance > QUIET
    level = np.full(len(variance), -1)
    if live.any():
        log = np.log(variance[live])
        step = max((log.max() - log.min()) / LEVELS, 0.05)
        number = np.floor((log.max() - log) / step).astype(int)
        used, level[live] = np.unique(number, return_inverse=True)
        centres = np.array([np.exp(log[number == k].mean()) for k in used])
    else:
        centres = np.zeros(0)
    return TimeBasis(vector[:, ::-1].T, variance, level, centres)
