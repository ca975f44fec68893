# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lid sweeps over, in a template whose eyes are two squares."""

import numpy as np
import pytest
from microface.backend.motion.field import MotionField, Template
from microface.backend.motion.region import EYES
from microface.backend.motion.sheet import SplineSheet
from microface.backend.motion.sweep import BROWS, RIM, LidSweep, beyond_lids

SCALE = 0.5
SQUARE = np.array([[0, 0], [20, 0], [20, 10], [0, 10.0]])
RIGHT, LEFT = (
    np.array([30.0, 40.0]),
    np.array([90.0, 40.0]),
)  #: of their eyes' upper left corner, as the camera sees them


def landmarks() -> np.ndarray:
    """(478, 2): eyes 20 x 10 px, the brows' edges 12 px above."""
    out = np.full((478, 2), 500.0)
    for corner, eye, brow in zip((RIGHT, LEFT), EYES, BROWS, strict=True):
        out[list(eye)] = corner + SQUARE[np.arange(len(eye)) % 4]
        out[list(brow)] = corner + np.stack([np.linspace(0, 20, len(brow)), np.full(len(brow), -12.0)], 1)
    return out


@pytest.mark.parametrize(
    ("place", "away"),
    [
        ((10, 5), 0.0),  # the eye
        ((10, -6), 0.0),  # the lid
        ((10, -15), 3.0),  # above the brow's edge
        ((-1, 5), 0.0),  # lashes
        ((10, 10 + RIM * SCALE + 5), 5.0),  # below the rim of the eye
        ((23 + RIM * SCALE, 14), float(np.hypot(3 + RIM * SCALE, 4)) - RIM * SCALE),  # from a corner of the eye
    ],
)
def test_the_distance_from_a_lid(place: tuple[float, float], away: float) -> None:
    for side, corner in enumerate((LEFT, RIGHT)):
        found = beyond_lids(corner[None] + place, landmarks(), SCALE)
        assert found[side] == pytest.approx(away, abs=1e-6)
        assert found[1 - side] > 15


def test_the_share_of_a_coefficient_is_what_it_is_seen_by() -> None:
    random = np.random.default_rng(0)
    y, x = np.mgrid[:90, :140:2].astype(float)
    points = np.stack([x.ravel(), y.ravel()], 1)
    weight = random.uniform(0.5, 2, len(points))
    slope = random.normal(0, 10, (len(points), 2))
    template = Template(points, random.normal(0, 10, len(points)), slope, np.ones((len(points), 1)), weight)
    field = MotionField(template, SplineSheet(points.min(0) - 1, points.max(0) + 1, 8.0), 1.0)
    sweep = LidSweep(field, landmarks(), SCALE)
    phi = field.sheet.design(points).toarray()
    seen = weight @ phi > 0.1
    expected = (weight * sweep.pixels) @ phi / np.maximum(weight @ phi, 1e-6)
    assert sweep.share[np.tile(seen, 2)] == pytest.approx(np.tile(expected[seen], 2), abs=1e-5)
    left, right = (points[sweep.pixels & side].mean(0) for side in (points[:, 0] > 70, points[:, 0] < 70))
    assert left == pytest.approx(np.add(LEFT, [10, -0.5]), abs=1.5)
    assert right == pytest.approx(np.add(RIGHT, [10, -0.5]), abs=1.5)
