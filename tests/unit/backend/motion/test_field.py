# SPDX-License-Identifier: GPL-3.0-or-later
"""Sub-pixel motion of a texture that is one continuous function, so every picture of it is exact."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from microface.backend.motion.field import MotionField, Template, Views, sample_roughly
from microface.backend.motion.sheet import SplineSheet
from microface.backend.motion.window import highpass, spline_coefficients

WIDTH, HEIGHT, SCALE = 150, 130, 0.5
LOW, HIGH = np.array([40.0, 32.0]), np.array([110.0, 98.0])
MIDDLE = (LOW + HIGH) / 2
SPACING = 8.0

Placed = Callable[[np.ndarray], np.ndarray]


def texture(at: np.ndarray) -> np.ndarray:
    """Luma at any points (..., 2) px: 60 random waves, 6 to 25 px long."""
    random = np.random.default_rng(2)
    angle, length, phase = random.uniform(0, np.pi, 60), random.uniform(6, 25, 60), random.uniform(0, 2 * np.pi, 60)
    wave = 2 * np.pi / length * np.stack([np.cos(angle), np.sin(angle)])
    return 120 + 4 * np.sin(at @ wave + phase).sum(-1)


def picture(came_from: Placed = lambda at: at) -> np.ndarray:
    """(H, W) a picture whose pixels show the texture's points `came_from`."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    return texture(came_from(np.stack([x, y], -1))).astype(np.float32)


def prepared(image: np.ndarray) -> np.ndarray:
    return spline_coefficients(highpass(image.astype(np.float32), SCALE))


@pytest.fixture(scope="module")
def field() -> MotionField:
    image = highpass(picture(), SCALE)
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(LOW[0], HIGH[0] + 1), np.arange(LOW[1], HIGH[1] + 1)))
    points, row, column = np.stack([x, y], 1), y.astype(int), x.astype(int)
    value = image[row, column].astype(float)
    slope = np.stack([cv2.Scharr(image, cv2.CV_32F, a, 1 - a)[row, column] / 32 for a in (1, 0)], 1).astype(float)
    near = (points - MIDDLE) / 60
    base = np.c_[np.ones(len(points)), near, near**2, near[:, 0] * near[:, 1]]
    template = Template(points, value, slope, np.c_[base, base * value[:, None] / 50], np.ones(len(points)))
    return MotionField(template, SplineSheet(LOW - 1, HIGH + 1, SPACING), 1.0)


def still(field: MotionField, count: int) -> Views:
    return Views(np.tile(field.template.points, (count, 1, 1)), np.tile(np.eye(2), (count, 1, 1)))


def measured(field: MotionField, images: list[np.ndarray], views: Views | None = None) -> np.ndarray:
    """(B, M, 2) px."""
    start = np.zeros((len(images), 2 * field.sheet.size))
    c = field.fit([prepared(i) for i in images], views or still(field, len(images)), start, steps=6)
    return field.displacement(c)


def inner(field: MotionField) -> np.ndarray:
    return (np.abs(field.template.points - MIDDLE) < (HIGH - LOW) / 2 - SPACING).all(1)


def test_shifts_are_found_to_a_hundredth_of_a_pixel(field: MotionField) -> None:
    shifts = np.array([[0.37, -0.21], [-0.05, 0.5], [0.01, 0.02]])
    found = measured(field, [picture(lambda at, s=s: at - s) for s in shifts])
    assert np.abs(found - shifts[:, None])[:, inner(field)].max() < 0.01
    assert np.abs(found.mean(1) - shifts).max() < 0.003


def test_flicker_and_slow_shading_do_not_move_anything(field: MotionField) -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    shift = np.array([0.3, 0.15])
    moved = picture(lambda at: at - shift)
    lit = [moved * 1.08 + 9, moved * (1 + 0.1 * (x - 75) / 75) - 4, moved + 0.15 * y]
    found = measured(field, lit)
    assert np.abs(found - shift)[:, inner(field)].max() < 0.01


def test_a_smooth_bump_of_motion_is_found_in_place_and_size(field: MotionField) -> None:
    bump = lambda at: 0.6 * np.exp(-((at - MIDDLE) ** 2).sum(-1, keepdims=True) / (2 * 14**2)) * [0.6, 0.8]  # noqa: E731

    def came_from(at: np.ndarray) -> np.ndarray:
        back = at
        for _ in range(20):  # x + u(x) = at
            back = at - bump(back)
        return back

    found = measured(field, [picture(came_from)])[0]
    truth = bump(field.template.points)
    assert np.abs(found - truth)[inner(field)].max() < 0.03
    assert (found * truth).sum() / (truth**2).sum() == pytest.approx(1, abs=0.02)


def test_a_view_turned_by_20_degrees_shows_the_same_motion(field: MotionField) -> None:
    cos, sin = np.cos(np.radians(20)), np.sin(np.radians(20))
    turn, shift = np.array([[cos, -sin], [sin, cos]]), np.array([0.4, -0.25])
    image = picture(lambda at: (at - MIDDLE) @ turn + MIDDLE - shift)
    views = Views(((field.template.points - MIDDLE) @ turn.T + MIDDLE)[None], turn[None])
    found = measured(field, [image], views)[0]
    assert np.abs(found - shift)[inner(field)].max() < 0.02


def test_the_difference_that_a_fit_leaves_is_that_of_its_result(field: MotionField) -> None:
    images = [prepared(picture(lambda at: at - [0.2, -0.1])), prepared(picture(lambda at: at * 1.002))]
    views = still(field, 2)
    c, left = field.settle(images, views, np.zeros((2, 2 * field.sheet.size)), steps=2)
    exact = field.difference(images, views, c)
    assert np.abs(left - exact).max() < 0.02 * np.abs(field.difference(images, views, 0 * c)).max()


def test_a_blurred_wave_is_read_roughly_between_its_pixels() -> None:
    y, x = np.mgrid[:60, :80].astype(np.float32)
    wave = lambda x, y: 30 * np.sin(2 * np.pi * x / 25) * np.cos(2 * np.pi * y / 29)  # noqa: E731
    points = np.random.default_rng(5).uniform((5, 5), (74, 54), (300, 2))
    assert np.abs(sample_roughly(wave(x, y), points) - wave(*points.T)).max() < 0.5


def test_predicted_deviation_is_the_measured_scatter(field: MotionField) -> None:
    random, noise, count = np.random.default_rng(3), 2.0, 40
    work = highpass(picture(), SCALE)
    noisy = [spline_coefficients(work + random.normal(0, noise, work.shape).astype(np.float32)) for _ in range(count)]
    start = np.zeros((count, 2 * field.sheet.size))
    found = field.displacement(field.fit(noisy, still(field, count), start, steps=3))
    scatter = np.sqrt(found.var(0, ddof=1).mean(1))
    predicted = field.deviation(field.template.points, noise)
    part = inner(field)
    assert np.sqrt((scatter[part] ** 2).mean() / (predicted[part] ** 2).mean()) == pytest.approx(1, abs=0.25)


def test_evidence_of_a_fit_is_what_the_picture_alone_pulls_for(field: MotionField) -> None:
    """At the optimum information @ c_ml = (information + prior) @ c; for a field the prior does not resist, c is c_ml."""
    plane = np.r_[0.2 + 0.001 * field.sheet.nodes[:, 0], -0.1 + 0.002 * field.sheet.nodes[:, 1]][None]
    assert np.allclose(field.evidence(plane), plane @ field.information, rtol=1e-6, atol=1e-3)
