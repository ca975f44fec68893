# SPDX-License-Identifier: GPL-3.0-or-later
"""What a stage of the reconstruction cannot do without, alone and on one core, in ms of CPU time a frame.

Decoding once; the mesh net on a crop that is there already; the normal equations of each frame's pose and expression and their
solution; the frames that may show rest and those whose noise is told, decoded, filtered and read once; one spline filter and one
reading of the template's pixels in a frame; the factorisations of a block's expectation steps. Everything else in a stage is above
its floor.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from microface.backend.face_points import landmark_points
from microface.backend.frame_fit import CHANGE_STEPS, POSE_STEPS
from microface.backend.heads import load_head
from microface.backend.motion.field import sample
from microface.backend.motion.window import highpass_spline
from microface.backend.noise import PICTURES
from microface.backend.rest import CANDIDATES
from microface.backend.solve.block import PASSES, STEPS
from microface.backend.solve.temporal import LEVELS
from microface.backend.template import PIXELS
from microface.backend.tracking import FaceTracker
from microface.backend.video import frames, open_clip
from scipy.linalg import cho_factor
from scipy.linalg.lapack import dpotri

UNKNOWNS = 430  #: pose and expression columns of a 240 px face
REPEATS = 20


def cpu_ms(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """The least CPU time of one run, all threads."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def jacobian(rows: int, columns: int) -> np.ndarray:
    """Some full matrix (rows, columns)."""
    return np.random.default_rng(0).normal(size=(rows, columns))


def floors(path: Path, count: int) -> dict[str, float]:
    """ms a frame of each stage but reading, for a clip of `count` frames; "decoding" on its own.

    Args:
        path: a clip of 640 x 480 px whose face is 240 px wide.
    """
    clip = open_clip(path)
    first = next(iter(frames(clip)))
    decoding = cpu_ms(lambda: [0 for _ in frames(clip)], 3) / count
    tracker = FaceTracker(threads=1)
    roi = tracker.detect(first.rgb)[0].roi
    net = cpu_ms(lambda: tracker.landmarks(first.rgb, roi))
    picture = np.ascontiguousarray(first.luma[60:420, 160:480])
    points = np.random.default_rng(0).uniform(40, 280, (PIXELS, 2))
    reading = cpu_ms(lambda: sample(highpass_spline(picture, 1.0), points))
    square = np.eye(UNKNOWNS) + 0.1 / UNKNOWNS
    factor = cpu_ms(lambda: dpotri(cho_factor(square, lower=True)[0], lower=1))
    face = landmark_points(load_head("generic"))
    own = jacobian(2 * len(face.index), 6 + len(face.expression))
    normal = cpu_ms(lambda: np.linalg.solve(own.T @ own, own[0]))
    return {
        "decoding": decoding,
        "tracking": decoding + net,
        "head": (POSE_STEPS + CHANGE_STEPS) * normal,
        "neutral": decoding + CANDIDATES * reading / count,
        "motion": decoding + reading,
        "solving": PASSES * STEPS * LEVELS * factor / count,
        "events": PICTURES * (decoding + reading) / count,
    }
