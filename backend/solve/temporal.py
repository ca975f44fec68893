# SPDX-License-Identifier: GPL-3.0-or-later
"""How expressions move in time and how the picture errs in time, as a basis in which every temporal mode is solved alone.

A codec holds on to the last picture until the change is worth its bits, light and depth errors follow the head: much of the
measured motion's error is slow. Whitened by its spectrum, the modes of expression stay independent of one another.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Array = NDArray[np.float64]

BANDWIDTH_HZ = 10.0  #: half the variance; what a block shows of faster onsets is learned
SLOW_POWER = (
    4.0  #: of the slowest part of the measurement's error over the fastest; chosen on development clips, at CRF 12
)
SLOW_TIME_S = 0.5  #: how long it lasts
QUIET = 0.02  #: prior variance share under which a mode holds no expression, only pose and noise
LEVELS = 10  #: distinct prior variances; modes of one level share a factorisation


@dataclass(frozen=True)
class TimeBasis:
    """Eigenvectors of the temporal covariance of expression.

    Attributes:
        modes: (T, T), rows read the modes off a course in time: modes @ course.
        back: (T, T), rows are the courses of the modes: course = values @ back.
        variance: (T,) prior variance of each, relative to the error's.
        level: (T,) number of the variance level, -1 for a quiet mode.
        level_variance: (K,).
    """

    modes: Array
    back: Array
    variance: Array
    level: NDArray[np.int64]
    level_variance: Array


def smooth_covariance(frames: int, fps: float) -> Array:
    """Temporal covariance (T, T) of band-limited motion: 1 / (1 + (f / BANDWIDTH_HZ)^4) on cosines."""
    frequency = np.arange(frames) * fps / (2 * frames)
    spectrum = 1 / (1 + (frequency / BANDWIDTH_HZ) ** 4) + 1e-6
    cosine = np.asarray(dct(np.eye(frames), axis=0, norm="ortho"))
    return cosine.T @ (spectrum[:, None] * cosine)


def error_spectrum(frames: int, fps: float) -> Array:
    """Power (T,) of the measurement's error in each cosine of T frames, 1 for the fastest: white, and slow on top of it."""
    frequency = np.arange(frames) * fps / (2 * frames)
    return 1 + SLOW_POWER / (1 + (2 * np.pi * frequency * SLOW_TIME_S) ** 2)


def time_basis(covariance: Array, fps: float) -> TimeBasis:
    """Modes in which both the expression's covariance (T, T) and the error's are diagonal, the error's the identity.

    Variances are rounded to LEVELS steps on a logarithmic scale.
    """
    frames = len(covariance)
    deviation = np.sqrt(error_spectrum(frames, fps))[:, None]
    cosine = np.asarray(dct(np.eye(frames), axis=0, norm="ortho"))
    whiten = cosine / deviation
    value, vector = np.linalg.eigh(whiten @ covariance @ whiten.T)
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
    turn = vector[:, ::-1].T
    return TimeBasis(turn @ whiten, turn @ (cosine * deviation), variance, level, centres)
