# SPDX-License-Identifier: GPL-3.0-or-later
"""A portrait that is everywhere (scikit-image's astronaut; NASA, public domain) and scenes made of it."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from microface.backend.tracking import FaceTracker, face_width
from microface.backend.types import Frame
from microface.backend.video.pictures import StillPicture

HEAD = slice(20, 230), slice(120, 330)  # rows and columns of the portrait
Scene = Callable[..., tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="session")
def tracker() -> FaceTracker:
    return FaceTracker("cpu", threads=1)


@pytest.fixture(scope="session")
def portrait() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def truth() -> np.ndarray:
    """(478, 3) MediaPipe's own landmarks of the portrait, px."""
    path = Path(__file__).with_name("astronaut_landmarks.json")
    return np.array(json.loads(path.read_text(encoding="utf-8"))["landmarks"])


@pytest.fixture(scope="session")
def scene(portrait: np.ndarray, truth: np.ndarray) -> Scene:
    """scene(face_px, width, height, centre=(x, y) as fractions, onto=None) -> image, true landmarks (478, 2)."""

    def make(face_px, width, height, centre=(0.6, 0.4), onto=None):
        scale = face_px / face_width(truth)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        head = cv2.resize(portrait[HEAD], None, fx=scale, fy=scale, interpolation=method)
        size = head.shape[0]
        image = _background(width, height) if onto is None else onto.copy()
        x, y = int(width * centre[0]) - size // 2, int(height * centre[1]) - size // 2
        image[y : y + size, x : x + size] = head
        exact = size / portrait[HEAD].shape[0]
        return image, (truth[:, :2] - (HEAD[1].start, HEAD[0].start) + 0.5) * exact - 0.5 + (x, y)

    return make


@pytest.fixture(scope="session")
def as_frames() -> Callable[[list[np.ndarray]], list[Frame]]:
    def make(images, fps=30.0):
        return [Frame(i, i / fps, StillPicture(image[..., ::-1])) for i, image in enumerate(images)]

    return make


def _background(width: int, height: int) -> np.ndarray:
    blocks = np.random.default_rng(0).integers(60, 140, (9, 16, 3), dtype=np.uint8)
    return cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST)
