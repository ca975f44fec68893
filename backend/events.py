# SPDX-License-Identifier: GPL-3.0-or-later
"""Expression events: onset, apex and offset from the units' motion and its standard deviation.

The rule, with a stated false-alarm rate of at most one a minute:

1. Each unit's motion, and the mean of each left unit and its right one, is divided by its usual standard deviation and
   smoothed by Gaussians of `SCALES`: short events show at the first, weak long ones at the last.
2. What is not an event is noise. Its mean and its size are measured on the clip itself, for each and at each scale,
   starting from the quietest three tenths of the frames and then outside the events found so far. So noise that is
   larger or slower than claimed, from compression or a drifting pose, raises the bar.
3. A peak counts above `u` times that noise, where Gaussian noise in all of them together would cross +-u
   `FALSE_ALARMS_PER_MINUTE` times. Noise through a Gaussian of s seconds crosses at most
   exp(-u^2/2) / (2 pi sqrt(2) s) times a second (Rice 1945; equality for white noise, smoother noise crosses less), and
   never more often than frames lie above u.
4. The size at the apex must also be twice its own standard deviation: what is below the noise is not an event.

Units that move together make one event. Its course is the sum of its units, each weighted by its size over its
variance; the apex is the top of a parabola fitted there, onset and offset are where the course falls to `EDGE` of the
apex (or into its noise), to the valley before another event, or to the end of what was measured. What rises and falls
slowly within a larger event of the same part of the face (`WAVER`) is that expression being held, not another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import brentq
from scipy.signal import find_peaks
from scipy.special import ndtr

from ..models.head.units import ANTAGONISTS, region
from .types import BRIDGED, Event, Floats, Ints

Array = NDArray[np.float64]

FALSE_ALARMS_PER_MINUTE = 0.5  # half of what is promised: the noise is measured, not known
SCALES = (0.01, 0.03, 0.09)  # s
EDGE = 0.1  # of the apex
SHORTEST, LONGEST_MICRO = 0.04, 0.5  # s
WAVER = 0.25  # of a held expression: what is slow and smaller is not another one
_ROUNDS = 4  # of telling noise from events
_CLAIMED = 0.1  # noise is taken to be at least this part of what is claimed
_PRIOR = 60.0  # independent samples that all units together are worth when the noise of one is measured
_VALLEY = 4.0  # noise sizes by which two tops must stand above the valley between them


@dataclass(frozen=True)
class _Run:
    """A stretch without a gap, on an even clock. A channel is a unit, or the mean of a left and a right one."""

    time: Array  #: (n,) s
    step: float  #: s
    motion: Array  #: (n, C) px
    std: Array  #: (n, C) px
    usual: Array  #: (C,) px: the claimed noise at rest; solvers claim more where there is motion
    z: Array  #: (n, C) motion / usual


@dataclass(frozen=True)
class _Noise:
    """Measured on frames without events, about the baseline, in claimed sizes."""

    baseline: Array  #: (C,)
    size: Array  #: (scales, C)
    samples: Array  #: (scales, C) independent ones it rests on

    def heights(self, values: Array, scale: int) -> Array:
        """Gaussian scores (n, C) at one scale, which allow for the long tails of a noise known from few samples."""
        ratio, samples = (values - self.baseline) / self.size[scale], self.samples[scale]
        return np.asarray(np.sqrt(samples * np.log1p(ratio**2 / samples)))


@dataclass(frozen=True)
class _Peak:
    run: int
    sample: int
    channel: int
    scale: int
    height: float  #: noise sizes


@dataclass(frozen=True)
class _Found:
    run: int
    onset: int
    apex: int
    offset: int
    units: tuple[int, ...]
    height: float


def detect(time_s: Floats, motion_px: Floats, std_px: Floats, names: tuple[str, ...], valid: Ints) -> tuple[Event, ...]:
    """Find the events of a clip.

    Args:
        time_s: (T,) s, rising.
        motion_px: (T, E) signed size of every unit in the picture, px; 0 is the neutral template.
        std_px: (T, E) its standard deviation.
        names: (E,) `eyeBlink*` become blinks, `eyeLook*` and `eye_*` gaze; none of them joins an expression.
        valid: (T,) frames above `BRIDGED` split the clip.

    Returns:
        Events by onset. `confidence` is the probability that a minute of noise has no peak as high as this.
    """
    members = _channels(names)
    motion, std = (np.column_stack([x[:, units].mean(1) for units in members]) for x in (motion_px, std_px))
    runs = list(_runs(time_s, motion, std, valid))
    if not runs:
        return ()
    smooth = [_smoothed(run) for run in runs]
    threshold = _threshold(len(members), runs[0].step)
    kinds = [_kind(names[units[0]]) for units in members]
    found: list[_Found] = []
    noise = _measured(smooth, [_quiet(run) for run in runs], runs)
    for _ in range(_ROUNDS):
        peaks = list(_peaks(runs, smooth, noise, threshold))
        parts = [[peak for peak in peaks if kinds[peak.channel] == kind] for kind in sorted(set(kinds))]
        found = [event for part in parts for event in _grouped(part, runs, noise, members)]
        noise = _measured(smooth, _outside(runs, found, members), runs)
    found = [item for item in found if not _part_of_another(item, found, runs, noise, names)]
    events = [_event(item, runs[item.run], noise, names, kinds, time_s) for item in found]
    return tuple(sorted(filter(_lasting, events), key=lambda event: event.onset_s))


def _lasting(event: Event) -> bool:
    return event.offset_s - event.onset_s >= SHORTEST - 1e-9


def _kind(name: str) -> str:
    if name.startswith("eyeBlink"):
        return "blink"
    return "gaze" if name.startswith(("eyeLook", "eye_")) else "expression"


def _channels(names: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Every unit, then every left unit with its right one: most expressions move both, and their mean is less noisy."""
    pairs = [(i, names.index(name[:-4] + "Right")) for i, name in enumerate(names) if _is_left(name, names)]
    return [*((i,) for i in range(len(names))), *pairs]


