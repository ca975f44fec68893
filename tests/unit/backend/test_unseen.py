# SPDX-License-Identifier: GPL-3.0-or-later
"""How much of a motion is seen, and what is known of it then: closed forms."""

from dataclasses import dataclass

import numpy as np
import pytest
from microface.backend.solve.causes import Causes
from microface.backend.unseen import bridged, lost, seen_shares, widened


def test_the_share_seen_is_that_of_the_visible_motion_that_nothing_hides() -> None:
    motion = np.zeros((3, 4, 3))
    motion[0, 0], motion[0, 1] = [3, 0, 0], [0, 4, 0]  # energies 9 and 16, in patches 0 and 1
    motion[1, 2, 2] = 1  # beside every patch: never seen, so never hidden
    motion[2, [0, 3]] = [1, 1, 1]
    patch = np.array([0, 1, -1, 1])
    covered = np.array([[0, 0], [1, 0], [0, 1], [1, 1]], bool)
    share = seen_shares(motion, patch, covered)
    assert share[:, 0] == pytest.approx([1, 16 / 25, 9 / 25, 0])
    assert share[:, 1] == pytest.approx([1, 1, 1, 1])
    assert share[:, 2] == pytest.approx([1, 0.5, 0.5, 0])


def test_a_deviation_grows_from_the_measured_one_to_a_guess() -> None:
    std, values = np.full((3, 1), 0.1), np.array([[0.0], [0.6], [0.0]])
    share = np.array([[1.0], [0.5], [0.0]])
    wide = (std * widened(std, values, share, 0.4))[:, 0]
    guess = np.hypot(0.4, 0.6 / np.sqrt(3))
    assert wide[0] == pytest.approx(0.1)
    assert wide[1] == pytest.approx(1 / np.sqrt(0.5 / 0.1**2 + 0.5 / guess**2))
    assert wide[2] == pytest.approx(guess)


def test_what_was_not_measured_stays_unknown() -> None:
    std = np.array([[np.nan], [0.1]])
    wider = widened(std, np.array([[np.nan], [0.0]]), np.ones((2, 1)), 0.3)
    assert np.isnan(std * wider).ravel().tolist() == [True, False]


@dataclass
class Estimates:
    """What `bridged` looks at of a solve."""

    units: np.ndarray
    detail: np.ndarray
    covered: np.ndarray


def causes() -> Causes:
    """One unit that the first of two vertices shows best, one detail that the second shows."""
    basis = np.array([[[1, 0, 0], [0.5, 0, 0]], [[0, 0, 0], [1, 0, 0]]])
    return Causes(basis, np.array([0, 1]), ("a",), np.ones(1), (), 1.0)


def test_what_is_mostly_hidden_is_a_straight_line() -> None:
    """The first patch hides four fifths of the unit, the second all of the detail; no frame without a face gets a value."""
    covered = np.zeros((12, 2), bool)
    covered[4, 1], covered[5:7, 0], covered[7, 1] = True, True, True
    units = np.array([0, 1, 2, 3, 4, 9, 9, 7, 8, 9, 10, 11], np.float32)[:, None]
    detail = np.array([np.nan, 1, 1, 1, 9, 2, 3, 9, 0, 0, 0, 0], np.float32)[:, None]
    out = bridged(Estimates(units, detail, covered), causes(), np.array([0, 1]))
    assert out.units[:, 0] == pytest.approx(np.arange(12))
    assert out.detail[:, 0] == pytest.approx([np.nan, 1, 1, 1, 1.5, 2, 3, 1.5, 0, 0, 0, 0], nan_ok=True)


def test_around_what_is_hidden_nothing_is_believed() -> None:
    shares = np.ones((30, 2))
    shares[10:12, 0], shares[20, 1] = 0.8, 0.95
    hidden = lost(shares, 0.9, 100.0)
    assert np.flatnonzero(hidden[:, 0]).tolist() == list(range(5, 17))
    assert np.flatnonzero(lost(shares, 0.9, 10.0)[:, 0]).tolist() == list(range(9, 13))
    assert not hidden[:, 1].any()
