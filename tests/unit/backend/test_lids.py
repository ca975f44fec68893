# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the eyes close, against the head model's own lids."""

import numpy as np
import pytest
from microface.backend.lids import CORNERS, EARLY, EDGES, LIDS, closing, shut_lids
from microface.backend.types import Tracks
from microface.models.head.model import HeadModel
from microface.models.head.raster import project

CAMERA = np.array([[1200, 0, 320.0], [0, 1200, 240.0], [0, 0, 1]])


@pytest.fixture(scope="module")
def blinking(generic_head: HeadModel) -> Tracks:
    """The left eye closes half at tracked frame 10, of every other frame; one frame shows no face."""
    landmarks = np.full((20, 478, 3), np.nan, np.float32)
    for n in range(20):
        expression = np.zeros(len(generic_head.expression))
        expression[generic_head.expression_names.index("eyeBlinkLeft")] = 0.4 * (n == 10)
        pose = np.zeros((len(generic_head.joint_names), 3))
        vertices = generic_head.vertices(np.zeros(len(generic_head.identity)), expression, pose, np.array([0, 0, 0.8]))
        landmarks[n, generic_head.landmark_index] = project(generic_head.landmark_points(vertices), CAMERA)
    landmarks[15] = np.nan
    none = np.zeros(20, np.int64)
    return Tracks(2 * np.arange(20), landmarks, np.ones(20, np.float32), none, none[:0])


def test_a_lid_that_closes_takes_its_part_of_the_gap(blinking: Tracks) -> None:
    closed, gap, jitter = closing(blinking, np.arange(39), np.arange(5))
    assert LIDS == ("eyeBlinkLeft", "eyeBlinkRight")
    assert closed[20] / gap == pytest.approx([0.5, 0.0], abs=0.2)
    assert closed[19, 0] == pytest.approx(closed[20, 0] / 2, rel=0.1)
    assert np.abs(closed[:18]).max() < 1e-3
    assert (jitter < 0.1).all()


def test_without_a_face_the_lids_are_unknown(blinking: Tracks) -> None:
    closed, _, _ = closing(blinking, np.arange(39), np.arange(5))
    assert np.flatnonzero(np.isnan(closed[:, 0])).tolist() == [29, 30, 31]


def seen(gap: np.ndarray, size: np.ndarray) -> Tracks:
    """A face in every third frame whose lids are `gap` (N,) of their usual distance apart, `size` (N,) times as large."""
    landmarks = np.zeros((len(gap), 478, 3), np.float32)
    for (upper, lower), (inner, outer) in zip(EDGES, CORNERS, strict=True):
        landmarks[:, list(upper), 1] = (-5 * gap * size)[:, None]
        landmarks[:, list(lower), 1] = (5 * gap * size)[:, None]
        landmarks[:, inner, 0], landmarks[:, outer, 0] = -15 * size, 15 * size
    none = np.zeros(len(gap), np.int64)
    return Tracks(3 * np.arange(len(gap)), landmarks, np.ones(len(gap), np.float32), none, none[:0])


def test_a_blink_is_a_sweep_and_narrowed_eyes_are_none() -> None:
    """90 fps, 30 tracked: a blink, eyes narrowed by a smile for two seconds with a blink in it, and a head that comes nearer."""
    gap = np.ones(240)
    gap[20:24] = 0.4
    gap[60:120] = 0.7
    gap[90:94] = 0.3
    tracks = seen(gap, np.r_[np.ones(150), np.linspace(1, 2, 90)])
    frames = np.arange(3 * 239)
    shut = shut_lids(tracks, frames, np.arange(10), 90.0)
    moving = np.flatnonzero(shut)
    first, last = 3 * (20 - EARLY) - 2, 3 * (23 + EARLY) + 2  # between two tracked frames what either says
    assert (moving[moving < 150] == np.arange(first, last + 1)).all()
    assert set(range(270, 282)) <= set(moving)  # the blink within the smile
    assert not shut[315:330].any() and not shut[450:].any()


def test_eyes_that_stay_shut_are_shut() -> None:
    gap = np.r_[np.ones(20), np.full(200, 0.1)]
    shut = shut_lids(seen(gap, np.ones(220)), np.arange(70, 600), np.arange(10), 90.0)
    assert shut.all()
