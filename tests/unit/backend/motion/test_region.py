# SPDX-License-Identifier: GPL-3.0-or-later
"""Which pixels are trusted, and how landmarks are carried between tracked frames."""

import numpy as np
from microface.backend.motion.footage import landmarks_between
from microface.backend.motion.region import choose_pixels
from microface.backend.types import Tracks


def test_pixels_are_spread_evenly_and_the_share_is_told() -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:50, 10:70] = True
    points, share = choose_pixels(mask, 600)
    assert points.shape == (600, 2)
    assert share == 600 / 2400
    assert mask[points[:, 1].astype(int), points[:, 0].astype(int)].all()
    assert len(np.unique(points, axis=0)) == 600
    counts, *_ = np.histogram2d(points[:, 0], points[:, 1], bins=(3, 2), range=((10, 70), (10, 50)))
    assert np.abs(counts - 100).max() < 30  # 3 deviations of an even draw
    everything, share = choose_pixels(mask, 5000)
    assert len(everything) == 2400
    assert share == 1


def test_landmarks_move_evenly_between_tracked_frames_and_are_unknown_beside_a_lost_one() -> None:
    frame = np.array([4, 6, 8, 9])
    landmarks = np.zeros((4, 478, 3), np.float32)
    landmarks[..., 0] = np.array([1, 3, np.nan, 7])[:, None]
    tracks = Tracks(frame, landmarks, np.ones(4, np.float32), np.zeros(4, np.int64), np.zeros(0, np.int64))
    got = landmarks_between(tracks, np.arange(4, 10))[:, 0, 0]
    assert np.allclose(got, [1, 2, 3, np.nan, np.nan, 7], equal_nan=True)
