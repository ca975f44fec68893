# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks against MediaPipe 0.10.21 itself, and what jitter is good for."""

import os
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from microface.backend.tracking import Roi
from scipy.ndimage import map_coordinates, spline_filter

PARITY_PX = 0.02
PHOTOS = ("nasa_astronaut_eileen_collins.png", "pyfeat_single_face.jpg", "grid_bbaf2n_frame3.png")


def test_the_portrait_has_mediapipes_landmarks(tracker, portrait, truth):
    landmarks, presence = tracker.landmarks(portrait, tracker.detect(portrait)[0].roi)
    assert landmarks.shape == (478, 3)
    assert landmarks.dtype == np.float32
    assert np.linalg.norm(landmarks[:, :2] - truth[:, :2], axis=1).max() <= PARITY_PX
    assert np.abs(landmarks[:, 2] - truth[:, 2]).max() <= PARITY_PX
    assert presence > 0.99


@pytest.mark.long
@pytest.mark.parametrize("photo", PHOTOS)
def test_photographs_have_mediapipes_landmarks(tracker, shared, tmp_path, photo):
    python = os.environ.get("MICROFACE_MEDIAPIPE_PYTHON")
    if not python:
        pytest.skip("MICROFACE_MEDIAPIPE_PYTHON names no Python with mediapipe 0.10.21 (see mediapipe_reference.py)")
    rgb = cv2.imread(str(shared / "data" / "photo" / photo))[..., ::-1].copy()
    np.savez(tmp_path / "pictures.npz", photo=rgb)
    script = Path(__file__).with_name("mediapipe_reference.py")
    out = tmp_path / "landmarks.npz"
    subprocess.run([python, str(script), str(tmp_path / "pictures.npz"), str(out)], check=True, capture_output=True)
    with np.load(out) as reference:
        expected = reference["photo"]
    landmarks, _ = tracker.landmarks(rgb, tracker.detect(rgb)[0].roi)
    error = np.linalg.norm(landmarks[:, :2] - expected[:, :2], axis=1)
    print(f"{photo}: max {error.max():.4f} mean {error.mean():.4f} px")
    assert error.max() <= PARITY_PX


def test_subjects_left_is_left(tracker, portrait):
    """The left eye's outer corner (263) is right of the right eye's (33) in the picture; the nose is nearest."""
    landmarks, _ = tracker.landmarks(portrait, tracker.detect(portrait)[0].roi)
    assert landmarks[263, 0] > landmarks[33, 0] + 40
    assert landmarks[1, 2] < landmarks[33, 2] < landmarks[234, 2]  # nose before eye before ear


def test_presence_is_low_without_a_face(tracker, portrait):
    roi = tracker.detect(portrait)[0].roi
    assert tracker.landmarks(np.full_like(portrait, 90), roi)[1] < 0.01


def test_a_turned_portrait_turns_its_landmarks(tracker, portrait):
    """A quarter turn of the pixels is exact, so the crop shows the same pixels and the landmarks turn with it."""
    roi = tracker.detect(portrait)[0].roi
    upright, _ = tracker.landmarks(portrait, roi)
    turned = np.ascontiguousarray(np.rot90(portrait))  # x' = y, y' = W - 1 - x
    landmarks, _ = tracker.landmarks(turned, Roi(roi.y, 511 - roi.x, roi.size, roi.angle - np.pi / 2))
    expected = np.column_stack([upright[:, 1], 511 - upright[:, 0]])
    assert np.linalg.norm(landmarks[:, :2] - expected, axis=1).max() < 0.05
    assert tracker.roi_of(landmarks).angle == pytest.approx(tracker.roi_of(upright).angle - np.pi / 2, abs=1e-3)


def test_eight_jittered_crops_halve_the_noise(tracker, portrait):
    """Frames of a portrait shifted by known sub-pixel amounts, with noise: the scatter of the landmarks' errors."""
    centre = tracker.detect(portrait)[0].roi
    shifts = np.random.default_rng(1).uniform(-1, 1, (10, 2))
    frames = [_shifted(portrait, centre, shift, seed) for seed, shift in enumerate(shifts)]
    roi = tracker.detect(frames[0])[0].roi

    def scatter(jitter: int) -> float:
        errors = [tracker.landmarks(f, roi, jitter)[0][:, :2] - s for f, s in zip(frames, shifts, strict=True)]
        return float(np.median(np.std(errors, axis=0)))

    assert scatter(8) < 0.12  # px; measured 0.085 over 24 frames
    assert scatter(8) < 0.6 * scatter(1)


def _shifted(portrait, centre, shift, seed):
    """The portrait's face 200 px wide, moved by `shift` px; sampled from one smooth function, so the truth is exact."""
    scale, height, width = 2.13, 345, 330
    y, x = np.mgrid[:height, :width]
    at = [centre.y + (y - shift[1] - height / 2) / scale, centre.x + (x - shift[0] - width / 2) / scale]
    splines = (spline_filter(plane.astype(float), 3) for plane in np.moveaxis(portrait, 2, 0))
    planes = [map_coordinates(spline, at, prefilter=False) for spline in splines]
    noise = np.random.default_rng(seed).normal(0, 2, (height, width, 1))
    return np.clip(np.rint(np.stack(planes, -1) + noise), 0, 255).astype(np.uint8)


def test_jitter_is_repeatable(tracker, portrait):
    roi = tracker.detect(portrait)[0].roi
    first, second = (tracker.landmarks(portrait, roi, 8)[0] for _ in range(2))
    assert np.array_equal(first, second)
