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
SLOW_TIME_S = 0.7  #: how long the slow part of the measurement's error lasts
SLOW_MOST = 24.0  #: power of its slowest part over the fastest; film under a codec reaches it
SLOW_FIRST = SLOW_MOST  #: until a block's own was measured
SLOW_SHARE = (
    0.07  #: of the slow power the model leaves over errs in what it explains; the rest is skin that no column moves
)
FEWEST_FRAMES = 8  #: that tell slow from fast
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
        frequency: (T,) Hz, mean of each mode's power.
    """

    modes: Array
    back: Array
    variance: Array
    level: NDArray[np.int64]
    level_variance: Array
    frequency: Array


def smooth_covariance(frames: int, fps: float) -> Array:
    """Temporal covariance (T, T) of band-limited motion: 1 / (1 + (f / BANDWIDTH_HZ)^4) on cosines."""
    frequency = np.arange(frames) * fps / (2 * frames)
    spectrum = 1 / (1 + (frequency / BANDWIDTH_HZ) ** 4) + 1e-6
    cosine = np.asarray(dct(np.eye(frames), axis=0, norm="ortho"))
    return cosine.T @ (spectrum[:, None] * cosine)


def slow_spectrum(frames: int, fps: float) -> Array:
    """Power (T,) of a process that forgets in SLOW_TIME_S, in each cosine of T frames, 1 for the slowest."""
    frequency = np.arange(frames) * fps / (2 * frames)
    return np.asarray(1 / (1 + (2 * np.pi * frequency * SLOW_TIME_S) ** 2))


def error_spectrum(frames: int, fps: float, slow: float) -> Array:
    """Power (T,) of the measurement's error in each cosine of T frames, 1 for the fastest: white, and `slow` on top of it."""
    return 1 + slow * slow_spectrum(frames, fps)


def slow_power(power: Array, fps: float) -> float:
    """How strong the slow part of the measurement's error is, by what the model leaves over of the footage itself.

    The spectrum white x (1 + a x slow_spectrum) by maximum likelihood (powers are exponentially distributed; Whittle 1953), the
    white part being the median of the faster half.

    Args:
        power: (T,) of the residual in each cosine, any unit.
        fps: frames per second.

    Returns:
        SLOW_SHARE of a, at most SLOW_MOST; SLOW_FIRST where the frames are too few to tell.
    """
    if len(power) <= FEWEST_FRAMES:
        return SLOW_FIRST
    shape, ratio = slow_spectrum(len(power), fps), power / max(float(np.median(power[len(power) // 2 :])), 1e-30)
    slow = 4.0
    for _ in range(30):  # Fisher scoring
        weight = (shape / (1 + slow * shape)) ** 2
        slow = max(slow + float((weight * (ratio - 1 - slow * shape) / shape).sum() / weight.sum()), 0.0)
    return min(SLOW_SHARE * slow, SLOW_MOST)


def time_basis(covariance: Array, fps: float, slow: float) -> TimeBasis:
    """Modes in which both the expression's covariance (T, T) and the error's are diagonal, the error's the identity.

    `slow`: see `error_spectrum`. Variances are rounded to LEVELS steps on a logarithmic scale.
    """
    frames = len(covariance)
    deviation = np.sqrt(error_spectrum(frames, fps, slow))[:, None]
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
    pace = turn**2 @ (np.arange(frames) * fps / (2 * frames))
    return TimeBasis(turn @ whiten, turn @ (cosine * deviation), variance, level, centres, pace)
