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
_CERTAIN = 0.5  # a fast pan does not change that much; below it a cut must also stand out from its neighbours
_STANDS_OUT = 2.0

Thumbnail = NDArray[np.float32]


def with_shots(frames: Iterable[Frame]) -> Iterator[tuple[Frame, int]]:
    """Yield every frame with the number of its shot, one frame late: a flash is known by the frame after it."""
    shot = 0
    before: Thumbnail | None = None
    change_before = 0.0
    held: tuple[Frame, Thumbnail] | None = None
    for after in frames:
        seen = _thumbnail(after.luma)
        if held is not None:
            frame, here = held
            if before is not None:
                change = _change(before, here)
                shot += _is_cut(change, change_before, _change(here, seen), _change(before, seen))
                change_before = change
            yield frame, shot
            before = here
        held = after, seen
    if held is not None:
        frame, here = held
        if before is not None:
            shot += _change(before, here) > _CERTAIN
        yield frame, shot


def _is_cut(change: float, change_before: float, change_after: float, across: float) -> bool:
    """Whether a frame begins a shot, from the changes to it, before it, after it, and across it (a flash leaves no trace)."""
    if change <= _CUT or across <= _CUT:
        return False
    return change > _CERTAIN or change > _STANDS_OUT * max(change_before, change_after)


def _thumbnail(luma: NDArray[np.float32]) -> Thumbnail:
    """(36, 64), mean 0, contrast 1."""
    small = cv2.resize(luma, _SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)
    small -= small.mean()
    return np.asarray(small / np.hypot(small.std(), _FLAT), np.float32)


def _change(a: Thumbnail, b: Thumbnail) -> float:
    """0 for the same picture, about 1 for unrelated ones, whatever their brightness."""
    return float(np.square(a - b).mean()) / 2
