# SPDX-License-Identifier: GPL-3.0-or-later
"""Expression events: onset, apex and offset from the units' motion and its standard deviation.

The rule, for at most one false alarm a minute if the noise is Gaussian. The slow drift of a solve is not: it gives several
(BENCHMARKS.md).

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
apex (or into its noise), to the valley before another event, or to the end of what was measured. What is only a part of
another event, as the brows are that a blink pulls along, is told in `company`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import ANTAGONISTS
from ..types import Event, Floats, Ints
from .act import Act
from .company import LONGEST_MICRO, by_themselves
from .noise import Noise, alarms, measured, quiet, sizes_of, threshold_of
from .peak import Found, grouped, outside, peaks_of
from .run import Run, runs_of, smoothed

Array = NDArray[np.float64]

SHORTEST = 0.04  #: s
#: Least noise, in claimed sizes: a solve claims much; jitter tells nothing of how tracked eyes wander.
SOLVED, LOOKING = 0.1, 3.0
LOOKS = (("Down", "Up"), ("Up", "Down"), ("In", "Out"), ("Out", "In"))
ROUNDS = 4  #: of telling noise from events


def detect(
    time_s: Floats,
    motion_px: Floats,
    std_px: Floats,
    names: tuple[str, ...],
    valid: Ints,
    full_px: Array | None = None,
) -> tuple[Event, ...]:
    """Find the events of a clip.

    Args:
        time_s: (T,) s, rising.
        motion_px: (T, E) signed size of every unit in the picture, px; 0 is the neutral template.
        std_px: (T, E) its standard deviation.
        names: (E,) `eyeBlink*` become blinks, `eyeLook*` and `eye_*` gaze; none of them joins an expression.
        valid: (T,) frames above `BRIDGED` split the clip.
        full_px: (E,) the units' size at full strength, of a lid the gap it closes, of a look the eye's radius: lids and looks that
            move only a little of it are none. None = not known.

    Returns:
        Events by onset. `confidence` is the probability that a minute of noise has no peak as high as this.
    """
    count = len(channels(names))
    look = np.array([_kind(name) != "expression" for name in names], bool)
    acts: list[Act] = []
    for part in (np.flatnonzero(~look), np.flatnonzero(look)):  # lids and looks have a noise of their own
        known = None if full_px is None else full_px[part]
        own = tuple(names[k] for k in part)
        acts += _acts(time_s, motion_px[:, part], std_px[:, part], own, valid, known, count) if len(part) else []
    events = [_event(act, count, time_s) for act in by_themselves(acts)]
    return tuple(sorted(filter(_lasting, events), key=lambda event: event.onset_s))


def _acts(
    time_s: Floats,
    motion_px: Floats,
    std_px: Floats,
    names: tuple[str, ...],
    valid: Ints,
    full_px: Array | None,
    count: int,
) -> list[Act]:
    """What moves above its noise; arguments as of `detect`, for noise that shares `count` channels."""
    members = channels(names)
    motion, std = (np.column_stack([x[:, units].mean(1) for units in members]) for x in (motion_px, std_px))
    runs = list(runs_of(time_s, motion, std, valid))
    if not runs:
        return []
    found, noise = _found(runs, members, [_kind(names[units[0]]) for units in members], count)
    return [Act(item, runs[item.run], noise, names, full_px) for item in found]


def _found(runs: list[Run], members: list[tuple[int, ...]], kinds: list[str], count: int) -> tuple[list[Found], Noise]:
    """Events of every kind, and the noise outside them."""
    smooth = [smoothed(run) for run in runs]
    threshold = threshold_of(count, runs[0].step)
    claimed = SOLVED if kinds[0] == "expression" else LOOKING
    found: list[Found] = []
    noise = measured(smooth, [quiet(run) for run in runs], runs, claimed)
    for _ in range(ROUNDS):
        peaks = list(peaks_of(runs, smooth, noise, threshold))
        parts = [(kind, [peak for peak in peaks if kinds[peak.channel] == kind]) for kind in sorted(set(kinds))]
        found = [event for kind, part in parts for event in grouped(kind, part, runs, noise, members)]
        noise = measured(smooth, outside(runs, found, members), runs, claimed)
    return found, noise


def _lasting(event: Event) -> bool:
    return event.offset_s - event.onset_s >= SHORTEST - 1e-9


def _kind(name: str) -> str:
    if name.startswith("eyeBlink"):
        return "blink"
    return "gaze" if name.startswith(("eyeLook", "eye_")) else "expression"


def channels(names: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Every unit, then every left unit with its right one: most expressions move both, and their mean is less noisy."""
    pairs = [(i, names.index(name[:-4] + "Right")) for i, name in enumerate(names) if _is_left(name, names)]
    return [*((i,) for i in range(len(names))), *pairs]


def _is_left(name: str, names: tuple[str, ...]) -> bool:
    return name.endswith("Left") and name[:-4] + "Right" in names


def _event(act: Act, count: int, time_s: Floats) -> Event:
    """The event in the clip's own time; `count` channels were looked at."""
    found, run, names = act.found, act.run, act.names
    onset, apex, offset = (float(_nearest(time_s, run.time[i])) for i in (found.onset, found.apex, found.offset))
    units = np.array(found.units)
    sizes = sizes_of(run, act.noise)[found.apex]
    size = sizes[units]
    order = np.argsort(-np.abs(size))
    strongest = order[0]
    kind = found.kind
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
        confidence=float(np.exp(-alarms(found.height, count, run.step))),
    )


def _named(units: list[str], size: Array, sizes: dict[str, float]) -> tuple[str, ...]:
    """Names of the units, strongest first. One that runs backwards is named by its antagonists where those pull.

    Args:
        units: of the event, with their size (U,) px; sizes: of every unit at the apex.
    """
    named: list[str] = []
    for name, height in zip(units, size, strict=True):
        pulling = [other for other in ANTAGONISTS.get(name, ()) if height < 0 < sizes.get(other, 0.0)]
        named += pulling or [name if height > 0 else _against(name)]
    return tuple(dict.fromkeys(named))


def _against(name: str) -> str:
    """A unit that runs backwards: of a look, the look the other way."""
    for way, other in LOOKS:
        if name.startswith("eyeLook" + way):
            return name.replace(way, other)
    return "-" + name


def _nearest(time_s: Floats, moment: float) -> float:
    return float(time_s[np.argmin(np.abs(time_s - moment))])
