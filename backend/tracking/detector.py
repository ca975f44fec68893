# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces in small pictures: BlazeFace's boxes, merged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...models.assets import asset_path
from ...models.runtime import session
from ..types import Floats
from .roi import Roi, around

PIXELS = 128  # side of the network's picture
_MIN_SCORE = 0.5
_SAME_FACE = 0.3  # intersection over union


@dataclass(frozen=True)
class Face:
    """A face found in an image."""

    box: NDArray[np.float64]  #: (4,) x0, y0, x1, y1 px: eyebrows to chin
    score: float  #: 0..1
    roi: Roi  #: where the mesh should look

    @property
    def width(self) -> float:
        """Width of the box in px."""
        return float(self.box[2] - self.box[0])


class FaceDetector:
    """MediaPipe's short-range detector. It sees faces wider than about a tenth of its picture."""

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        self._session = session(asset_path("face_detection.onnx"), device, threads)

    def detect(self, squares: NDArray[np.uint8], to_image: Floats) -> list[Face]:
        """Find the faces in square pictures cut from one image.

        Args:
            squares: (B, 128, 128, 3) rgb.
            to_image: (B, 3) side of each square and x, y of its top left corner, image px.

        Returns:
            Faces in image px, the same face once, surest first.
        """
        boxes, scores = self._session.run(squares, "boxes", "scores")
        square, anchor = np.nonzero(scores >= _MIN_SCORE)
        side, corner = to_image[square, :1], to_image[square, 1:]
        points = boxes[square, anchor].reshape(-1, 8, 2).astype(np.float64)
        points *= side[:, None]
        points[:, [0, 2, 3, 4, 5, 6, 7]] += corner[:, None]  # 0 is the centre, 1 the size, the rest are keypoints
        return _merged(points, scores[square, anchor].astype(np.float64))


def _merged(points: NDArray[np.float64], scores: NDArray[np.float64]) -> list[Face]:
    """Merge boxes that overlap the surest one into their mean weighted by score, as MediaPipe does.

    Args:
        points: (K, 8, 2) centre, size and six keypoints, px.
        scores: (K,).
    """
    faces = []
    boxes = np.concatenate([points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2], axis=1)
    left = np.argsort(-scores, kind="stable")
    while len(left):
        same = _overlap(boxes[left], boxes[left[0]]) > _SAME_FACE
        same[0] = True
        group, left = left[same], left[~same]
        weights = scores[group] / scores[group].sum()
        box = weights @ boxes[group]
        right_eye, left_eye = np.tensordot(weights, points[group, 2:4], 1)
        dx, dy = left_eye - right_eye
        faces.append(Face(box, float(scores[group[0]]), around(box, math.atan2(dy, dx))))
    return faces


def _overlap(boxes: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) intersection over union of boxes (K, 4) with box (4,)."""
    inner = np.clip(np.minimum(boxes[:, 2:], box[2:]) - np.maximum(boxes[:, :2], box[:2]), 0, None).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    union = area + (box[2:] - box[:2]).prod() - inner
    return np.asarray(inner / np.maximum(union, 1e-9))
