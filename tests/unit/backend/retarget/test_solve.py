# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve against closed forms, and against SciPy's bounded least squares."""

import numpy as np
import pytest
from microface.backend.retarget import solve as module
from microface.backend.retarget.solve import TAU_S, solve
from scipy.optimize import lsq_linear

POINTS, CONTROLS = 80, 7
SLOW = 0.5  # s between frames: time ties nothing


@pytest.fixture
def basis() -> np.ndarray:
    """(K, N, 3) m: overlapping controls of different sizes."""
    rng = np.random.default_rng(1)
    return 1e-3 * rng.normal(0, 1, (CONTROLS, POINTS, 3)) * rng.uniform(0.2, 5, CONTROLS)[:, None, None]


def times(frames: int, step: float = SLOW) -> np.ndarray:
    return step * np.arange(frames)


def test_what_the_controls_did_is_found(basis: np.ndarray) -> None:
    truth = np.random.default_rng(2).uniform(0, 0.1, (40, CONTROLS))
    found = solve(basis, np.tensordot(truth, basis, 1), times(40), np.zeros(CONTROLS), np.ones(CONTROLS))
    np.testing.assert_allclose(found, truth, atol=2e-4)


def test_within_bounds_it_is_the_least_squares(basis: np.ndarray) -> None:
    """SciPy solves every frame alone; the motion is noise that no control can show."""
    motion = 1e-3 * np.random.default_rng(3).normal(0, 1, (25, POINTS, 3))
    low, high = np.full(CONTROLS, -0.03), np.full(CONTROLS, 0.02)
    weight = np.random.default_rng(4).uniform(0.2, 3, (1, POINTS))
    found = solve(basis, motion, times(25), low, high, weight=weight)
    root = np.sqrt(np.repeat(weight[0], 3))
    matrix = (basis.reshape(CONTROLS, -1) * root).T
    truth = [lsq_linear(matrix, one.ravel() * root, (low, high), tol=1e-12).x for one in motion]
    assert np.abs(found).max(0).max() <= 0.03
    assert (np.isclose(truth, low) | np.isclose(truth, high)).mean() > 0.2  # bounds matter here
    np.testing.assert_allclose(found, truth, atol=2e-4)


