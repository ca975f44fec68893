# SPDX-License-Identifier: GPL-3.0-or-later
"""An event with the course it was found in: what moves most, when, and whether it is an eye that closes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import region
from .noise import Noise, sizes_of
from .peak import Found
from .run import Run

Array = NDArray[np.float64]

CLOSES = 0.3  #: of the gap between the lids, by which they come together in a blink


@dataclass(frozen=True)
class Act:
    """An event in its run.

    Attributes:
        found: the event.
        run, noise: what it was found in.
        names, full_px: of the units (E,), and their size at full strength, px; None where that is not known.
    """

    found: Found
    run: Run
    noise: Noise
    names: tuple[str, ...]
    full_px: Array | None

    @property
    def onset(self) -> float:
        """s, like the offset."""
        return float(self.run.time[self.found.onset])

    @property
    def offset(self) -> float:
        return float(self.run.time[self.found.offset])

    @property
    def moved(self) -> Array:
        """(E,) px by which every unit moves from onset to apex: what is held from before is not the event's.

        One that was under way when the measurement began was seen to end, not to begin.
        """
        begin = self.found.onset if self.found.apex > self.found.onset else self.found.offset
        sizes = sizes_of(self.run, self.noise)[:, : len(self.names)]
        return np.abs(sizes[self.found.apex] - sizes[begin])

    @property
    def size(self) -> float:
        """px of the unit that moves most."""
        return float(self.moved[list(self.found.units)].max())

    @property
    def unit(self) -> str:
        """The unit that moves most."""
        own = self.moved[list(self.found.units)]
        return self.names[self.found.units[int(own.argmax())]]

    @property
    def part(self) -> str:
        """Part of the face that moves most, "" for none."""
        return region(self.unit)

    @property
    def is_blink(self) -> bool:
        """Lids that close, by the mean of both sides."""
        if self.found.kind != "blink" or self.full_px is None:
            return self.found.kind == "blink"
        lid = [k for k, name in enumerate(self.names) if name.startswith("eyeBlink")]
        return bool(self.moved[lid].sum() >= CLOSES * self.full_px[lid].sum())

    def having(self, units: tuple[int, ...]) -> Act:
        return replace(self, found=replace(self.found, units=units))

    def as_kind(self, kind: str) -> Act:
        return replace(self, found=replace(self.found, kind=kind))

    def touches(self, other: Act, margin: float) -> bool:
        """Whether this and another share a moment, or are no further apart than a margin (s)."""
        return self.onset <= other.offset + margin + 1e-9 and self.offset >= other.onset - margin - 1e-9

    def within(self, other: Act, margin: float = 0.0) -> bool:
        """Whether this lasts no longer than another, but for a margin (s) at either end."""
        begins, ends = self.onset >= other.onset - margin - 1e-9, self.offset <= other.offset + margin + 1e-9
        return self is not other and begins and ends


def joined(acts: list[Act]) -> Act:
    """Several events of one run as one, whose apex is that of the clearest."""
    clearest = max(acts, key=lambda act: act.found.height)
    units = tuple(sorted({unit for act in acts for unit in act.found.units}))
    onset, offset = min(act.found.onset for act in acts), max(act.found.offset for act in acts)
    return replace(clearest, found=replace(clearest.found, onset=onset, offset=offset, units=units))
