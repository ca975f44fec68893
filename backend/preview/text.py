# SPDX-License-Identifier: GPL-3.0-or-later
"""Words on a picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_FONT = cv2.FONT_HERSHEY_DUPLEX


def write(
    picture: NDArray[np.uint8],
    text: str,
    at: tuple[int, int],
    colour: tuple[int, int, int] = (238, 240, 244),
    size: float = 0.5,
    *,
    right: bool = False,
) -> int:
    """Write a line in place (ASCII: the font has no more).

    Args:
        picture: (H, W, 3) uint8.
        text: the line.
        at: px, left end of the base line, or its right end when `right`.
        colour: 0..255.
        size: 1 is 22 px high.
        right: whether `at` is the right end.

    Returns:
        Where the text begins, px.
    """
    (width, _), _ = cv2.getTextSize(text, _FONT, size, 1)
    left = at[0] - width if right else at[0]
    cv2.putText(picture, text, (left, at[1]), _FONT, size, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(picture, text, (left, at[1]), _FONT, size, colour, 1, cv2.LINE_AA)
    return left
