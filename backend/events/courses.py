# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of all units of a clip, and what of it is left when a blink, a look or speech has covered a part."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import REGIONS
from ..types import Floats, Ints
from .act import Act

Array = NDArray[np.float64]

LIDS = ("eyeSquint", "eyeWide")
#: What is not the skin's own while something else goes on, by the beginnings of the units' names, and for how long
#: before and after (s). A blink hides the iris from the tracker and pulls the upper face along; the solve, which knows nothing
#: faster than 10 Hz, smears that by a tenth of a second. The lids themselves it holds to be slow: they seem to open wide before
#: and after (1.5 px within 0.7 s). They also go where the eye looks. A mouth that talks is busy until its last syllable, and
#: takes the wings of the nose along.
COVERED = {
    "blink": ((("eyeLook", "eye_"), 0.04), (("brow", "nose", "cheekSquint"), 0.1), (LIDS, 0.8)),
    "gaze": ((LIDS, 0.8),),
    "speech": (((*REGIONS["mouth"], "nose"), 0.75),),
}
PULLED = 0.02  #: of the lids' motion: what the picture of closing eyes does to skin and pose elsewhere


@dataclass(frozen=True)
class Courses:
    """Arguments of `detect`, and what is covered."""

    time_s: Floats
    motion_px: Floats
    std_px: Floats
    names: tuple[str, ...]
    valid: Ints
    full_px: Array | None
    pulled_px: Floats  #: (T, P) by which closing lids pull skin elsewhere
    shown: NDArray[np.bool_]  #: (T, E) where nothing covers them

    def of(self, wanted: tuple[int, ...]) -> Courses:
        """Those of some units."""
        part = list(wanted)
        return replace(
            self, motion_px=self.motion_px[:, part], std_px=self.std_px[:, part], shown=self.shown[:, part],
            names=tuple(self.names[k] for k in part), full_px=None if self.full_px is None else self.full_px[part],
        )  # fmt: skip

    def pulled(self, lids: Courses, blinks: list[Act]) -> Courses:
        """With what the lids pull along all over the face while they blink."""
        closing = np.where(self._covered(blinks, 0.1)[:, None], PULLED * np.nan_to_num(lids.motion_px), 0.0)
        return replace(self, pulled_px=np.c_[self.pulled_px, closing])

    def without(self, acts: list[Act]) -> Courses:
        """The courses with straight lines where events cover them."""
        covered = np.zeros(self.shown.shape, bool)
        for begin, margin in COVERED[acts[0].kind] if acts else ():
            columns = [column for column, name in enumerate(self.names) if name.startswith(begin)]
            covered[:, columns] = self._covered(acts, margin)[:, None]
        return self.straight(covered)

    def straight(self, covered: NDArray[np.bool_]) -> Courses:
        """The courses with straight lines where something covers them (T, E)."""
        motion, shown = np.array(self.motion_px, float), self.shown.copy()
        for column in np.flatnonzero(covered.any(0)):
            measured = np.isfinite(motion[:, column])
            known, hidden = measured & ~covered[:, column], measured & covered[:, column]
            line = np.interp(self.time_s[hidden], self.time_s[known], motion[known, column]) if known.any() else 0.0
            motion[hidden, column], shown[hidden, column] = line, False
        return replace(self, motion_px=motion, shown=shown)

    def _covered(self, acts: list[Act], margin: float) -> NDArray[np.bool_]:
        """(T,) during events, and a margin (s) before and after."""
        covered = np.zeros(len(self.time_s), bool)
        for act in acts:
            covered |= (self.time_s >= act.onset - margin) & (self.time_s <= act.offset + margin)
        return covered