def _is_left(name: str, names: tuple[str, ...]) -> bool:
    return name.endswith("Left") and name[:-4] + "Right" in names


def _runs(time_s: Floats, motion: Floats, std: Floats, valid: Ints) -> Iterator[_Run]:
    """Stretches of at least three measured frames, interpolated to their median frame time."""
    good = (np.asarray(valid) <= BRIDGED) & np.isfinite(motion).all(1) & np.isfinite(std).all(1)
    edges = np.flatnonzero(np.diff(np.r_[False, good, False]))
    step = float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0
    for start, stop in edges.reshape(-1, 2):
        if stop - start < 3:
            continue
        here = np.asarray(time_s[start:stop], np.float64)
        even = here[0] + step * np.arange(round((here[-1] - here[0]) / step) + 1)
        px, sigma = (np.column_stack([np.interp(even, here, row) for row in x[start:stop].T]) for x in (motion, std))
        sigma = np.maximum(sigma, 1e-9)
        usual = np.quantile(sigma, 0.2, axis=0)
        yield _Run(even, step, px, sigma, usual, px / usual)


def _smoothed(run: _Run) -> Array:
    """(scales, n, C): zeros beyond the ends, so that an end is never noisier than the middle."""
    return np.stack([gaussian_filter1d(run.z, scale / run.step, axis=0, mode="constant") for scale in SCALES])


def _rate(u: float, scale: float, step: float) -> float:
    """Crossings of +-u a second, of one channel's noise at one scale: an upper bound."""
    rice = np.exp(-u * u / 2) / (2 * np.pi * np.sqrt(2) * scale)
    return float(2 * min(rice, ndtr(-u) / step))


def _alarms(u: float, channels: int, step: float) -> float:
    """False alarms a minute above u."""
    return 60 * channels * sum(_rate(u, scale, step) for scale in SCALES)


def _threshold(channels: int, step: float) -> float:
    return float(brentq(lambda u: _alarms(u, channels, step) - FALSE_ALARMS_PER_MINUTE, 0.0, 20.0))


def _quiet(run: _Run) -> NDArray[np.bool_]:
    """(n, C) the three tenths of the frames with the least energy: an event may fill most of a clip."""
    energy = (gaussian_filter1d(run.z, SCALES[-1] / run.step, axis=0, mode="nearest") ** 2).sum(1)
    return np.repeat((energy <= np.quantile(energy, 0.3))[:, None], run.z.shape[1], axis=1)


def _measured(smooth: list[Array], outside: list[NDArray[np.bool_]], runs: list[_Run]) -> _Noise:
    """Baseline and size of the noise; a unit that was hardly ever at rest is helped by the others."""
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
        samples.append(independent + _PRIOR)
        sizes.append(np.sqrt((independent * square.sum(0) / count + _PRIOR * pooled) / samples[-1]))
    return _Noise(baseline, np.maximum(sizes, _CLAIMED * _white(step)[:, None]), np.stack(samples))


