# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise of the units, measured on the clip itself, and how high it reaches once in so many minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import brentq
from scipy.special import ndtr

from .run import SCALES, Run

Array = NDArray[np.float64]

FALSE_ALARMS_PER_MINUTE = 0.5  #: half of what is promised: the noise is measured, not known
PRIOR = 60.0  #: independent samples that all units together are worth when the noise of one is measured


@dataclass(frozen=True)
class Noise:
    """Measured on frames without events, about the baseline, in claimed sizes."""

    baseline: Array  #: (C,)
    size: Array  #: (scales, C)
    samples: Array  #: (scales, C) independent ones it rests on

    def heights(self, values: Array, scale: int) -> Array:
        """Gaussian scores (n, C) at one scale, which allow for the long tails of a noise known from few samples."""
        ratio, samples = (values - self.baseline) / self.size[scale], self.samples[scale]
        return np.asarray(np.sqrt(samples * np.log1p(ratio**2 / samples)))


def _rate(u: float, scale: float, step: float) -> float:
    """Crossings of +-u a second, of one channel's noise at one scale: an upper bound."""
    rice = np.exp(-u * u / 2) / (2 * np.pi * np.sqrt(2) * scale)
    return float(2 * min(rice, ndtr(-u) / step))


def alarms(u: float, channels: int, step: float) -> float:
    """False alarms a minute above u."""
    return 60 * channels * sum(_rate(u, scale, step) for scale in SCALES)


def threshold_of(channels: int, step: float) -> float:
    return float(brentq(lambda u: alarms(u, channels, step) - FALSE_ALARMS_PER_MINUTE, 0.0, 20.0))


def quiet(run: Run) -> NDArray[np.bool_]:
    """(n, C) the three tenths of the frames with the least energy: an event may fill most of a clip."""
    energy = (gaussian_filter1d(run.z, SCALES[-1] / run.step, axis=0, mode="nearest") ** 2).sum(1)
    return np.repeat((energy <= np.quantile(energy, 0.3))[:, None], run.z.shape[1], axis=1)


def measured(smooth: list[Array], outside: list[NDArray[np.bool_]], runs: list[Run], claimed: float) -> Noise:
    """Baseline and size of the noise; a unit that was hardly ever at rest is helped by the others.

    It is taken to be at least the part `claimed` of what is claimed.
    """
    keep = np.concatenate(outside)
    count = np.maximum(keep.sum(0), 1)
    z, step = np.concatenate([run.z for run in runs]), runs[0].step
    baseline = np.where(keep, z, 0).sum(0) / count
    own = _own_scale(np.where(keep, z - baseline, 0), step)
    sizes, samples = [], []
    for scale, values in zip(SCALES, np.concatenate(smooth, axis=1), strict=True):
        square = np.where(keep, values - baseline, 0) ** 2
        independent = np.maximum(count * min(step / (2 * np.sqrt(np.pi) * np.hypot(scale, own)), 1.0), 2.0)
        square *= independent / (independent - 1)  # the baseline has taken one
        pooled = square.sum() / max(keep.sum(), 1)
        samples.append(independent + PRIOR)
        sizes.append(np.sqrt((independent * square.sum(0) / count + PRIOR * pooled) / samples[-1]))
    return Noise(baseline, np.maximum(sizes, claimed * _white(step)[:, None]), np.stack(samples))


def _own_scale(noise: Array, step: float) -> float:
    """Seconds of the Gaussian that would give white noise the correlation between frames that this noise (n, C) has."""
    correlation = float((noise[1:] * noise[:-1]).sum() / max((noise**2).sum(), 1e-12))
    return step / (2 * np.sqrt(-np.log(min(correlation, 0.999)))) if correlation > 0 else 0.0


def _white(step: float) -> Array:
    """(scales,) what smoothing leaves of white noise."""
    return np.array([min(np.sqrt(step / (2 * np.sqrt(np.pi) * scale)), 1.0) for scale in SCALES])


def sizes_of(run: Run, noise: Noise) -> Array:
    """(n, C) px above the baseline."""
    return np.asarray((run.z - noise.baseline) * run.usual)
