# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces of a shot: they cover it, their weights add up, and what hides the face is in none."""

import numpy as np
import pytest
from microface.backend.solve.piece import BLOCK, OVERLAP, blocks, covered, fade, runs


@pytest.mark.parametrize("start", [0, 37])
def test_the_weights_of_all_blocks_add_up_to_one(start: int) -> None:
    for length in range(1, 2001):
        run = (start, start + length)
        parts = blocks(*run)
        total = np.zeros(length)
        for a, b in parts:
            total[a - start : b - start] += fade((a, b), run)
        assert np.abs(total - 1).max() < 1e-12, length
        assert max(b - a for a, b in parts) <= BLOCK + OVERLAP, length


def test_runs_of_good_frames() -> None:
    assert runs(np.array([0, 1, 1, 0, 1], bool)) == [(1, 3), (4, 5)]
    assert runs(np.zeros(3, bool)) == []


def test_half_covered_frames_are_hidden_beside_covered_ones_only() -> None:
    nan = np.nan
    missing = np.array([0.01, 0.1, 0.02, 0.1, 0.2, 0.5, 0.1, 0.01, 0.1, nan, nan, 0.12, 0.1, 0.03, 0.1])
    assert np.flatnonzero(covered(missing)).tolist() == [3, 4, 5, 6, 8, 11, 12]
