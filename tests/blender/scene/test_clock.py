# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock of exporters meets every key: steady, NTSC, starting late, with gaps, and of no rate at all."""

import numpy as np
import pytest
from microface.operators.scene.clock import CLOSE_S, error_s, sampling_clock


@pytest.mark.parametrize(
    ("fps", "expected"), [(25.0, (25, 1.0)), (30 / 1.001, (30, 1.001)), (200.0, (200, 1.0)), (119.88, (120, 1.001))]
)
def test_steady_footage_keeps_its_rate(fps: float, expected: tuple[int, float]) -> None:
    clock = sampling_clock(np.arange(3000) / fps)
    assert (clock.fps, clock.base) == pytest.approx(expected)
    assert abs(clock.shift) < 1e-9


def test_gaps_and_rounded_time_stamps_change_nothing() -> None:
    time_s = np.round(np.arange(500) * 1.001 / 24, 5)
    kept = np.r_[0:100, 180:500]
    clock = sampling_clock(time_s[kept])
    assert (clock.fps, clock.base) == (24, 1.001)
    assert error_s(clock, time_s[kept]) < CLOSE_S


def test_a_late_start_moves_by_less_than_a_frame() -> None:
    clock = sampling_clock(0.021 + np.arange(50) / 25)
    assert (clock.fps, clock.base) == (25, 1.0)
    assert clock.shift == pytest.approx(1 - 0.021 * 25)
    np.testing.assert_allclose(clock.frames(0.021 + np.arange(50) / 25), 2 + np.arange(50))


def test_a_rate_near_a_whole_one_is_not_rounded_to_it() -> None:
    time_s = np.arange(5000) / 29.9996
    clock = sampling_clock(time_s)
    assert clock.rate == pytest.approx(29.9996, rel=1e-9)
    assert error_s(clock, time_s) < 1e-9


def test_variable_footage_gets_the_lowest_rate_that_meets_it() -> None:
    rng = np.random.default_rng(1)
    in_60 = np.cumsum(rng.choice([1, 2, 3], 200)) / 60
    assert sampling_clock(in_60).rate == 60
    in_ms = np.cumsum(rng.integers(30, 50, 200)) / 1000
    assert error_s(sampling_clock(in_ms), in_ms) < CLOSE_S
    anyhow = np.cumsum(rng.uniform(0.03, 0.05, 200))
    clock = sampling_clock(anyhow)
    assert clock.rate == 1000
    assert error_s(clock, anyhow) <= 0.5e-3
    assert sampling_clock(np.array([0.2])).rate == 25
