# SPDX-License-Identifier: GPL-3.0-or-later
"""What part of a picture a panel shows, and at what scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Floats


@dataclass(frozen=True)
class View:
    """A rectangle of the picture, drawn `scale` times as large. Pixel centres are integers on both sides."""

    left: float  #: px, the outer edge of the rectangle
    top: float
    scale: float
    width: int  #: px of the panel
    height: int

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): picture to panel."""
        s = self.scale
        return np.array([[s, 0, (0.5 - self.left) * s - 0.5], [0, s, (0.5 - self.top) * s - 0.5], [0, 0, 1.0]])

    def cut(self, picture: NDArray[Any]) -> NDArray[np.uint8]:
        """Draw a picture (H, W, 3) in the panel; beyond its border it is black."""
        large = self.scale >= 1
        inverse = cv2.WARP_INVERSE_MAP | (cv2.INTER_CUBIC if large else cv2.INTER_AREA)
        back = np.linalg.inv(self.matrix)[:2]
        return np.asarray(cv2.warpAffine(picture, back, (self.width, self.height), flags=inverse))


def view_of(points: Floats, height: int, widest: int, margin: float = 0.28) -> View:
    """The view that holds points with a margin.

    Args:
        points: (N, 2) px.
        height: px of the panel; less where the panel would be wider than `widest`.
        widest: px.
        margin: on each side, as a part of the points' extent.
    """
    low, high = points.min(0), points.max(0)
    size = np.maximum(high - low, 1.0) * (1 + 2 * margin)
    left, top = (low + high - size) / 2
    scale = min(height / size[1], widest / size[0])
    return View(float(left), float(top), float(scale), _even(size[0] * scale), _even(size[1] * scale))


def fitted(points: Floats, width: int, height: int, margin: float = 0.06) -> View:
    """The view of a given panel that holds points with a margin, centred."""
    low, high = points.min(0), points.max(0)
    scale = float(min(width / (high - low)[0], height / (high - low)[1]) / (1 + 2 * margin))
    left, top = (low + high) / 2 - np.array([width, height]) / (2 * scale)
    return View(float(left), float(top), scale, width, height)


def _even(size: float) -> int:
    return 2 * round(size / 2)
