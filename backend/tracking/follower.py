# SPDX-License-Identifier: GPL-3.0-or-later
"""One person's face from frame to frame."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import tiles
from .choice import Choice
from .detector import Face
from .face_tracker import MIN_PRESENCE, FaceTracker
from .roi import Roi, roi_of

# The square stays where it is while the face stays inside these limits: a square that trembles with the landmarks makes
# them tremble more.
_MAX_SHIFT = 0.05  # of its side
_MAX_SCALE = 1.08
_MAX_TURN = 0.1  # rad
_SAME_SIZE = 2.0  # a face does not double between tracked frames: the net has lost it


class Follower:
    """Follows the chosen face, and finds it again when it was lost.

    Args:
        tracker: finds faces and landmarks.
        choice: whom to follow in each shot.
    """

    def __init__(self, tracker: FaceTracker, choice: Choice) -> None:
        self._tracker = tracker
        self._choice = choice
        self.faces_seen = 0  #: most faces at once, whether or not the chosen one was among them
        self.begin_shot()

    def begin_shot(self) -> None:
        """Forget the face: the next frame shows something else."""
        self._roi: Roi | None = None  # where the face was in the last frame
        self._last: Roi | None = None  # where it was when last seen
        self._alone = True  # no other face was there when it was chosen
        self._searches = 0

    def step(self, rgb: NDArray[np.uint8]) -> tuple[NDArray[np.float32] | None, float]:
        """Return the landmarks (478, 3) px of the chosen face in the next frame, or None, and the confidence 0..1."""
        found = None
        if self._roi is not None:
            found = self._settle(rgb, self._roi)
        if found is None:
            face = self._find(rgb)
            found = self._settle(rgb, face.roi) if face is not None else None
        if found is None:
            self._roi = None
            return None, 0.0
        return found

    def _settle(self, rgb: NDArray[np.uint8], roi: Roi) -> tuple[NDArray[np.float32], float] | None:
        """Find landmarks from a square near the face, moving the square once if the face sits badly in it."""
        landmarks, presence = self._tracker.landmarks(rgb, roi)
        own = roi_of(landmarks)
        if presence >= MIN_PRESENCE and not _near(roi, own):
            if not 1 / _SAME_SIZE < own.size / roi.size < _SAME_SIZE:
                return None
            roi = own
            landmarks, presence = self._tracker.landmarks(rgb, roi)
        if presence < MIN_PRESENCE:
            return None
        self._roi = self._last = roi
        return landmarks, presence

    def _find(self, rgb: NDArray[np.uint8]) -> Face | None:
        """Look for the face: everywhere in the first frame of a shot, then cheaply."""
        self._searches += 1
        if self._last is not None:
            return self._find_again(rgb, self._last)
        for faces in self._tracker.search(rgb) if self._searches == 1 else self._quick_search(rgb):
            self.faces_seen = max(self.faces_seen, len(faces))
            face = self._choice.pick(faces)
            if face is not None:
                self._alone = len(faces) == 1
                return face
        return None

    def _quick_search(self, rgb: NDArray[np.uint8]) -> Iterator[list[Face]]:
        """Yield the faces in the whole image, then those at one finer scale, another one in each frame."""
        faces = self._tracker.detect_whole(rgb)
        yield faces
        finer = tiles.levels(rgb.shape[1], rgb.shape[0])[1:]
        if finer:
            yield self._tracker.detect_more(rgb, finer[self._searches % len(finer)], faces)

    def _find_again(self, rgb: NDArray[np.uint8], last: Roi) -> Face | None:
        """Look where the face was, then everywhere for a face of its size.

        If others were there when it was chosen, only a face at its place can be it.
        """
        near = [face for face in self._tracker.detect_near(rgb, last) if _distance(face.roi, last) < last.size]
        if near or not self._alone:
            return min(near, key=lambda face: _distance(face.roi, last), default=None)
        side = tiles.level_for(last.face_width, rgb.shape[1], rgb.shape[0])
        faces = self._tracker.detect_whole(rgb) or self._tracker.detect_tiles(rgb, side)
        if not faces:
            *_, faces = self._quick_search(rgb)
        return faces[0] if faces else None


def _near(roi: Roi, other: Roi) -> bool:
    turn = abs(math.remainder(roi.angle - other.angle, math.tau))
    scale = max(roi.size / other.size, other.size / roi.size)
    return _distance(roi, other) < _MAX_SHIFT * roi.size and scale < _MAX_SCALE and turn < _MAX_TURN


def _distance(roi: Roi, other: Roi) -> float:
    return math.hypot(roi.x - other.x, roi.y - other.y)
