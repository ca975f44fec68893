# SPDX-License-Identifier: GPL-3.0-or-later
"""The pixels of a template that a closing lid sweeps over.

What a lid covers and uncovers is no motion of the skin, and a blink is ten times as large and as fast as what is looked for. Taken
for motion it fits nowhere, so that the solve takes the whole block to be noisy and believes no small motion in it any more. While
a lid moves (`lids.py`) its pixels pull at nothing, and what lies beside them is measured without them.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import Floats
from .field import MotionField
from .region import EYES

#: Landmarks of the brow's lower edge above each of `EYES`, right and left: the lid folds below it.
BROWS = ((46, 53, 52, 65, 55), (285, 295, 282, 283, 276))
LEFT_FIRST = (1, 0)  #: `EYES` in the order of `lids.LIDS`
RIM = 4.0  #: px at 240 around the eye: lashes, and what the landmarks are off by

SHINES = 2.0  #: px, through blur and spline, from a lid into the picture beside it


class LidSweep:
    """Of one template.

    Attributes:
        pixels: (M,) which of the template's pixels a lid sweeps over.
        share: (2n,) of what every coefficient of the sheet is seen by that they make up.
    """

    def __init__(self, field: MotionField, landmarks: Floats, scale: float) -> None:
        """Find them.

        Args:
            field: of the template.
            landmarks: (478, 2) work px, in it.
            scale: face width / 240 px.
        """
        template = field.template
        self._whole = field
        self.pixels = (beyond_lids(template.points, landmarks, scale) < SHINES).any(0)
        mass = field.design.T @ template.weight
        share = field.design.T @ (template.weight * self.pixels) / np.maximum(mass, 1e-9 * mass.max())
        self.share = np.tile(share, 2)

    @cached_property
    def beside(self) -> MotionField:
        """The fit without them, with a matrix of its own: with that of all pixels, what a lid has spoiled would hardly settle."""
        template = self._whole.template
        return self._whole.weighted(template.weight * ~self.pixels)


def beyond_lids(places: Floats, landmarks: Floats, scale: float) -> NDArray[np.float64]:
    """(2, M) px from places (M, 2) to where the left and the right lid sweep, 0 there: from the brow to RIM around the eye."""
    points = np.asarray(landmarks, np.float32)[:, :2]
    areas = ((points[[*BROWS[k], *EYES[k]]], points[list(EYES[k])]) for k in LEFT_FIRST)
    return np.stack(
        [np.minimum(_beyond(places, lid), np.maximum(_beyond(places, eye) - RIM * scale, 0)) for lid, eye in areas]
    )


def _beyond(places: Floats, outline: NDArray[np.float32]) -> NDArray[np.float64]:
    """(M,) px from places (M, 2) px to the convex hull of an outline (K, 2) px, 0 inside."""
    hull = cv2.convexHull(outline).reshape(-1, 2).astype(float)
    edge = np.roll(hull, -1, axis=0) - hull
    away = np.asarray(places)[:, None] - hull
    side = edge[:, 0] * away[..., 1] - edge[:, 1] * away[..., 0]
    along = np.clip((away * edge).sum(2) / np.maximum((edge**2).sum(1), 1e-12), 0, 1)
    distance = np.linalg.norm(away - along[..., None] * edge, axis=2).min(1)
    return np.where((side >= 0).all(1) | (side <= 0).all(1), 0.0, distance)
