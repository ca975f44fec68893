# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds to frames, exact where the rate is."""

from fractions import Fraction

import bpy
import numpy as np
import pytest
from microface.operators.scene.rate import frame_to_seconds, nominal_rate, rate, seconds_to_frame, set_rate


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (25.0, (25, 1.0)),
        (24 / 1.001, (24, 1.001)),
        (23.976, (24, 1.001)),
        (29.97003, (30, 1.001)),
        (59.94, (60, 1.001)),
        (24.0, (24, 1.0)),
        (200.002, (200, 1.0)),
        (8000.0, (8000, 1.0)),
        (12.5, (13, 13 / 12.5)),
        (0.2, (1, 5.0)),
        (100_000.0, (32767, 0.32767)),
    ],
)
def test_nominal_rate(measured, expected):
    assert nominal_rate(measured) == pytest.approx(expected, rel=1e-12)


def test_blender_takes_every_rate():
    scene = bpy.context.scene
    for fps in (24 / 1.001, 120 / 1.001, 200, 1000, 26.3972, 0.2, 100_000):
        set_rate(scene, fps)
        assert rate(scene) == pytest.approx(fps, rel=1e-6)


def test_an_hour_at_24_over_1_001_is_exact():
    scene = bpy.context.scene
    set_rate(scene, 24 / 1.001)
    index = np.arange(0, 86_314, 1234)
    seconds = np.array([float(Fraction(1001 * int(i), 24_000)) for i in index])
    np.testing.assert_allclose(seconds_to_frame(seconds, rate(scene)), index + 1, rtol=0, atol=1e-8)
    np.testing.assert_allclose(frame_to_seconds(index + 1, rate(scene)), seconds, rtol=0, atol=1e-8)