@pytest.mark.parametrize("fps", [60, 200, 1000])
def test_time_costs_what_the_closed_form_says(basis: np.ndarray, fps: float) -> None:
    """|x - d|^2 + (tau / dt)^2 |x_t - x_t-1|^2 passes a wave by 1 / (1 + (tau / dt)^2 (2 - 2 cos w dt))."""
    time_s, hertz = np.arange(fps) / fps, 12.5
    truth = 0.5 + 0.4 * np.cos(2 * np.pi * hertz * time_s)
    found = solve(basis[:1], truth[:, None, None] * basis[0], time_s, np.zeros(1), np.ones(1))[:, 0]
    gain = 1 / (1 + (TAU_S * fps) ** 2 * (2 - 2 * np.cos(2 * np.pi * hertz / fps)))
    middle = slice(fps // 4, -fps // 4)
    np.testing.assert_allclose(found[middle], 0.5 + gain * (truth - 0.5)[middle], atol=2e-4)


@pytest.mark.parametrize("fps", [100, 200, 500])
def test_a_40_ms_onset_stays(basis: np.ndarray, fps: float) -> None:
    time_s = np.arange(int(0.4 * fps)) / fps
    share = np.clip((time_s - 0.1) / 0.04, 0, 1) - np.clip((time_s - 0.25) / 0.04, 0, 1)
    truth = 0.03 * (0.5 - 0.5 * np.cos(np.pi * share))
    found = solve(basis[:3], truth[:, None, None] * basis[1], time_s, np.zeros(3), np.ones(3))
    assert found[:, 1].max() > 0.99 * truth.max()
    rise = [
        np.interp([0.1, 0.9], one[: int(0.2 * fps)] / truth.max(), time_s[: int(0.2 * fps)])
        for one in (found[:, 1], truth)
    ]
    assert abs(np.diff(rise[0]) - np.diff(rise[1])).item() < 0.002
    assert np.abs(found[:, [0, 2]]).max() < 0.01 * truth.max()


def test_controls_that_are_not_needed_stay_exactly_at_rest(basis: np.ndarray) -> None:
    """A control that does half of what another does is not borrowed for it."""
    mixed = np.concatenate([basis, 0.5 * basis[:1] + basis[1:2] * 0.4])
    truth = np.zeros((30, CONTROLS + 1))
    truth[:, 0] = 0.05 * np.sin(np.linspace(0, np.pi, 30))
    found = solve(mixed, np.tensordot(truth, mixed, 1), times(30), np.zeros(8), np.ones(8))
    np.testing.assert_allclose(found[:, 0], truth[:, 0], atol=1e-4)
    assert not found[:, 1:].any()


def test_units_do_not_matter(basis: np.ndarray) -> None:
    truth = np.random.default_rng(5).uniform(0, 0.1, (30, CONTROLS))
    motion = np.tensordot(truth, basis, 1) + 1e-5 * np.random.default_rng(6).normal(0, 1, (30, POINTS, 3))
    low, high = np.zeros(CONTROLS), np.ones(CONTROLS)
    found = solve(basis, motion, times(30), low, high)
    np.testing.assert_allclose(solve(1000 * basis, 1000 * motion, times(30), low, high), found, atol=1e-9)
    size = np.arange(1, CONTROLS + 1)
    rescaled = solve(basis * size[:, None, None], motion, times(30), low / size, high / size)
    np.testing.assert_allclose(rescaled * size, found, atol=1e-9)


def test_what_is_hidden_does_not_count(basis: np.ndarray) -> None:
    """Half of the points go wild while the second state says that they are covered."""
    truth = np.random.default_rng(7).uniform(0, 0.1, (30, CONTROLS))
    motion, state = np.tensordot(truth, basis, 1), np.repeat([0, 1, 0], 10)
    motion[state == 1, : POINTS // 2] += 0.05
    weight = np.ones((2, POINTS))
    weight[1, : POINTS // 2] = 0
    found = solve(basis, motion, times(30), np.zeros(7), np.ones(7), weight=weight, state=state)
    np.testing.assert_allclose(found, truth, atol=5e-4)


def test_frames_without_a_face_are_bridged_and_not_read(basis: np.ndarray) -> None:
    """The quadratic form between two frames is least on a straight line."""
    truth = np.linspace(0.02, 0.08, 20)[:, None] * np.ones(CONTROLS)
    motion, trust = np.tensordot(truth, basis, 1), np.ones(20)
    motion[8:13], trust[8:13] = np.nan, 0
    found = solve(basis, motion, times(20, 0.005), np.zeros(7), np.ones(7), trust=trust)
    np.testing.assert_allclose(found[3:-3], truth[3:-3], atol=5e-4)
    assert not solve(basis, np.full_like(motion, np.nan), times(20), np.zeros(7), np.ones(7), trust=0 * trust).any()


def test_long_clips_are_joined_without_a_seam(basis: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = 0.05 + 0.05 * np.sin(np.arange(700)[:, None] * np.linspace(0.02, 0.1, CONTROLS))
    motion = np.tensordot(truth, basis, 1) + 1e-5 * np.random.default_rng(8).normal(0, 1, (700, POINTS, 3))
    arguments = (basis, motion, times(700, 0.002), np.zeros(7), np.ones(7))
    whole = solve(*arguments)
    monkeypatch.setattr(module, "BLOCK", 150)
    np.testing.assert_allclose(solve(*arguments), whole, atol=2e-5)


def test_stillness_stays_still(basis: np.ndarray) -> None:
    assert not solve(basis, np.zeros((10, POINTS, 3)), times(10), np.zeros(7), np.ones(7)).any()
    assert not solve(0 * basis, np.ones((10, POINTS, 3)), times(10), np.zeros(7), np.ones(7)).any()
