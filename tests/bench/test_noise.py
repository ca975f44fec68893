# SPDX-License-Identifier: GPL-3.0-or-later
"""The smallest visible motion a take names, and its reason, on still clips with one defect each, against their true geometry."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend import pipeline
from microface.backend.motion.footage import DenseMotion
from microface.backend.neutral import Neutral
from microface.backend.noise import REGIONS, Visibility, visibility
from microface.backend.types import Clip, Settings, Take
from microface.models import assets
from microface.models.head.raster import project
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from .clips.clip import make
from .clips.plan import Plan

#: Lossless, the noise of a usual sensor, a large face, 100 frames a second.
GOOD = Plan(
    "good", "noise", "still", 0.0, "head_a", 40_000, amp_px=0.0, fps=100.0, noise=1.5, crf=0, drift_px=1.0, turn_deg=0.2
)
DEFECTS: dict[str, dict[str, Any]] = {
    "noise": {"noise": 6.0},
    "compression": {"crf": 26, "seconds": 1.44},  # a codec keeps its errors for half a second: few in a short clip
    "size": {"face_px": 90.0},
    "rate": {"fps": 25.0, "seconds": 1.2},
}
WITHIN = 1.5
NEAR = 8.0  #: px at a face of 240 px, from a landmark of a region to the true points that stand for it


def measured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Take, Neutral, DenseMotion]:
    """The take of a clip, and what its visibility was said of."""
    kept: list[Any] = []

    def watched(clip: Clip, neutral: Neutral, motions: Sequence[DenseMotion], rest: NDArray[np.int64]) -> Visibility:
        kept.extend((neutral, motions[0]))
        return visibility(clip, neutral, motions, rest)

    monkeypatch.setattr(pipeline, "visibility", watched)
    return (pipeline.reconstruct(folder / "clip.mp4", Settings(), lambda stage, share: None), *kept)


def false_motion(folder: Path, neutral: Neutral, motion: DenseMotion, fps: float) -> float:
    """Deviation (source px, of the middle region) of where the dense motion says skin is from where it truly is.

    Less what a rigid head could do, and within the 10 Hz of an expression, as half the power goes.
    """
    with np.load(folder / "truth.npz") as truth:
        vertices, camera = truth["vertices"].astype(float), truth["K"]
    true = neutral.window.to_work(np.stack([project(cloud, camera)[:, :2] for cloud in vertices]))
    calm = int(np.argmin(np.abs(motion.coarse.turn - np.eye(3)).sum((1, 2)) + np.abs(motion.coarse.shift).sum(1)))
    surface, sheet = neutral.surface, neutral.field.sheet
    views = motion.coarse.views(surface.under(true[calm]), surface.reference.camera, surface.sighted.mean(0))
    phi, c = sheet.design(true[calm]).astype(float), motion.rows(0, len(true))
    sheet_motion = np.stack([(phi @ half.T).T for half in (c[:, : sheet.size], c[:, sheet.size :])], -1)
    wrong = _less_rigid(views.apply(sheet_motion) - true, vertices[calm])
    wrong = gaussian_filter1d(
        wrong - wrong.mean(0), np.sqrt(np.log(2)) / (2 * np.pi * 10) * fps, axis=0, mode="nearest"
    )
    sizes = []
    for region in REGIONS.values():
        away = np.linalg.norm(true[calm][:, None] - neutral.landmarks[list(region)], axis=2).min(1)
        sizes.append(np.sqrt((wrong[:, away < NEAR * neutral.window.scale] ** 2).mean()))
    return float(np.median(sizes)) * neutral.window.factor


def _less_rigid(motion: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Motion (T, N, 2) px in the picture without what a turn or a shift of the head could do, points (N, 3) camera space."""
    at = points - points.mean(0)
    moves = np.stack(
        [*(np.cross(axis, at) for axis in np.eye(3)), *(np.broadcast_to(axis, at.shape) for axis in np.eye(3))]
    )
    flow = (moves[..., :2] - moves[..., 2:] * points[:, :2] / points[:, 2:]) / points[:, 2:]
    basis, _ = np.linalg.qr(flow.reshape(6, -1).T)
    flat = motion.reshape(len(motion), -1)
    return (flat - flat @ basis @ basis.T).reshape(motion.shape)


@pytest.mark.parametrize("reason", DEFECTS)
def test_one_defect_is_named_and_measured(reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("generic_head.npz", "face_detection.onnx", "face_mesh.onnx"):
        if not (assets.FOLDER / name).is_file():
            pytest.skip(f"{name} is not built")
    plan = replace(GOOD, name=reason, **DEFECTS[reason])
    folder = make(plan, tmp_path / reason, tmp_path)
    told, neutral, motion = measured(folder, monkeypatch)
    smallest, true = float(np.median(list(told.noise_px.values()))), 2 * false_motion(folder, neutral, motion, plan.fps)
    print(f"\n{reason}: told {told.noise_reason}, {smallest:.3f} px, measured {true:.3f} px; {told.noise_px}")
    assert told.noise_reason == reason
    assert true / WITHIN < smallest < true * WITHIN
