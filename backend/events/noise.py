# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise of the units at every reach, measured on the clip itself, and how high it reaches once in so many minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from .run import BLUR, REACHES, Run

Array = NDArray[np.float64]
Masks = list[NDArray[np.bool_]]

FALSE_ALARMS_PER_MINUTE = 0.25  #: half of what is promised: the noise is measured, not known
PRIOR = 8.0  #: independent samples that the usual unit is worth when the noise of one is measured: they differ much
QUIET = 0.4  #: of the frames: an event may fill most of a clip
UNLIKE = 3.0  #: times the usual unit's noise: one that moves more has not been at rest
CLEAR = 4.0  #: deviations of what is clearly no noise


@dataclass(frozen=True)
class Noise:
    """Of the bend, in claimed sizes: what is claimed and what is measured outside events add up."""

    size: Array  #: (reaches, C)
    samples: Array  #: (reaches, C) independent ones it rests on: as many as if all of it were measured

    def heights(self, run: Run, reach: int) -> Array:
        """Gaussian scores (m, C) of the rises at a reach, which allow for the long tails of a noise known from few samples.

        What the head's motion carries along is noise of that very moment. 0 for what leads back to rest, as the pause
        between two smiles does.
        """
        found, samples = run.rises[reach], self.samples[reach]
        size = found.seen * np.hypot(self.size[reach], run.carried[reach])
        away = np.sign(found.height) * found.middle > -size
        return np.asarray(np.sqrt(samples * np.log1p((away * found.height / size) ** 2 / samples)))


def _rate(u: float, reach: float, step: float) -> float:
    """Crossings of +-u a second, of one channel's noise at one reach: an upper bound."""
    rice = np.exp(-u * u / 2) / (2 * np.pi * np.sqrt(2) * BLUR * reach)
    return float(2 * min(rice, ndtr(-u) / step))


def alarms(u: float, channels: int, step: float) -> float:
    """False alarms a minute above u."""
    return 60 * channels * sum(_rate(u, reach, step) for reach in REACHES)


def threshold_of(channels: int, step: float) -> float:
    return float(brentq(lambda u: alarms(u, channels, step) - FALSE_ALARMS_PER_MINUTE, 0.0, 20.0))


def claimed(lasting: float) -> Array:
    """(reaches, 1) size of the bend of noise of size 1 that repeats itself for `lasting` seconds and is white else."""
    blurred = np.minimum(lasting / (2 * np.sqrt(np.pi) * BLUR * np.array(REACHES)), 1.0)
    return np.asarray(np.sqrt(1.5 * blurred)[:, None])


def calm(runs: list[Run], reach: int) -> Masks:
    """(m, C) per run: what is not clearly beyond the noise of the quietest frames; no event is known yet."""
    bends = [run.rises[reach].bend for run in runs]
    every = np.concatenate(bends)
    energy = (every**2).sum(1)
    own = np.sqrt((every[energy <= np.quantile(energy, QUIET)] ** 2).mean(0))
    return [np.abs(bend) <= CLEAR * np.minimum(own, UNLIKE * np.median(own)) for bend in bends]


def measured(runs: list[Run], outside: list[Masks], lasting: float) -> Noise:
    """Size of the noise outside events, with the usual unit's where there is little of one's own, and what is claimed.

    Args:
        runs: of the clip.
        outside: per reach and run, (m, C) where a channel shows noise alone.
        lasting: s for which the claimed noise repeats itself.
    """
    squares, samples = [], []
    for number, (reach, keep) in enumerate(zip(REACHES, outside, strict=True)):
        kept, found = np.concatenate(keep), [run.rises[number] for run in runs]
        bend = np.concatenate([rise.bend for rise in found])
        count = kept.sum(0)
        own = np.where(kept, bend**2, 0).sum(0) / np.maximum(count, 1)
        usual = float(np.median(own[count > 0])) if (count > 0).any() else 0.0
        independent = count * min(runs[0].step * found[0].stride / (2 * reach), 1.0)
        squares.append((independent * own + PRIOR * usual) / (independent + PRIOR))
        samples.append(independent + PRIOR)
    square = np.maximum.accumulate(squares)  # what wanders goes further in more time, also where none of it was seen
    size = square + claimed(lasting) ** 2
    # Welch and Satterthwaite: only the measured part is uncertain
    return Noise(np.sqrt(size), np.stack(samples) * (size / np.maximum(square, 1e-6 * size)) ** 2)
