# SPDX-License-Identifier: GPL-3.0-or-later
"""A take of what another program found: nothing was measured here, so every deviation is NaN, which means unknown."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ..assembly import DETAIL_MODES
from ..heads import record
from ..result import software
from ..types import FLIP, MEASURED, NO_FACE, Floats, Take

SIZE = (1280, 720)  #: px of the camera a file without one is shown through
FOCAL_PX = 1280.0
SMALLEST_MODE = 1e-6  #: of the largest; below is float32's rounding
DISTANCE_M = 0.6  #: of the face from it


@dataclass(frozen=True)
class Motion:
    """What a file says; NaN rows show no face."""

    time_s: NDArray[np.float64]  #: (T,) increasing
    expression: NDArray[np.float64]  #: (T, E) in the order of the head's units
    pose: NDArray[np.float64]  #: (T, J, 3) axis-angle
    translation: NDArray[np.float64] | None = None  #: (T, 3) camera space m; None: the face before the camera
    shape: NDArray[np.float64] | None = None  #: (S,); None: the mean face
    shape_offset: NDArray[np.float64] | None = None  #: (V, 3) m
    detail: NDArray[np.float64] | None = None  #: (T, V, 3) m, added to every frame at rest


def take_of(motion: Motion, head: HeadModel, path: Path, fps: float, settings: dict[str, Any]) -> Take:
    """Make the take. `path` is the file it came from."""
    frames, units, joints = len(motion.time_s), len(head.expression_names), len(head.joint_names)
    translation = facing(head, frames) if motion.translation is None else motion.translation
    known = [np.isfinite(part).reshape(frames, -1).all(1) for part in (motion.expression, motion.pose, translation)]
    seen = np.logical_and.reduce(known)
    basis, strength = modes(motion.detail, seen, head)
    return Take(
        time_s=motion.time_s, valid=np.where(seen, MEASURED, NO_FACE).astype(np.uint8),
        shape=_f32(np.zeros(len(head.identity)) if motion.shape is None else motion.shape),
        shape_std=_f32(np.full(len(head.identity), np.nan)),
        shape_offset=_f32(np.zeros_like(head.template) if motion.shape_offset is None else motion.shape_offset),
        expression_names=head.expression_names, expression=_f32(_where(seen, motion.expression)),
        expression_std=_f32(np.full((frames, units), np.nan)), expression_factor=np.zeros((frames, units, 0), np.float32),
        joint_names=head.joint_names, pose=_f32(_where(seen, motion.pose)),
        pose_std=_f32(np.full((frames, joints, 3), np.nan)),
        translation=_where(seen, translation), translation_std=_f32(np.full((frames, 3), np.nan)),
        detail_basis=_f32(basis), detail=_f32(_where(seen, strength)), detail_std=_f32(np.full(strength.shape, np.nan)),
        depth_std=_f32(np.full(frames, np.nan)),
        camera=np.array([[FOCAL_PX, 0, (SIZE[0] - 1) / 2], [0, FOCAL_PX, (SIZE[1] - 1) / 2], [0, 0, 1]]), size=SIZE,
        landmark_frames=np.zeros(0, np.int64), landmarks=np.zeros((0, 478, 2), np.float32),
        confidence=_f32(seen.astype(float)), seen=np.ones((frames, units), np.float32),
        patch=np.full(len(head.template), -1, np.int32), covered=np.zeros((frames, 0), np.uint8),
        noise_px={}, noise_reason="", template_frames=np.zeros(0, np.int64), events=(),
        head=record(head),
        source={"path": str(path.resolve()), "sha256": _sha256(path), "fps": fps, "first_frame": 0},
        settings=settings, software=software(),
    )  # fmt: skip


def facing(head: HeadModel, frames: int) -> NDArray[np.float64]:
    """Translations (T, 3) that put the face on the camera's axis, DISTANCE_M away."""
    face = head.template[head.face_mask] if head.face_mask.any() else head.template
    return np.tile(np.array([0, 0, DISTANCE_M]) - face.mean(0) @ FLIP, (frames, 1))


def modes(
    detail: NDArray[np.float64] | None, seen: NDArray[np.bool_], head: HeadModel
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Principal motions (D, V, 3) of a detail (T, V, 3) and their strengths (T, D), the largest of each 1."""
    if detail is None or not np.nan_to_num(detail[seen]).any():
        return np.zeros((0, *head.template.shape)), np.zeros((len(seen), 0))
    flat = np.where(seen[:, None], detail.reshape(len(seen), -1), 0)
    left, size, right = np.linalg.svd(flat, full_matrices=False)
    keep = min(DETAIL_MODES, int((size > SMALLEST_MODE * size[0]).sum()))
    strength = left[:, :keep] * size[:keep]
    peak = np.abs(strength).max(0)
    return (right[:keep] * peak[:, None]).reshape(-1, *head.template.shape), strength / peak


def mean_rate(time_s: Floats) -> float:
    """Frames a second of times (T,); 25 for a single frame, as `types.Clip` has it."""
    return float((len(time_s) - 1) / (time_s[-1] - time_s[0])) if len(time_s) > 1 else 25.0


def _where(seen: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values (T, ...) with NaN in every frame not seen."""
    return np.where(seen.reshape(-1, *(1,) * (values.ndim - 1)), values, np.nan)


def _f32(values: Floats) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)


def _sha256(path: Path) -> str:
    """Of the file, or of the files of a folder in the order of their names."""
    total = hashlib.sha256()
    for part in sorted(path.glob("*.npz")) if path.is_dir() else [path]:
        total.update(part.read_bytes())
    return total.hexdigest()
