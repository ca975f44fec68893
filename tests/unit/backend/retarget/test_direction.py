# SPDX-License-Identifier: GPL-3.0-or-later
"""Direction before size: the renewed least squares against the sum it stands for."""

import numpy as np
import pytest
from microface.backend.retarget import direction
from microface.backend.retarget.direction import DIRECTION, STILL, importance, renewed
from scipy.optimize import minimize

PLACES, CONTROLS = 60, 5


@pytest.fixture
def problem(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """(K, N, 3) what controls move, and (N, 3) a motion that they cannot show."""
    monkeypatch.setattr(direction, "FAINT", 1e-9)
    rng = np.random.default_rng(1)
    return rng.normal(0, 1, (CONTROLS, PLACES, 3)), 0.3 * rng.normal(0, 1, (PLACES, 3)) + 0.2


def cost(value: np.ndarray, basis: np.ndarray, wanted: np.ndarray) -> float:
    shown = np.tensordot(value, basis, 1)
    size, other = np.linalg.norm(wanted, axis=1), np.linalg.norm(shown, axis=1)
    return float(
        ((shown - wanted) ** 2).sum() + 2 * DIRECTION * (size * other).sum() - 2 * DIRECTION * (shown * wanted).sum()
    )


def least_squares(basis: np.ndarray, wanted: np.ndarray, weight: np.ndarray, scale: np.ndarray) -> np.ndarray:
    root = np.repeat(np.sqrt(weight), 3)
    matrix = (basis.reshape(CONTROLS, -1) * root).T
    return np.linalg.lstsq(matrix, (wanted * scale[:, None]).ravel() * root, rcond=None)[0]


def test_it_comes_to_the_least_of_the_sum(problem: tuple[np.ndarray, np.ndarray]) -> None:
    basis, wanted = problem
    value, costs = least_squares(basis, wanted, np.ones(PLACES), np.ones(PLACES)), []
    for _ in range(200):
        costs.append(cost(value, basis, wanted))
        value = least_squares(basis, wanted, *renewed(wanted[None], np.tensordot(value, basis, 1)[None]))
    found = minimize(cost, value + 0.01, (basis, wanted), method="BFGS", options={"gtol": 1e-9})
    assert (np.diff(costs) < 1e-9).all()
    assert costs[-1] == pytest.approx(found.fun, rel=1e-6) and costs[-1] < 0.97 * costs[0]
    np.testing.assert_allclose(value, found.x, atol=1e-4)


def test_what_is_shown_as_wanted_stays_as_it_is(problem: tuple[np.ndarray, np.ndarray]) -> None:
    basis, _ = problem
    motion = np.stack([0.1 * basis[0], 0.3 * basis[0]])
    weight, scale = renewed(motion, motion)
    np.testing.assert_allclose(weight, 1 + DIRECTION)
    np.testing.assert_allclose(scale, 1)


def test_still_places_count_and_the_others_as_they_move() -> None:
    size = np.array([0, 0.2 * STILL, 10 * STILL, 0.5] + [1.0] * 96)
    motion = size[None, :, None] * np.array([0.001, 0, 0])
    found = importance(motion)
    np.testing.assert_allclose(found[2:], size[2:], rtol=1e-6)
    assert (found[:2] > 2).all()
    np.testing.assert_allclose(importance(5 * motion), found)
    assert np.isfinite(importance(0 * motion)).all()