def _own_scale(noise: Array, step: float) -> float:
    """Seconds of the Gaussian that would give white noise the correlation between frames that this noise (n, C) has."""
    correlation = float((noise[1:] * noise[:-1]).sum() / max((noise**2).sum(), 1e-12))
    return step / (2 * np.sqrt(-np.log(min(correlation, 0.999)))) if correlation > 0 else 0.0


def _white(step: float) -> Array:
    """(scales,) what smoothing leaves of white noise."""
    return np.array([min(np.sqrt(step / (2 * np.sqrt(np.pi) * scale)), 1.0) for scale in SCALES])


def _outside(runs: list[_Run], found: list[_Found], members: list[tuple[int, ...]]) -> list[NDArray[np.bool_]]:
    """(n, C) per run: where a channel takes no part in an event."""
    keep = [np.ones(run.z.shape, bool) for run in runs]
    for event in found:
        moved = [channel for channel, units in enumerate(members) if set(units) & set(event.units)]
        keep[event.run][event.onset : event.offset + 1, moved] = False
    return keep


def _peaks(runs: list[_Run], smooth: list[Array], noise: _Noise, threshold: float) -> Iterator[_Peak]:
    """Tops of every channel at every scale above the threshold."""
    for number, run in enumerate(runs):
        for scale, values in enumerate(smooth[number]):
            heights = noise.heights(values, scale)
            sizes = np.abs(_sizes(run, noise))
            for channel in np.flatnonzero(heights.max(0) > threshold):
                column = np.r_[0.0, heights[:, channel], 0.0]
                tops, _ = find_peaks(column, height=threshold, prominence=_VALLEY)
                for top in tops - 1:
                    if sizes[top, channel] > 2 * run.std[top, channel]:
                        yield _Peak(number, int(top), int(channel), scale, float(heights[top, channel]))


def _sizes(run: _Run, noise: _Noise) -> Array:
    """(n, C) px above the baseline."""
    return np.asarray((run.z - noise.baseline) * run.usual)


def _grouped(peaks: list[_Peak], runs: list[_Run], noise: _Noise, members: list[tuple[int, ...]]) -> Iterator[_Found]:
    """Events of the peaks of one kind, strongest first; each takes the peaks that lie within it."""
    left = sorted(peaks, key=lambda peak: -peak.height)
    while left:
        seed = left[0]
        run = runs[seed.run]
        onset, apex, offset = _course(run, noise, seed.sample, members[seed.channel])
        inside = [peak for peak in left if peak.run == seed.run and onset <= peak.sample <= offset]
        units = tuple(sorted({unit for peak in [*inside, seed] for unit in members[peak.channel]}))
        onset, apex, offset = _course(run, noise, apex, units)
        reach = [SCALES[peak.scale] / run.step * bool(set(members[peak.channel]) & set(units)) for peak in left]
        left = [
            peak
            for peak, more in zip(left, reach, strict=True)
            if peak is not seed and (peak.run != seed.run or not onset - more <= peak.sample <= offset + more)
        ]
        yield _Found(seed.run, onset, apex, offset, units, seed.height)


def _course(run: _Run, noise: _Noise, near: int, units: tuple[int, ...]) -> tuple[int, int, int]:
    """Onset, apex and offset (samples) of the units' common course about the top near a sample."""
    z = run.z[:, units] - noise.baseline[list(units)]
    weights, course, noise_size = _clearest(z, noise.size[:, units], near, run.step)
    top = _top(course, near)
    apex = _parabola_top(z @ weights, course, top, noise_size)
    before = _edge(course[: top + 1][::-1], noise_size)
    after = _edge(course[top:], noise_size)
    onset, offset = top - before, top + after
    return onset, min(max(apex, onset), offset), offset


def _clearest(z: Array, sizes: Array, near: int, step: float) -> tuple[Array, Array, float]:
    """Weights of the units, their course (n,) and the size of its noise.

    At the finest scale clear enough to follow it down to the edge, or else where it stands highest above its noise.
    """
    best: tuple[Array, Array, float] = (z[near], z[:, 0], 1.0)
    highest = -np.inf
    for scale, size in zip(SCALES, sizes, strict=True):
        smooth = gaussian_filter1d(z, scale / step, axis=0, mode="nearest")
        weights = smooth[near] / size**2
        course, noise_size = smooth @ weights, float(np.linalg.norm(weights * size))
        ratio = course[near] / max(noise_size, 1e-12)
        if ratio > highest:
            best, highest = (weights, course, noise_size), ratio
        if ratio > 1 / EDGE:
            break
    return best


def _top(course: Array, near: int) -> int:
    """Climb to the nearest top."""
    while True:
        around = course[max(near - 1, 0) : near + 2]
        higher = max(near - 1, 0) + int(np.argmax(around))
        if course[higher] <= course[near]:
            return near
        near = higher


