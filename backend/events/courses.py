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

#: What is not the skin's own while something else goes on, by the beginnings of the units' names, and for how long
#: before and after (s): a blink pulls the upper face along and hides the eye, the lids go where the eye looks, a mouth
#: that talks is busy until its last syllable. The solve, which knows nothing faster than 10 Hz, smears it by BESIDE.
BESIDE = 0.1
PULLED = 0.02  #: of the lids' motion: what the picture of closing eyes does to skin and pose elsewhere
COVERED = {
    "blink": (("eyeLook", "eye_", "eyeSquint", "eyeWide", "brow", "nose", "cheekSquint"), BESIDE),
    "gaze": (("eyeSquint", "eyeWide"), BESIDE),
    "speech": (REGIONS["mouth"], 0.75),
}


@dataclass(frozen=True)
class Courses:
    """Arguments of `detect`."""

    time_s: Floats
    motion_px: Floats
    std_px: Floats
    names: tuple[str, ...]
    valid: Ints
    full_px: Array | None
    carried_px: Floats

    def of(self, wanted: tuple[int, ...]) -> Courses:
        """Those of some units."""
        part = list(wanted)
        return replace(
            self, motion_px=self.motion_px[:, part], std_px=self.std_px[:, part],
            names=tuple(self.names[k] for k in part), full_px=None if self.full_px is None else self.full_px[part],
        )  # fmt: skip

    def pulled(self, lids: Courses, blinks: list[Act]) -> Courses:
        """With what the lids pull along all over the face while they blink."""
        closing = np.where(self._covered(blinks)[:, None], PULLED * np.nan_to_num(lids.motion_px), 0.0)
        return replace(self, carried_px=np.c_[self.carried_px, closing])

    def without(self, acts: list[Act]) -> Courses:
        """The courses with straight lines where events cover them."""
        motion = np.array(self.motion_px, float)
        for column, name in enumerate(self.names):
            hidden = self._covered([act for act in acts if name.startswith(COVERED[act.kind][0])])
            measured = np.isfinite(motion[:, column])
            known, hidden = measured & ~hidden, measured & hidden
            line = np.interp(self.time_s[hidden], self.time_s[known], motion[known, column]) if known.any() else 0.0
            motion[hidden, column] = line
        return replace(self, motion_px=motion)

    def _covered(self, acts: list[Act]) -> NDArray[np.bool_]:
        """(T,) during events, and somewhat before and after."""
        covered = np.zeros(len(self.time_s), bool)
        for act in acts:
            margin = COVERED[act.kind][1]
            covered |= (self.time_s >= act.onset - margin) & (self.time_s <= act.offset + margin)
        return covered
