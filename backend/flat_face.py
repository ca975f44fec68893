# SPDX-License-Identifier: GPL-3.0-or-later
"""A face laid flat by its landmarks: the same skin in the same place in every frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import Delaunay

from ..models.head.model import HeadModel
from .motion.window import Window
from .types import Floats

Array = NDArray[np.float64]
Pictures = NDArray[np.float32]

SIDE = 32  #: px of the flat face, across and along
EDGE_ON = 0.4  #: of the usual area in the picture: what a turn shows edge-on is not judged
NOSE_BASE = (2, 97, 98, 326, 327)  #: landmarks


class FlatFace:
    """The face seen from the front, SIDE x SIDE px, over the triangles between its landmarks."""

    def __init__(self, head: HeadModel) -> None:
        known = head.landmark_index < 468
        self.index = head.landmark_index[known]
        corner = head.landmark_points(head.template)[known, :2] * [1, -1]
        corner = (corner - corner.min(0)) / np.ptp(corner, axis=0) * SIDE - 0.5
        mesh, pixel = Delaunay(corner), np.indices((SIDE, SIDE))[::-1].reshape(2, -1).T.astype(float)
        triangle = mesh.find_simplex(pixel)
        affine = mesh.transform[triangle]
        weight = np.einsum("nij,nj->ni", affine[:, :2], pixel - affine[:, 2])
        weight = np.c_[weight, 1 - weight.sum(1)]
        row = np.repeat(np.arange(SIDE**2), 3)
        self._carry = csr_matrix((weight.ravel(), (row, mesh.simplices[triangle].ravel())), (SIDE**2, len(corner)))
        self.below_nose = np.indices((SIDE, SIDE))[0] > corner[np.isin(self.index, NOSE_BASE), 1].mean()
        self.inside = np.asarray(cv2.erode((triangle >= 0).reshape(SIDE, SIDE).astype(np.uint8), np.ones((3, 3))) > 0)

    def of(self, picture: Pictures, landmarks: Floats) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """A picture (H, W) laid flat by its landmarks (478, 2) px, and where it shows the face not edge-on."""
        at = np.asarray(landmarks, float)[self.index]
        place = (self._carry @ at).reshape(SIDE, SIDE, 2)
        blur = max(0.7 * float(np.ptp(at[:, 0])) / SIDE, 0.3)
        window = _blur_window(at, blur, picture)
        smooth = cv2.GaussianBlur(window.cut(picture), (0, 0), blur / window.factor)
        place = np.asarray(window.to_work(place), np.float32)
        flat = cv2.remap(smooth, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        down, across = (cv2.Sobel(place, cv2.CV_32F, a, 1 - a) for a in (0, 1))
        area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
        return np.clip(np.round(flat), 0, 255).astype(np.uint8), area > EDGE_ON * np.median(area[self.inside])


def _blur_window(at: Array, blur: float, picture: Pictures) -> Window:
    """The part of a picture (H, W) that shows points (L, 2) px, averaged down as far as a blur of so many px hides it."""
    factor = max(1, int(blur / 2))
    low = np.clip(np.floor(at.min(0) - 2 * blur).astype(int), 0, None)
    size = np.ceil(at.max(0) + 2 * blur).astype(int) - low
    width, height = np.clip(size, factor, np.maximum(picture.shape[::-1] - low, factor)) // factor * factor
    return Window(int(low[0]), int(low[1]), int(width), int(height), factor, 1.0)
