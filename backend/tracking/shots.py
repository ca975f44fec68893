# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts, to the exact frame.

Every decoded frame is compared with the one before on a thumbnail whose mean and contrast are taken out: flicker and
exposure do not count, and a moving face changes little of it. On real footage a moving face stays below 0.07, a cut
begins at 0.3.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Frame

_SIZE = (64, 36)
_FLAT = 4.0  # grey levels: contrast below this is noise, so that one black frame is like the next
_CUT = 0.2  # of the largest possible distance, 1 = unrelated pictures
_CERTAIN = 0.4  # black to any picture is 0.5; what changes less must also stand out from its neighbours
_STANDS_OUT = 2.0

Thumbnail = NDArray[np.float32]


def with_shots(frames: Iterable[Frame]) -> Iterator[tuple[Frame, int]]:
    """Yield every frame with the number of its shot, one frame late: a flash is known by the frame after it."""
    counter = _ShotCounter()
    held: tuple[Frame, Thumbnail] | None = None
    for frame in frames:
        seen = _thumbnail(frame.luma)
        if held is not None:
            yield held[0], counter.shot_of(held[1], seen)
        held = frame, seen
    if held is not None:
        yield held[0], counter.shot_of(held[1], held[1])


class _ShotCounter:
    """Counts cuts from thumbnail to thumbnail."""

    def __init__(self) -> None:
        self._shot = 0
        self._before: Thumbnail | None = None  # the last frame that was no flash
        self._change_before = 0.0

    def shot_of(self, here: Thumbnail, after: Thumbnail) -> int:
        """Return the number of the shot that a frame belongs to, given the frame after it."""
        if self._before is None:
            self._before = here
            return self._shot
        change = _change(self._before, here)
        if change > _CUT and _change(self._before, after) <= _CUT:  # a flash leaves no trace
            return self._shot
        self._shot += self._is_cut(change, _change(here, after))
        self._before, self._change_before = here, change
        return self._shot

    def _is_cut(self, change: float, change_after: float) -> bool:
        stands_out = change > _STANDS_OUT * max(self._change_before, change_after)
        return change > _CERTAIN or (change > _CUT and stands_out)


def _thumbnail(luma: NDArray[np.float32]) -> Thumbnail:
    """(36, 64), mean 0, contrast 1."""
    small = cv2.resize(luma, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return np.asarray(small / np.hypot(small.std(), _FLAT), np.float32)


def _change(a: Thumbnail, b: Thumbnail) -> float:
    """0 for the same picture, about 1 for unrelated ones, whatever their brightness."""
    return float(np.square(a - b).mean()) / 2
