# SPDX-License-Identifier: GPL-3.0-or-later
"""Expression events: onset, apex and offset from the units' motion and its standard deviation.

The rule, for at most one false alarm in two minutes:

1. An expression rises and returns. How high each unit, and the mean of each left unit and its right one, stands above
   *both* what it was a reach before and what it will be a reach after is looked at for all `REACHES` (`run.rise`).
   A level, a slope and a step do not show; short events show at short reaches, long ones at long.
2. The noise of that contrast is a share of what the solve claims (`DOUBT`) plus what the clip shows outside events, at the
   same reach, so noise that is larger, slower or more jerky than claimed, from compression or a drifting pose, raises the
   bar there; and what lids that close pull along at that moment (`noise`).
3. A peak counts above `u` times that noise, where Gaussian noise in all channels together would cross +-u
   `FALSE_ALARMS_PER_MINUTE` times, an equal part of them at every reach. Noise through a Gaussian of s seconds crosses at most
   exp(-u^2/2) / (2 pi sqrt(2) s) times a second (Rice 1945; equality for white noise, smoother noise crosses less), and
   never more often than frames lie above u.

Units that move together make one event. Its course is the sum of its units, each weighted by its size over its
variance; the apex is the top of a parabola fitted there, onset and offset are where the course falls to `EDGE` of the
apex above the valley (or into its noise), or to the end of what was measured.

Blinks are looked for first, then looks, speech and expressions; each covers what it moves for those that follow (`courses`). Looks
are no matter of noise: they jump (`glance`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import ANTAGONISTS
from ..types import Event, Floats, Ints
from .act import LONGEST_MICRO, Act
from .courses import Courses
from .glance import glances
from .kind import KINDS, Kind, Rise
from .noise import alarms, calm, claimed, measured, thresholds
from .peak import grouped, outside, peaks_of
from .run import REACHES, runs_of

Array = NDArray[np.float64]

LOOKS = (("Down", "Up"), ("Up", "Down"), ("In", "Out"), ("Out", "In"))
ROUNDS = 4  #: of telling noise from events


def detect(
    time_s: Floats,
    motion_px: Floats,
    std_px: Floats,
    names: tuple[str, ...],
    valid: Ints,
    full_px: Array | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> tuple[Event, ...]:
    """Find the events of a clip.

    Args:
        time_s: (T,) s, rising.
        motion_px: (T, E) signed size of every unit in the picture, px; 0 is the neutral template.
        std_px: (T, E) its standard deviation.
        names: (E,) of units, or of places by the unit that moves them ("mouthFunnel 7 x"). `eyeBlink*` become blinks,
            `eyeLook*` and `eye_*` gaze; none of them joins an expression.
        valid: (T,) frames above `BRIDGED` split the clip.
        full_px: (E,) the units' size at full strength, of a lid the gap it closes, of a look the eye's radius: lids and looks that
            move only a little of it are none. None = not known.
        hidden: (T, E) where something before the face hides a unit: there is no event. None = nowhere.

    Returns:
        Events by onset. `confidence` is the probability that a minute of noise has no peak as high as this.
    """
    shown, pulled = np.ones(np.shape(motion_px), bool), np.zeros((len(time_s), 1))
    left = Courses(time_s, motion_px, std_px, names, valid, full_px, pulled, shown)
    left = left if hidden is None else left.straight(hidden)
    acts: list[Act] = []
    for kind in KINDS:
        own = left.of(tuple(k for k, name in enumerate(names) if kind.measures(name)))
        some = _found(own, kind) if own.names else []
        left = left.without(some) if kind.name != "expression" else left
        left = left.pulled(own, some) if kind.name == "blink" else left
        acts += some
    events = [_event(act, time_s) for act in acts if act.is_whole]
    return tuple(sorted(events, key=lambda event: event.onset_s))


def _found(courses: Courses, kind: Kind) -> list[Act]:
    members = channels(courses.names)
    return _rising(courses, kind.name, kind.rise, members) if kind.rise else glances(courses, members)


def _rising(courses: Courses, kind: str, rise: Rise, members: list[tuple[int, ...]]) -> list[Act]:
    """What moves above the noise outside it.

    A mouth may talk from the clip's beginning to its end and show no noise at all: speech is held against the rest of the face.
    """
    motion, std = (np.column_stack([x[:, k].mean(1) for k in members]) for x in (courses.motion_px, courses.std_px))
    shown = np.column_stack([courses.shown[:, k].all(1) for k in members])
    wanted = np.array([all(rise.shows(courses.names[k]) for k in units) for units in members])
    shown &= ~wanted | (kind != "speech")
    full = np.inf if courses.full_px is None else np.array([courses.full_px[list(units)].mean() for units in members])
    large = np.broadcast_to(rise.beyond * full, len(members))
    runs = list(runs_of(courses.time_s, motion, std, courses.valid, courses.pulled_px, shown, large))
    if not runs:
        return []
    least, reaches = thresholds(len(members), runs[0].step), range(len(REACHES))
    masks, acts = [calm(runs, reach) for reach in reaches], list[Act]()
    claim = claimed(rise.lasting or runs[0].step, rise.doubt)
    for _ in range(ROUNDS):
        noise = measured(runs, masks, claim)
        tops = [peak for peak in peaks_of(runs, noise, least, rise.spans) if wanted[peak.channel]]
        found = grouped(tops, runs, noise, members)
        acts = rise.whole([Act(kind, item, runs[item.run], courses.names, courses.full_px) for item in found])
        acts = [act for act in acts if act.is_large]
        masks = [outside(runs, [act.found for act in acts], members, reach) for reach in reaches]
    return acts


def channels(names: tuple[str, ...]) -> list[tuple[int, ...]]:
    """Every unit, then the mean of every left unit and its right one, of eyes that look the same way: less noisy."""
    both = [(i, names.index(other)) for i, name in enumerate(names) if (other := _other_side(name)) in names]
    return [*((i,) for i in range(len(names))), *both]


def _other_side(name: str) -> str:
    """The right unit that most expressions move with a left one, "" for none."""
    if not name.endswith("Left"):
        return ""
    across = {"eyeLookOutLeft": "eyeLookInRight", "eyeLookInLeft": "eyeLookOutRight"}
    return across.get(name, name.removesuffix("Left") + "Right")


def _event(act: Act, time_s: Floats) -> Event:
    """The event in the clip's own time."""
    found, run, names = act.found, act.run, act.names
    onset, apex, offset = (float(_nearest(time_s, moment)) for moment in (act.onset, act.apex, act.offset))
    units, moved = np.array(found.units), act.moved
    size = moved[units]
    order = np.argsort(-np.abs(size))
    strongest = order[0]
    kind = act.kind
    if kind == "expression":
        kind = "micro" if offset - onset <= LONGEST_MICRO + 1e-9 else "macro"
    return Event(
        onset_s=onset,
        apex_s=apex,
        offset_s=offset,
        kind=kind,
        units=_named([names[units[k]] for k in order], size[order], dict(zip(names, moved, strict=False))),
        peak_px=float(abs(size[strongest])),
        peak_std_px=float(run.std[found.apex, units[strongest]]),
        confidence=float(np.exp(-alarms(found.height, found.reach, run.z.shape[1], run.step))),
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
