# SPDX-License-Identifier: GPL-3.0-or-later
"""A frame without what hides a part of the face: there the face of the reference frame is put in its place."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_fill_holes

from ..types import Floats

Picture = NDArray[np.float32]

APART = 1.5  #: times the mean distance of the sampled pixels: they are joined to an area


def uncovered(
    frame: Picture, reference: Picture, at: Floats, home: Floats, seen: NDArray[np.bool_], *, alone: bool = False
) -> Picture:
    """The frame (H, W), work luma, with the reference's picture wherever a pixel is not seen, as light as the frame is.

    Args:
        frame, reference: work luma.
        at: (M, 2) px, where the template's pixels are in the frame, and home (M, 2) where they are in the reference.
        seen: (M,) those that the frame shows.
        alone: nothing but these is taken from the frame: what hides a part of the face stands beside the face too.
    """
    column, row = np.clip(np.round(at), 0, np.array(frame.shape[::-1]) - 1).astype(int).T
    span = np.ptp(home, axis=0)
    reach = APART * float(np.sqrt(span[0] * span[1] / len(home)))
    source = np.ones(len(home), bool) if alone else ~seen
    dots = np.ones(frame.shape, np.uint8)
    dots[row[source], column[source]] = 0
    away, nearest = cv2.distanceTransformWithLabels(dots, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    hole = _not_joined(row[seen], column[seen], reach, frame.shape) if alone else binary_fill_holes(away <= reach)
    back = np.zeros((int(nearest.max()) + 1, 2), np.float32)
    back[nearest[row[source], column[source]]] = (home - at)[source]
    own = np.round(home[seen]).astype(int)
    light = float(
        np.median(frame[row[seen], column[seen]]) / max(float(np.median(reference[own[:, 1], own[:, 0]])), 1.0)
    )
    column_map, row_map = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in frame.shape[::-1]))
    there = column_map + back[nearest, 0], row_map + back[nearest, 1]
    face = cv2.remap(reference, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.where(hole, np.float32(light) * face, frame)


def _not_joined(
    row: NDArray[np.int64], column: NDArray[np.int64], reach: float, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """(H, W) what lies outside the areas to which dots no more than twice `reach` apart are joined."""
    dots = np.zeros(shape, np.uint8)
    dots[row, column] = 1
    size = 2 * int(np.ceil(reach)) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return np.asarray(cv2.morphologyEx(dots, cv2.MORPH_CLOSE, disc) == 0)
