# SPDX-License-Identifier: GPL-3.0-or-later
"""An event with the course it was found in: what moves most, when, and whether it is an eye that closes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import region
from .peak import Found
from .run import Run

Array = NDArray[np.float64]

SHORTEST = 0.04  #: s
LONGEST_MICRO = 0.5  #: s
CLOSES = 0.3  #: of the gap between the lids, by which they come together in a blink
LEAST_MACRO = 0.1  #: of a unit's full strength, the trace of FACS: less and slow is how landmarks and solve wander
LEAST_LOOK = 0.04  #: rad: less is the tracked iris that a head's motion drags along


@dataclass(frozen=True)
class Act:
    """An event in its run.

    Attributes:
        kind: blink, gaze, speech or expression.
        found: the event.
        run: what it was found in.
        names, full_px: of the units (E,), and their size at full strength, px; None where that is not known.
    """

    kind: str
    found: Found
    run: Run
    names: tuple[str, ...]
    full_px: Array | None

    @property
    def onset(self) -> float:
        """s, like the apex and the offset."""
        return float(self.run.time[self.found.onset])

    @property
    def apex(self) -> float:
        return float(self.run.time[self.found.apex])

    @property
    def offset(self) -> float:
        return float(self.run.time[self.found.offset])

    @property
    def moved(self) -> Array:
        """(E,) px by which every unit moves from onset to apex: what is held from before is not the event's.

        One that was under way when the measurement began was seen to end, not to begin.
        """
        begin = self.found.onset if self.found.apex > self.found.onset else self.found.offset
        motion = self.run.motion[:, : len(self.names)]
        return np.asarray(motion[self.found.apex] - motion[begin])

    @property
    def size(self) -> float:
        """px of the unit that moves most."""
        return float(np.abs(self.moved[list(self.found.units)]).max())

    @property
    def ways(self) -> set[tuple[int, int]]:
        """The units that take part, and which way each goes."""
        return {(unit, int(np.sign(self.moved[unit]))) for unit in self.found.units}

    @property
    def part(self) -> str:
        """Part of the face that moves most, "" for none."""
        own = np.abs(self.moved[list(self.found.units)])
        return region(self.names[self.found.units[int(own.argmax())]])

    @property
    def is_large(self) -> bool:
        """Whether eyes close, by the mean of both sides, or turn, far enough; what is slow is larger than what drifts."""
        if self.full_px is None or self.kind == "speech":
            return True
        if self.kind == "expression":
            units = list(self.found.units)
            share = np.abs(self.moved[units]) / self.full_px[units]
            return bool(self.offset - self.onset <= LONGEST_MICRO or share.max() >= LEAST_MACRO)
        if self.kind == "blink":
            return bool(self.moved.sum() >= CLOSES * self.full_px.sum())
        return bool(self.size >= LEAST_LOOK * self.full_px.max())

    @property
    def is_whole(self) -> bool:
        """Whether an expression was seen to rise and to return, or one that is cut off is too long for a micro-expression."""
        cut_off = self.kind == "expression" and (self.onset == self.run.time[0] or self.offset == self.run.time[-1])
        return self.offset - self.onset >= (LONGEST_MICRO if cut_off else SHORTEST) - 1e-9


def joined(acts: list[Act], kind: str) -> Act:
    """Several events of one run as one, whose apex is that of the clearest."""
    clearest = max(acts, key=lambda act: act.found.height)
    units = tuple(sorted({unit for act in acts for unit in act.found.units}))
    onset, offset = min(act.found.onset for act in acts), max(act.found.offset for act in acts)
    found = replace(clearest.found, onset=onset, offset=offset, units=units)
    return replace(clearest, kind=kind, found=found)
