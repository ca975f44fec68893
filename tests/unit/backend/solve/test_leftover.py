# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left over, against sheets drawn with errors of known size and pace."""

import numpy as np
import pytest
from microface.backend.solve.columns import Columns
from microface.backend.solve.leftover import leftover
from scipy.fft import idct

FRAMES, FPS, VARIANCE = 96, 100.0, 2.5
RIDGE = 1e-9  # of the mean information: nodes beside the face have none


@pytest.fixture(scope="module")
def seen(columns: Columns) -> float:
    """Share of the sheet's coefficients of which the picture says anything."""
    value = np.linalg.eigvalsh(columns.field.information)
    return float((value / (value + RIDGE * value.mean())).mean())


def drawn(columns: Columns, size: np.ndarray) -> np.ndarray:
    """(T, 2n) px, errors as wide as the picture's noise makes them, of variance `size` (T,) in each cosine of time."""
    information = columns.field.information
    ridge = RIDGE * np.trace(information) / len(information)
    root = np.linalg.cholesky(np.linalg.inv(information + ridge * np.eye(len(information))))
    draws = np.random.default_rng(3).normal(0, 1, (len(size), len(root))) @ root.T
    return np.asarray(idct(np.sqrt(size)[:, None] * draws, axis=0, norm="ortho"))


def test_white_noise_is_found_at_its_size_by_all_of_the_sheet_and_by_the_bumps(columns: Columns, seen: float) -> None:
    found = leftover(columns, drawn(columns, np.full(FRAMES, VARIANCE)), FRAMES, FPS)
    assert found.misfit == pytest.approx(seen * VARIANCE, rel=0.05)
    assert found.alike == pytest.approx(VARIANCE, rel=0.1)
    assert found.slow < 2


def test_an_error_at_the_pace_of_expressions_is_larger_in_the_bumps_than_on_average(
    columns: Columns, seen: float
) -> None:
    frequency = np.arange(FRAMES) * FPS / (2 * FRAMES)
    slow = np.where(frequency < 10, 8.0, 1.0) * VARIANCE
    found = leftover(columns, drawn(columns, slow), FRAMES, FPS)
    assert found.alike == pytest.approx(8 * VARIANCE, rel=0.1)
    assert found.misfit == pytest.approx(seen * slow.mean(), rel=0.05)


def test_motion_of_one_place_that_the_model_missed_is_no_error_of_the_footage(columns: Columns, seen: float) -> None:
    still = drawn(columns, np.full(FRAMES, VARIANCE))
    bump = columns.coefficients[:, columns.layout.expression[columns.surface.causes.group == 1][5]]
    moved = still + np.exp(-(((np.arange(FRAMES) - 48) / 8) ** 2))[:, None] * bump
    found = leftover(columns, moved, FRAMES, FPS)
    assert found.alike is not None and found.alike < 1.5 * VARIANCE
    assert found.misfit > 1.2 * seen * VARIANCE


def test_hidden_frames_say_nothing_and_few_frames_hold_no_pace(columns: Columns, seen: float) -> None:
    left = drawn(columns, np.full(FRAMES, VARIANCE))
    left[20:52] = 0
    assert leftover(columns, left, FRAMES - 32, FPS).misfit == pytest.approx(seen * VARIANCE, rel=0.1)
    assert leftover(columns, left[:4], 4, FPS).alike is None
