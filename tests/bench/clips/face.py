# SPDX-License-Identifier: GPL-3.0-or-later
"""A face before it moves: a picture, the surface that it shows, and where the landmarks are.

The surface is one smooth sheet: every pixel is a point of it, the background too. So a moved surface gives a moved
picture by looking up where each pixel came from, and nothing is torn or resampled twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .landmarks import CHEEKS, OPENINGS, OVAL
from .lattice import Lattice

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Face:
    """Camera space: x right, y down, z forward, metres."""

    picture: Floats  #: (3, H, W) grey levels, red green blue
    depth: Floats  #: (h, w) m, at the nodes
    landmarks: Floats  #: (478, 2) px
    camera: Floats  #: K (3, 3)

    @cached_property
    def lattice(self) -> Lattice:
        return Lattice(self.picture.shape[2], self.picture.shape[1])

    @cached_property
    def width_px(self) -> float:
        """From cheek to cheek."""
        return float(np.linalg.norm(np.subtract(*self.landmarks[list(CHEEKS)])))

    @cached_property
    def surface(self) -> Floats:
        """(3, h, w) m: the point seen at every node."""
        rays = (self.lattice.nodes - self.camera[:2, 2, None, None]) / self.camera[0, 0]
        return np.stack([*(rays * self.depth), self.depth])

    @cached_property
    def centre(self) -> Floats:
        """(3,) m: what the head turns about, some centimetres behind the face."""
        return self.surface[:, self.oval].mean(1) + np.array([0, 0, 0.05])

    @cached_property
    def oval(self) -> Mask:
        """(h, w) inside the outline of the face."""
        return self.inside([OVAL])

    @cached_property
    def skin(self) -> Mask:
        """(h, w) the face without eyes and mouth."""
        return self.oval & ~self.inside(OPENINGS)

    @cached_property
    def follows(self) -> Floats:
        """(h, w) how far each node follows the head: 1 on and around the face, 0 at the border, smooth between."""
        nodes, unit = self.lattice.nodes, self.width_px
        away = cv2.distanceTransform(1 - self.oval.astype(np.uint8), cv2.DIST_L2, 5) * self.lattice.step / unit
        size = np.array([self.picture.shape[2], self.picture.shape[1]])[:, None, None]
        border = np.minimum(nodes, size - 1 - nodes).min(0) / unit
        share = np.clip((border - 0.02) / np.maximum(border - 0.02 + away - 0.08, 1e-9), 0, 1)
        return gaussian_filter(np.where(away < 0.08, 1.0, share), 0.03 * unit / self.lattice.step)

    def inside(self, outlines: Sequence[Sequence[int]]) -> Mask:
        """(h, w) nodes within polygons of landmarks."""
        mask = np.zeros(self.depth.shape, np.uint8)
        for outline in outlines:
            corners = self.landmarks[list(outline)] / self.lattice.step
            cv2.fillPoly(mask, [np.round(corners * 256).astype(np.int32)], 1, shift=8)
        return mask > 0

    def project(self, points: Floats) -> Floats:
        """(3, ...) camera space -> (2, ...) px."""
        centre = self.camera[:2, 2].reshape(2, *[1] * (points.ndim - 1))
        return points[:2] / points[2] * self.camera[0, 0] + centre
