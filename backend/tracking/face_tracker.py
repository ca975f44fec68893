# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces and their landmarks in single images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import roi as roi_module
from . import tiles
from .detector import Face, FaceDetector
from .mesh import FaceMesh
from .roi import Roi

MIN_PRESENCE = 0.5
# Small squares are many, and among many things some look like faces: letters and wheels reach a score of 0.84 with a
# presence of 0.6, or 0.75 with 0.99. Real faces from 45 px have 0.87 and 0.999 in the square of their size.
_SURE_SCORE = 0.78
_SURE_PRESENCE = 0.99
_BATCH = 16  # squares in one run of the detector


class FaceTracker:
    """The detector and the mesh.

    Args:
        device: `auto` or a device of `models/runtime.py`.
        threads: CPU threads.
    """

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        self._detector = FaceDetector(device, threads)
        self._mesh = FaceMesh(device, threads)
        self.device = self._mesh.device
        self.fallback = self._mesh.fallback

    def landmarks(self, rgb: NDArray[np.uint8], roi: Roi, jitter: int = 1) -> tuple[NDArray[np.float32], float]:
        """Find the 478 landmarks of the face in `roi`: see `FaceMesh.landmarks`."""
        return self._mesh.landmarks(rgb, roi, jitter)

    @staticmethod
    def roi_of(landmarks: NDArray[np.float32]) -> Roi:
        """Return the square in which to look for the same face again."""
        return roi_module.roi_of(landmarks)

    def detect(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """Find the faces of an image (H, W, 3), largest first; small ones are sought when there is no large one."""
        return next((faces for faces in self.search(rgb) if faces), [])

    def search(self, rgb: NDArray[np.uint8]) -> Iterator[list[Face]]:
        """Yield the faces found so far, largest first: in the whole image, then with each finer scale."""
        faces = self.detect_whole(rgb)
        yield faces
        for side in tiles.levels(rgb.shape[1], rgb.shape[0])[1:]:
            faces = self.detect_more(rgb, side, faces)
            yield faces

    def detect_whole(self, rgb: NDArray[np.uint8]) -> list[Face]:
        """Find the faces that are large in the image, as MediaPipe does."""
        return self._confirmed(rgb, tiles.whole(rgb), 0.0, MIN_PRESENCE)

    def detect_tiles(self, rgb: NDArray[np.uint8], side: float) -> list[Face]:
        """Find the faces that are large in squares of `side` px."""
        return self._confirmed(rgb, tiles.tiles(rgb, side), _SURE_SCORE, _SURE_PRESENCE)

    def detect_more(self, rgb: NDArray[np.uint8], side: float, known: list[Face]) -> list[Face]:
        """Return the faces `known` and those that are large in squares of `side` px, largest first."""
        return _largest_first(known, self.detect_tiles(rgb, side))

    def detect_near(self, rgb: NDArray[np.uint8], roi: Roi) -> list[Face]:
        """Find the faces around the place where one was last seen."""
        return self._confirmed(rgb, tiles.window(rgb, roi.x, roi.y, 2 * roi.size), _SURE_SCORE, _SURE_PRESENCE)

    def _confirmed(self, rgb: NDArray[np.uint8], squares: tiles.Squares, score: float, presence: float) -> list[Face]:
        """Return the faces that the detector and the mesh are this sure of, each once, largest first."""
        found: list[Face] = []
        for start in range(0, len(squares.pictures), _BATCH):
            batch = slice(start, start + _BATCH)
            found += self._detector.detect(squares.pictures[batch], squares.to_image[batch])
        faces = _distinct(sorted((face for face in found if face.score >= score), key=lambda face: -face.score))
        return _largest_first([face for face in faces if self.landmarks(rgb, face.roi)[1] >= presence])


def _largest_first(*groups: list[Face]) -> list[Face]:
    return sorted(_distinct([face for group in groups for face in group]), key=lambda face: -face.width)


def _distinct(faces: list[Face]) -> list[Face]:
    """Drop every face whose centre lies on an earlier one: half faces at the border of a square."""
    kept: list[Face] = []
    for face in faces:
        if not any(other.roi.contains(face.roi.x, face.roi.y) for other in kept):
            kept.append(face)
    return kept
