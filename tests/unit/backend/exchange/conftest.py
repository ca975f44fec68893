# SPDX-License-Identifier: GPL-3.0-or-later
"""A small head with the 52 named units and a FLAME-like one, and a take on either."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.exchange.imported import Motion, take_of
from microface.backend.types import Take
from microface.models.head.model import JOINT_NAMES, HeadModel
from microface.models.head.units import JOINT_OWNED, UNIT_NAMES

VERTICES = 30


def small_head(units: tuple[str, ...], name: str, landmarks: tuple[int, ...] = (78, 13, 50)) -> HeadModel:
    """Vertices anywhere, the last landmark on the last triangle; the jaw moves every third vertex."""
    rng = np.random.default_rng(7)
    faces = np.arange(VERTICES, dtype=np.int32).reshape(-1, 3)
    weights = np.zeros((VERTICES, 5))
    weights[:, 0] = 1
    weights[::3] = [0, 0, 1, 0, 0]
    marks = len(landmarks)
    return HeadModel(
        name=name, licence="CC0-1.0", sha256="ab", template=0.1 * rng.standard_normal((VERTICES, 3)), faces=faces,
        polygons=np.c_[faces, np.full(len(faces), -1, np.int32)], uv=np.zeros((len(faces), 4, 2), np.float32),
        part=np.zeros(len(faces), np.int8), part_names=("skin",),
        identity=0.01 * rng.standard_normal((4, VERTICES, 3)),
        expression=0.01 * rng.standard_normal((len(units), VERTICES, 3)), expression_names=units,
        joint_template=np.zeros((5, 3)), joint_identity=np.zeros((4, 5, 3)), weights=weights,
        pose_correctives=np.zeros((0, VERTICES, 3)), face_mask=np.ones(VERTICES, bool),
        landmark_index=np.array(landmarks, np.int32), landmark_triangle=np.arange(marks, dtype=np.int32),
        landmark_weight=np.full((marks, 3), 1 / 3),
    )  # fmt: skip


@pytest.fixture(scope="session")
def named_head() -> HeadModel:
    return small_head(UNIT_NAMES, "small")


@pytest.fixture(scope="session")
def flame_head() -> HeadModel:
    """Six coefficients before two lids, as a head with FLAME's own keys and named units has them."""
    names = (*(f"expression_{number:03}" for number in range(6)), "eyeBlinkLeft", "eyeBlinkRight")
    return small_head(names, "flame")


@pytest.fixture
def make_take(tmp_path: Path) -> Callable[..., Take]:
    """make_take(head, **changes): 40 frames of lively numbers, one without a face, at times of no constant rate."""

    def make(head: HeadModel, frames: int = 40, **changes: Any) -> Take:
        rng = np.random.default_rng(3)
        expression = 0.4 * rng.standard_normal((frames, len(head.expression_names)))
        expression[:, [name in JOINT_OWNED for name in head.expression_names]] = 0
        pose = 0.3 * rng.standard_normal((frames, 5, 3))
        pose[:, JOINT_NAMES.index("neck")] = 0
        pose[:, JOINT_NAMES.index("jaw"), 2] = 0
        expression[5], pose[5] = np.nan, np.nan
        time_s = np.cumsum(rng.choice([0.03, 0.04, 0.045], frames)) - 0.03
        source = tmp_path / "source"
        source.touch()
        motion = Motion(time_s, expression, pose, rng.standard_normal((frames, 3)) * 0.05 + [0, 0, 0.6])
        return replace(take_of(motion, head, source, 25.0, {}), **changes)

    return make
