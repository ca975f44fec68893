# SPDX-License-Identifier: GPL-3.0-or-later
"""Crops show what their map says, at every scale."""

import math

import numpy as np
import pytest
from microface.backend.tracking import Roi
from microface.backend.tracking.roi import crop, roi_of


@pytest.mark.parametrize("size", [90.0, 192.0, 500.0, 1100.0])
@pytest.mark.parametrize("angle", [0.0, 0.4])
def test_a_crop_samples_where_its_map_points(size, angle):
    """A picture whose value is its own position (dithered): a crop pixel holds the position that `to_image` gives."""
    y, x = np.mgrid[:1600, :1600]
    dither = np.random.default_rng(0).uniform(0, 1, (1600, 1600, 3))
    ramp = (np.stack([x / 8, y / 8, 0 * x], -1) + dither).astype(np.uint8)
    roi = Roi(803.3, 790.6, size, angle)
    rising, falling = crop(ramp, roi, 192).astype(float), 255.0 - crop(255 - ramp, roi, 192)
    v, u = np.mgrid[:192, :192]
    expected = np.stack([u, v, np.ones_like(u)], -1) @ roi.to_image(192).T
    error = 4 * (rising + falling)[..., :2] - expected  # their mean: OpenCV rounds halves up
    assert np.abs(error.mean((0, 1))).max() < 0.35  # px, of 8 px to a grey level: half a pixel would show


def test_the_square_of_landmarks_holds_them_with_half_as_much_again():
    landmarks = np.zeros((478, 3))
    landmarks[:, 0] = np.linspace(100, 200, 478)
    landmarks[:, 1] = 50
    landmarks[33, :2], landmarks[263, :2] = (120, 50), (180, 60)
    roi = roi_of(landmarks)
    assert (roi.x, roi.y, roi.size) == pytest.approx((150, 55, 150))
    assert roi.angle == pytest.approx(math.atan2(10, 60))


def test_a_crop_beyond_the_image_repeats_its_border():
    grey = np.full((100, 100, 3), 77, np.uint8)
    assert (crop(grey, Roi(0.0, 0.0, 400.0, 0.3), 192) == 77).all()
    assert (crop(grey, Roi(95.0, 50.0, 2000.0, 0.0), 192) == 77).all()
