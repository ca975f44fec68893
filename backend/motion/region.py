# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels of the face are trusted to show skin motion, and where skin is cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Floats
from .sheet import Seam

# The tracker's own landmark numbers.
EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398),
)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
MOUTH_LINE = ((78, 78), (191, 95), (80, 88), (81, 178), (82, 87), (13, 14), (312, 317), (311, 402), (310, 318), (415, 324),
              (308, 308))  # fmt: skip
EYE_LINES = (
    ((33, 33), (246, 7), (161, 163), (160, 144), (159, 145), (158, 153), (157, 154), (173, 155), (133, 133)),
    ((362, 362), (398, 382), (384, 381), (385, 380), (386, 374), (387, 373), (388, 390), (466, 249), (263, 263)),
)


def skin_mask(landmarks: Floats, width: int, height: int) -> NDArray[np.bool_]:
    """Pixels (H, W) inside the face's outline, without the eyes and the inside of the mouth.

    Args:
        landmarks: (478, 2) px.
    """
    points = np.asarray(landmarks, np.float64)[:, :2]
    unit = float(np.ptp(points[:, 0])) / 240
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(points[:468]).astype(np.int32)), (1,))
    inner = cv2.erode(mask, np.ones((max(3, round(7 * unit)),) * 2))
    hole = np.zeros_like(mask)
    for outline in (*EYES, INNER_LIPS):
        cv2.fillPoly(hole, [np.round(points[list(outline)]).astype(np.int32)], (1,))
    return np.asarray((inner > 0) & (cv2.dilate(hole, np.ones((3, 3))) == 0))


def seams(landmarks: Floats) -> tuple[Seam, ...]:
    """The lips' and the lids' lines, px."""
    points = np.asarray(landmarks, np.float64)[:, :2]
    lines = [np.array([(points[a] + points[b]) / 2 for a, b in pairs]) for pairs in (MOUTH_LINE, *EYE_LINES)]
    return tuple(Seam(_rising(line)) for line in lines)


def _rising(line: NDArray[np.float64]) -> NDArray[np.float64]:
    """The line with strictly increasing x (a turned head can fold it by a fraction of a pixel)."""
    line = line if line[0, 0] < line[-1, 0] else line[::-1]
    line = line[np.argsort(line[:, 0], kind="stable")]
    line[:, 0] += np.arange(len(line)) * 1e-6
    return line


def choose_pixels(mask: NDArray[np.bool_], count: int) -> tuple[NDArray[np.float64], float]:
    """`count` pixels spread evenly over the mask.

    Not those with the most texture: brows, lids and lips have it, and smooth skin is what stays still and holds the head.

    Returns:
        points (M, 2) x, y px, and the share of the mask they make up.
    """
    y, x = np.nonzero(mask)
    if len(y) <= count:
        return np.stack([x, y], 1).astype(float), 1.0
    keep = np.sort(np.random.default_rng(0).permutation(len(y))[:count])
    return np.stack([x[keep], y[keep]], 1).astype(float), count / len(y)
