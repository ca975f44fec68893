# SPDX-License-Identifier: GPL-3.0-or-later
"""The turned square around a face that the mesh looks at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Floats

_MARGIN = 1.5  # side of the square over the longer side of the face, as MediaPipe's nets were trained
_RIGHT_EYE, _LEFT_EYE = 33, 263  # outer corners


@dataclass(frozen=True)
class Roi:
    """A square in the image: centre and side in px, angle in rad from the x axis to the line between the eyes."""

    x: float
    y: float
    size: float
    angle: float

    def to_image(self, pixels: int) -> NDArray[np.float64]:
        """(2, 3) map from a crop of `pixels` a side to the image, both in px."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        scale, half = self.size / pixels, self.size / 2
        return np.array(
            [
                [cos * scale, -sin * scale, self.x - cos * half + sin * half],
                [sin * scale, cos * scale, self.y - sin * half - cos * half],
            ]
        )

    @property
    def face_width(self) -> float:
        """Width in px of the face that the square was put around, roughly."""
        return self.size / _MARGIN

    def contains(self, x: float, y: float) -> bool:
        """Whether the image point is on the face, that is inside the square without its margin."""
        return max(abs(self.x - x), abs(self.y - y)) <= self.face_width / 2


def around(box: Floats, angle: float) -> Roi:
    """Return the square around a box (4,) x0, y0, x1, y1 px."""
    low, high = box[:2], box[2:]
    x, y = (low + high) / 2
    return Roi(float(x), float(y), float((high - low).max()) * _MARGIN, angle)


def roi_of(landmarks: Floats) -> Roi:
    """Return the square around landmarks (478, 2 or 3) px."""
    points = landmarks[:, :2]
    dx, dy = points[_LEFT_EYE] - points[_RIGHT_EYE]
    return around(np.concatenate([points.min(0), points.max(0)]), math.atan2(dy, dx))


def face_width(landmarks: Floats) -> float:
    """Return the width of the face in px, along the line between the eyes."""
    axis = landmarks[_LEFT_EYE, :2] - landmarks[_RIGHT_EYE, :2]
    return float(np.ptp(landmarks[:468, :2] @ (axis / max(float(np.linalg.norm(axis)), 1e-6))))


def sampled(rgb: NDArray[np.uint8], to_image: Floats, pixels: int, border: int) -> NDArray[np.uint8]:
    """Return (pixels, pixels, 3): the image where `to_image` (2, 3) puts each pixel; outside it, OpenCV's `border`."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb, to_image, (pixels, pixels), flags=flags, borderMode=border), np.uint8)


def crop(rgb: NDArray[np.uint8], roi: Roi, pixels: int, border: int = cv2.BORDER_REPLICATE) -> NDArray[np.uint8]:
    """Cut out a square.

    A crop that shrinks the image at least twice is averaged first, so that large faces do not alias.

    Args:
        rgb: (H, W, 3).
        roi: the square.
        pixels: side of the result.
        border: what stands outside the image, OpenCV's border type.

    Returns:
        (pixels, pixels, 3).
    """
    to_image = roi.to_image(pixels)
    factor = int(roi.size // pixels)
    if factor >= 2:
        rgb, to_image = _shrunk(rgb, to_image, pixels, factor)
    return sampled(rgb, to_image, pixels, border)


def _shrunk(
    rgb: NDArray[np.uint8], to_image: NDArray[np.float64], pixels: int, factor: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Return the part of the image that a crop sees, averaged in blocks of `factor` px, and the map from crop to it."""
    corners = np.array([[0, 0, 1], [pixels, 0, 1], [0, pixels, 1], [pixels, pixels, 1]]) @ to_image.T
    limit = np.array(rgb.shape[1::-1])
    low = np.clip(np.floor(corners.min(0)).astype(int) - factor, 0, np.maximum(limit - factor, 0))
    high = np.clip(np.ceil(corners.max(0)).astype(int) + factor, low + factor, np.maximum(limit, factor))
    width, height = (high - low) // factor
    part = rgb[low[1] : low[1] + height * factor, low[0] : low[0] + width * factor]
    small = cv2.resize(part, (int(width), int(height)), interpolation=cv2.INTER_AREA)
    to_small = to_image / factor
    to_small[:, 2] -= (low + (factor - 1) / 2) / factor
    return np.asarray(small, np.uint8), to_small
