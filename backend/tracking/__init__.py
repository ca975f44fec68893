# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces in footage: MediaPipe's nets under ONNX Runtime, without MediaPipe."""

from .detector import Face
from .face_tracker import FaceTracker
from .roi import Roi, face_width, roi_of
from .track import track

__all__ = ["Face", "FaceTracker", "Roi", "face_width", "roi_of", "track"]
