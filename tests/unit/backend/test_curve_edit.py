# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of a curve, against closed forms."""

import numpy as np
import pytest
from microface.backend.curve_edit import at_frames, kept_keys, smoothed


def test_a_broken_line_keeps_its_corners_alone():
    frames = np.array([0.0, 1, 2, 3.5, 5, 6, 8])
    values = np.interp(frames, [0, 3.5, 8], [0, 7, 1])[:, None]
    np.testing.assert_array_equal(kept_keys(frames, values, 1e-9), [0, 3, 6])


@pytest.mark.parametrize("tolerance", [1e-3, 1e-2, 0.1])
def test_no_key_is_farther_off_than_the_tolerance(tolerance):
    rng = np.random.default_rng(4)
    frames = np.cumsum(rng.uniform(0.3, 1.5, 300))
    values = np.stack([np.sin(frames / 9), np.cos(frames / 5)], 1) + 0.002 * rng.standard_normal((300, 2))
    kept = kept_keys(frames, values, tolerance)
    off = np.abs(at_frames(frames[kept], values[kept], frames) - values).max()
    assert off <= tolerance and len(kept) < (300 if tolerance > 1e-2 else 301)
    assert kept[0] == 0 and kept[-1] == 299


def test_one_key_and_none_between():
    np.testing.assert_array_equal(kept_keys(np.array([3.0]), np.array([[1.0]]), 0.1), [0])
    np.testing.assert_array_equal(smoothed(np.array([3.0]), np.array([[1.0]]), 2.0), [[1.0]])


def test_a_gaussian_takes_from_a_sine_what_it_should():
    """exp(-(2 pi f sigma)^2 / 2), and no delay."""
    frames, sigma = np.arange(0, 200, 0.5), 2.5
    for period in (8.0, 15.0, 40.0):
        wave = np.sin(2 * np.pi * frames / period)[:, None]
        gain = np.exp(-0.5 * (2 * np.pi * sigma / period) ** 2)
        inside = slice(40, -40)
        np.testing.assert_allclose(smoothed(frames, wave, sigma)[inside], gain * wave[inside], atol=1e-3)


def test_uneven_keys_of_a_line_stay_on_it():
    rng = np.random.default_rng(5)
    frames = np.cumsum(rng.uniform(0.8, 1.2, 200))
    found = smoothed(frames, frames[:, None], 3.0)
    np.testing.assert_allclose(found[30:-30, 0], frames[30:-30], atol=0.05)
    np.testing.assert_allclose(smoothed(frames, np.ones((200, 1)), 3.0), 1, atol=1e-12)
