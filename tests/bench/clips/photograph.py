# SPDX-License-Identifier: GPL-3.0-or-later
"""The face in a photograph, on a surface that is none of our head's: MediaPipe's canonical face laid on the landmarks."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter, map_coordinates

from .face import Face
from .landmarks import CHEEKS
from .lattice import Lattice
from .plan import Plan

Floats = NDArray[np.float64]
CANONICAL = Path(__file__).resolve().parents[3] / "models" / "data" / "face_mesh.json"


def photograph(picture: NDArray[np.uint8], landmarks: Floats, plan: Plan) -> Face:
    """A photograph (h, w, 3) as the first picture of a clip.

    Args:
        picture: RGB.
        landmarks: (478, 2) px in it.
        plan: says how large the face is to be.
    """
    scale = plan.face_px / np.linalg.norm(np.subtract(*landmarks[list(CHEEKS)]))
    centre = np.array([plan.width - 1, plan.height - 1]) / 2
    middle = (landmarks.min(0) + landmarks.max(0)) / 2
    here = (landmarks - middle) * scale + centre
    pixels = np.stack(np.meshgrid(np.arange(plan.width), np.arange(plan.height))).astype(float)
    place = (pixels - centre[:, None, None]) / scale + middle[:, None, None]
    if scale < 1:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 / scale)
    enlarged = [map_coordinates(c, place[::-1], order=3, mode="nearest") for c in np.moveaxis(picture, 2, 0) * 1.0]
    focal = plan.focal * plan.height
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    return Face(np.clip(np.stack(enlarged) * _pores(plan), 2, 253), _depth(here, camera, plan), here, camera)


def _pores(plan: Plan) -> Floats:
    """(H, W) what an enlarged photograph has lost: fine texture of 2 to 3 % of the brightness."""
    noise = np.random.default_rng([plan.seed, 4]).standard_normal((2, plan.height, plan.width))
    fine = [gaussian_filter(n, sigma * plan.face_px / 240) for n, sigma in zip(noise, (1.0, 2.2), strict=True)]
    return np.asarray(1 + 0.022 * sum(f / f.std() for f in fine))


def _depth(landmarks: Floats, camera: Floats, plan: Plan) -> Floats:
    """(h, w) m at the nodes."""
    canonical = np.array(json.loads(CANONICAL.read_text(encoding="utf-8"))["vertices"]) * [0.01, -0.01, -0.01]
    _, turn, shift = cv2.solvePnP(canonical, landmarks[: len(canonical)], camera, None)
    depth = canonical @ cv2.Rodrigues(turn)[0][2] + shift[2, 0]
    ring = _ring(landmarks, plan.face_px)
    places = np.r_[landmarks[: len(canonical)], ring]
    depths = np.r_[depth, np.full(len(ring), depth.max() + 0.04)]
    coarse = Lattice(plan.width, plan.height, 16)
    sheet = RBFInterpolator(places, depths, smoothing=3.0)(coarse.nodes.reshape(2, -1).T)
    return coarse.at(sheet.reshape(1, *coarse.nodes.shape[1:]), Lattice(plan.width, plan.height).nodes)[0]


def _ring(landmarks: Floats, unit: float) -> Floats:
    """Places in the background, around the head."""
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    return np.concatenate([landmarks.mean(0) + unit * r * circle for r in (1.0, 1.4)])
