# SPDX-License-Identifier: GPL-3.0-or-later
"""The work picture: where its pixels lie, and what its filter keeps."""

import numpy as np
import pytest
from microface.backend.motion.field import sample
from microface.backend.motion.window import BLUR, Window, highpass, highpass_spline, spline_coefficients, window_around
from microface.models.head.raster import project

RANDOM = np.random.default_rng(1)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_work_and_source_coordinates_are_inverse(factor: int) -> None:
    window = Window(17, 9, 120, 60, factor, 1.0)
    points = RANDOM.uniform(0, 200, (50, 2))
    assert np.allclose(window.to_source(window.to_work(points)), points, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_ramp_keeps_its_coordinates(factor: int) -> None:
    window = Window(10, 6, 48, 36, factor, 1.0)
    y, x = np.mgrid[:60, :80].astype(np.float32)
    row, column = np.mgrid[: 36 // factor, : 48 // factor]
    source = window.to_source(np.stack([column, row], -1))
    for axis, ramp in enumerate((x, y)):
        assert np.allclose(window.cut(ramp), source[..., axis], atol=1e-3)


def test_the_work_camera_sees_what_the_source_camera_sees() -> None:
    window = Window(31, 22, 100, 80, 2, 1.0)
    camera = np.array([[900, 0, 160.5], [0, 900, 118.0], [0, 0, 1]])
    points = RANDOM.uniform((-0.1, -0.1, 0.7), (0.1, 0.1, 0.9), (20, 3))
    expected = window.to_work(project(points, camera)[:, :2])
    assert np.allclose(project(points, window.camera(camera))[:, :2], expected, atol=1e-9)


def test_the_window_holds_the_face_of_every_frame() -> None:
    landmarks = RANDOM.uniform((300, 200), (700, 640), (5, 478, 2))
    landmarks[1] += 40
    landmarks[2] = np.nan
    window = window_around(landmarks, 1000, 800)
    assert window.factor == 2  # 400 px are too wide
    assert window.scale == pytest.approx(200 / 240, rel=0.02)
    seen = landmarks[[0, 1, 3, 4]].reshape(-1, 2)
    assert (seen > (window.x, window.y)).all()
    assert (seen < (window.x + window.width, window.y + window.height)).all()
    assert window.width % 2 == window.height % 2 == 0


def test_highpass_takes_out_offset_and_slow_gradient_and_keeps_texture() -> None:
    y, x = np.mgrid[:120, :160].astype(np.float32)
    inside = np.s_[55:65, 70:90]
    assert np.abs(highpass(np.full_like(x, 130), 0.6)).max() < 1e-3
    assert np.abs(highpass(60 + 0.5 * x + 0.3 * y, 0.6)[inside]).max() < 0.05
    wave = 20 * np.sin(2 * np.pi * x / 8)
    kept = np.exp(-2 * (np.pi * BLUR / 8) ** 2)  # of a Gaussian blur
    assert np.allclose(highpass(wave + 100, 0.6)[inside], kept * wave[inside], atol=0.25)


def test_a_sampled_wave_is_read_between_its_pixels() -> None:
    y, x = np.mgrid[:60, :80].astype(np.float32)
    wave = lambda x, y: 30 * np.sin(2 * np.pi * x / 9) * np.cos(2 * np.pi * y / 11)  # noqa: E731
    points = RANDOM.uniform((15, 15), (64, 44), (300, 2))
    error = sample(spline_coefficients(wave(x, y).astype(np.float32)), points) - wave(*points.T)
    assert np.abs(error).max() < 0.15
    grid = np.stack([x, y], -1).reshape(-1, 2)
    assert np.allclose(sample(spline_coefficients(wave(x, y).astype(np.float32)), grid), wave(x, y).ravel(), atol=1e-3)


def test_the_short_way_to_the_spline_of_the_highpassed_picture() -> None:
    """Against scipy's spline filter after the blur, between the pixels of white noise: the hardest picture there is."""
    picture = RANDOM.normal(120, 30, (90, 110)).astype(np.float32)
    points = RANDOM.uniform((20, 20), (89, 69), (2000, 2))
    exact = sample(spline_coefficients(highpass(picture, 0.6)), points)
    assert np.abs(sample(highpass_spline(picture, 0.6), points) - exact).std() < 0.004 * exact.std()
