# SPDX-License-Identifier: GPL-3.0-or-later
"""The image at several scales, cut into the squares that the detector looks at.

The whole image is one square, as in MediaPipe. Below it come squares of half, a quarter, ... of the longer side that
overlap by half, so that every face of at most half a square is whole in one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .detector import PIXELS
from .roi import Roi, crop, sampled

_FINEST = 160  # px, no square is smaller: it would look for faces far too small to use
_LEVELS = 5  # squares of a sixteenth of 8K show faces of 50 px; the next level would take seconds
_STRIDE = PIXELS // 2


@dataclass(frozen=True)
class Squares:
    """What the detector sees of one scale."""

    pictures: NDArray[np.uint8]  #: (B, 128, 128, 3)
    to_image: NDArray[np.float64]  #: (B, 3) side and top left corner of each, image px


def levels(width: int, height: int) -> list[float]:
    """Return the sides of the squares in px, coarse to fine; the first is the whole image."""
    longest = max(width, height)
    return [longest / 2**k for k in range(_LEVELS) if k == 0 or longest / 2**k >= _FINEST]


def level_for(face_width: float, width: int, height: int) -> float:
    """Return the side of the squares in which a face of this width, a sixth to a third of it, is surely seen."""
    fitting = [side for side in levels(width, height) if side >= 3 * face_width]
    return fitting[-1] if fitting else float(max(width, height))


def whole(rgb: NDArray[np.uint8]) -> Squares:
    """Return the whole image as one square with black bars, sampled without averaging, as MediaPipe does it."""
    height, width = rgb.shape[:2]
    roi = Roi(width / 2, height / 2, max(width, height), 0.0)
    return _one(sampled(rgb, roi.to_image(PIXELS), PIXELS, cv2.BORDER_CONSTANT), roi)


def window(rgb: NDArray[np.uint8], x: float, y: float, side: float) -> Squares:
    """Return one square about a point; black outside the image."""
    roi = Roi(x, y, side, 0.0)
    return _one(crop(rgb, roi, PIXELS, cv2.BORDER_CONSTANT), roi)


def _one(picture: NDArray[np.uint8], roi: Roi) -> Squares:
    return Squares(picture[None], np.array([[roi.size, roi.x - roi.size / 2, roi.y - roi.size / 2]]))


def tiles(rgb: NDArray[np.uint8], side: float) -> Squares:
    """Return overlapping squares of `side` px that cover the image."""
    height, width = rgb.shape[:2]
    scale = PIXELS / side
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    small = cv2.copyMakeBorder(
        small, 0, max(0, PIXELS - size[1]), 0, max(0, PIXELS - size[0]), cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    corners = np.array([(x, y) for y in _starts(small.shape[0]) for x in _starts(small.shape[1])])
    pictures = np.stack([small[y : y + PIXELS, x : x + PIXELS] for x, y in corners])
    to_image = np.column_stack([np.full(len(corners), side), corners / scale])
    return Squares(np.asarray(pictures, np.uint8), to_image)


def _starts(length: int) -> list[int]:
    """Return where squares begin along one axis; the last one ends at the border."""
    last = length - PIXELS
    return [*range(0, last, _STRIDE), last]
