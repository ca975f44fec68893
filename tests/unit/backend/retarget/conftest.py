# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes of the generic head in which it does what a test says."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from microface.backend.types import Take
from microface.models.head.model import HeadModel


@pytest.fixture(scope="session")
def acting() -> Callable[..., Take]:
    """acting(head, expression (T, E), fps=100.0, **changes): a take of the mean adult, exactly known."""

    def make(head: HeadModel, expression: Any, fps: float = 100.0, **changes: Any) -> Take:
        frames, v = len(expression), len(head.template)
        e, j, s = len(head.expression_names), len(head.joint_names), len(head.identity)
        fields: dict[str, Any] = {
            "time_s": np.arange(frames) / fps, "valid": np.zeros(frames, np.uint8),
            "shape": np.zeros(s, np.float32), "shape_std": np.zeros(s, np.float32),
            "shape_offset": np.zeros((v, 3), np.float32), "expression_names": head.expression_names,
            "expression": np.asarray(expression, np.float32), "expression_std": np.zeros((frames, e), np.float32),
            "expression_factor": np.zeros((frames, e, 1), np.float32), "joint_names": head.joint_names,
            "pose": np.zeros((frames, j, 3), np.float32), "pose_std": np.zeros((frames, j, 3), np.float32),
            "translation": np.tile([0, 0, 0.6], (frames, 1)), "translation_std": np.zeros((frames, 3), np.float32),
            "detail_basis": np.zeros((0, v, 3), np.float32), "detail": np.zeros((frames, 0), np.float32),
            "detail_std": np.zeros((frames, 0), np.float32), "depth_std": np.zeros(frames, np.float32),
            "camera": np.array([[900.0, 0, 300.0], [0, 900.0, 260.0], [0, 0, 1]]), "size": (640, 480),
            "landmark_frames": np.zeros(0, np.int64), "landmarks": np.zeros((0, 478, 2), np.float32),
            "confidence": np.ones(frames, np.float32), "seen": np.ones((frames, e), np.float32),
            "patch": np.full(v, -1, np.int32), "covered": np.zeros((frames, 0), np.uint8), "noise_px": {},
            "noise_reason": "noise", "template_frames": np.zeros(0, np.int64), "events": (),
            "head": {"name": head.name, "sha256": head.sha256}, "source": {"path": "clip.mp4", "fps": fps},
            "settings": {},
        }  # fmt: skip
        return Take(**(fields | changes))

    return make