def _parabola_top(raw: Array, course: Array, top: int, noise_size: float) -> int:
    """The top of a parabola through the raw course about the smooth one's top, which leans towards the slower side.

    It goes down as far as the noise asks for, at most to 65 % of the top.
    """
    level = course[top] - np.clip(2.5 * noise_size, 0.08 * course[top], 0.35 * course[top])
    low = high = top
    while low > 0 and course[low - 1] > level:
        low -= 1
    while high < len(course) - 1 and course[high + 1] > level:
        high += 1
    if high - low < 5:
        return top
    x = np.arange(low, high + 1) - top
    fitted = np.polyval(np.polyfit(x, raw[low : high + 1], 2), x)
    return low + int(np.argmax(fitted))


def _edge(falling: Array, noise_size: float) -> int:
    """Samples from the apex (first) to where the course has fallen to the edge.

    Where it stops falling before, on a slow drift, the edge is measured from there; where it hardly falls, as in a
    smile that stays, the event lasts to the end.
    """
    last = _valley(falling, noise_size)
    floor = float(falling[: last + 1].min())
    floor = floor if 0 < floor < falling[0] / 2 else 0.0
    level = max(floor + EDGE * (falling[0] - floor), noise_size)
    below = np.flatnonzero(falling[: last + 1] <= level)
    return int(below[0]) if len(below) else last


def _valley(falling: Array, noise_size: float) -> int:
    """The lowest sample before the course rises to another top, or the last one."""
    lowest = np.minimum.accumulate(falling)
    rising = np.flatnonzero(falling > np.maximum(2 * lowest, lowest + _VALLEY * noise_size))
    return int(np.argmin(falling[: rising[0]])) if len(rising) else len(falling) - 1


def _part_of_another(
    item: _Found, found: list[_Found], runs: list[_Run], noise: _Noise, names: tuple[str, ...]
) -> bool:
    """Whether a slow event is how a larger one of the same part of the face wavers while it is held."""
    run, own = runs[item.run], _strongest(item, runs, noise)
    if (item.offset - item.onset) * run.step <= LONGEST_MICRO:
        return False
    part = region(names[own[0]])
    for other in found:
        size = _strongest(other, runs, noise)
        within = other.run == item.run and other.onset <= item.onset and item.offset <= other.offset
        if within and part and region(names[size[0]]) == part and own[1] < WAVER * size[1]:
            return True
    return False


def _strongest(item: _Found, runs: list[_Run], noise: _Noise) -> tuple[int, float]:
    """The unit that moves most from onset to apex, and by how many px: what is held from before is not the event's."""
    sizes = _sizes(runs[item.run], noise)[:, list(item.units)]
    rise = np.abs(sizes[item.apex] - sizes[item.onset])
    return item.units[int(rise.argmax())], float(rise.max())


def _event(found: _Found, run: _Run, noise: _Noise, names: Any, kinds: list[str], time_s: Floats) -> Event:
    onset, apex, offset = (float(_nearest(time_s, run.time[i])) for i in (found.onset, found.apex, found.offset))
    units = np.array(found.units)
    sizes = _sizes(run, noise)[found.apex]
    size = sizes[units]
    order = np.argsort(-np.abs(size))
    strongest = order[0]
    kind = kinds[units[0]]
    if kind == "expression":
        kind = "micro" if offset - onset <= LONGEST_MICRO + 1e-9 else "macro"
    return Event(
        onset_s=onset,
        apex_s=apex,
        offset_s=offset,
        kind=kind,
        units=_named([names[units[k]] for k in order], size[order], dict(zip(names, sizes, strict=False))),
        peak_px=float(abs(size[strongest])),
        peak_std_px=float(run.std[found.apex, units[strongest]]),
        confidence=float(np.exp(-_alarms(found.height, len(kinds), run.step))),
    )


def _named(units: list[str], size: Array, sizes: dict[str, float]) -> tuple[str, ...]:
    """Names of the units, strongest first. One that runs backwards is named by its antagonists where those pull.

    Args:
        units: of the event, with their size (U,) px; sizes: of every unit at the apex.
    """
    named: list[str] = []
    for name, height in zip(units, size, strict=True):
        pulling = [other for other in ANTAGONISTS.get(name, ()) if height < 0 < sizes.get(other, 0.0)]
        named += pulling or [("" if height > 0 else "-") + name]
    return tuple(dict.fromkeys(named))


def _nearest(time_s: Floats, moment: float) -> float:
    return float(time_s[np.argmin(np.abs(time_s - moment))])
