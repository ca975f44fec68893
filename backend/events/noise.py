# SPDX-License-Identifier: GPL-3.0-or-later
"""The noise of the units at every reach, measured on the clip itself, and how high it reaches once in so many minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d
from scipy.optimize import brentq
from scipy.special import ndtr

from .run import BLUR, REACHES, Run, lag_of

Array = NDArray[np.float64]
Masks = list[NDArray[np.bool_]]

FALSE_ALARMS_PER_MINUTE = 0.25  #: half of what is promised: the noise is measured, not known
PRIOR = 8.0  #: independent samples that the usual unit is worth when the noise of one is measured: they differ much
QUIET = 0.4  #: of the frames: an event may fill most of a clip
UNLIKE = 3.0  #: times the usual unit's noise: one that moves more has not been at rest
CLEAR = 4.0  #: deviations of what is clearly no noise
#: Of what a solve claims, to be added to what is measured: its deviation is what it does not know of a motion, not how far its
#: estimate, drawn towards rest, scatters when there is none. Five deviations of noise are then at least two of what is claimed.
DOUBT = 0.4


@dataclass(frozen=True)
class Noise:
    """Of the bend, in claimed sizes: what is claimed and what is measured outside events add up.

    Attributes:
        runs: of the clip.
        kept: per reach and run, (m, C) where a channel shows noise alone.
        power: (reaches, C) sum of the squared bend there.
        count: (reaches, C) how many samples that is.
        usual: (reaches,) mean square of the unit in the middle.
        claim: (reaches,) mean square that is claimed.
    """

    runs: list[Run]
    kept: list[Masks]
    power: Array
    count: Array
    usual: Array
    claim: Array

    def size(self, reach: int) -> Array:
        """(C,)"""
        return self._sized(reach, self.power[reach], self.count[reach])[0]

    def heights(self, run: int, reach: int) -> Array:
        """Gaussian scores (m, C) of the rises at a reach, which allow for the long tails of a noise known from few samples.

        What may be an event is held against the noise of all other frames. What closing lids pull along is noise of that
        very moment. 0 for what leads back to rest, as the pause between two smiles does.
        """
        found, kept, lag = (
            self.runs[run].rises[reach],
            self.kept[reach][run],
            lag_of(REACHES[reach], self.runs[run].step),
        )
        near = 4 * (lag // found.stride) + 1
        power, count = (
            total - near * uniform_filter1d(part, near, axis=0, mode="constant")
            for total, part in (
                (self.power[reach], np.where(kept, found.bend**2, 0.0)),
                (self.count[reach], kept.astype(float)),
            )
        )
        size, samples = self._sized(reach, np.maximum(power, 0.0), np.maximum(np.round(count), 0.0))
        size = found.seen * np.hypot(size, self.runs[run].pulled[reach])
        away = np.sign(found.height) * found.middle > -size
        return np.asarray(np.sqrt(samples * np.log1p((away * found.height / size) ** 2 / samples)))

    def _sized(self, reach: int, power: Array, count: Array) -> tuple[Array, Array]:
        """Size of the noise, and independent samples it rests on, as many as if all of it were measured."""
        stride, step = self.runs[0].rises[reach].stride, self.runs[0].step
        independent = count * min(step * stride / (2 * REACHES[reach]), 1.0)
        own = power / np.maximum(count, 1)
        square = (independent * own + PRIOR * self.usual[reach]) / (independent + PRIOR)
        total = square + self.claim[reach]
        # Welch and Satterthwaite: only the measured part is uncertain
        return np.sqrt(total), (independent + PRIOR) * (total / np.maximum(square, 1e-6 * total)) ** 2


def _rate(u: float, reach: float, step: float) -> float:
    """Crossings of +-u a second, of one channel's noise at one reach: an upper bound."""
    rice = np.exp(-u * u / 2) / (2 * np.pi * np.sqrt(2) * BLUR * reach)
    return float(2 * min(rice, ndtr(-u) / step))


def alarms(u: float, reach: int, channels: int, step: float) -> float:
    """False alarms a minute above u at all reaches, if each had as many as this one."""
    return 60 * channels * len(REACHES) * _rate(u, REACHES[reach], step)


def thresholds(channels: int, step: float) -> list[float]:
    """Per reach, each with an equal part of the false alarms: long events have fewer chances to occur."""
    return [
        float(brentq(lambda u, k=k: alarms(u, k, channels, step) - FALSE_ALARMS_PER_MINUTE, 0.0, 20.0))
        for k in range(len(REACHES))
    ]


def claimed(lasting: float, doubt: float) -> Array:
    """(reaches,) mean square of the bend of noise of size `doubt` that repeats itself for `lasting` seconds and is white else."""
    return np.asarray(1.5 * doubt**2 * np.minimum(lasting / (2 * np.sqrt(np.pi) * BLUR * np.array(REACHES)), 1.0))


def calm(runs: list[Run], reach: int) -> Masks:
    """(m, C) per run: what is not clearly beyond the noise of the quietest frames; no event is known yet."""
    bends = [run.rises[reach].bend for run in runs]
    every = np.concatenate(bends)
    energy = (every**2).sum(1)
    own = np.sqrt((every[energy <= np.quantile(energy, QUIET)] ** 2).mean(0))
    most = CLEAR * np.minimum(own, UNLIKE * np.median(own))
    return [(np.abs(run.rises[reach].bend) <= most) & run.restful(reach) for run in runs]


def measured(runs: list[Run], kept: list[Masks], claim: Array) -> Noise:
    """The noise outside events, with the usual unit's where there is little of one's own, and what is claimed.

    Args:
        runs: of the clip.
        kept: per reach and run, (m, C) where a channel shows noise alone.
        claim: (reaches,) mean square that is claimed.
    """
    power, count, usual = [], [], [0.0]
    for reach, masks in enumerate(kept):
        bend, here = np.concatenate([run.rises[reach].bend for run in runs]), np.concatenate(masks)
        power.append(np.where(here, bend**2, 0).sum(0))
        count.append(here.sum(0))
        own = (power[-1] / np.maximum(count[-1], 1))[count[-1] > 0]
        usual.append(
            max(usual[-1], float(np.median(own)) if len(own) else 0.0)
        )  # what wanders goes no less far in more time
    return Noise(runs, kept, np.stack(power), np.stack(count), np.array(usual[1:]), claim)
