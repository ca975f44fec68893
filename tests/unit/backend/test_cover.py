# SPDX-License-Identifier: GPL-3.0-or-later
"""What hides a face, on flat pictures of a texture and on a head that turns."""

import numpy as np
import pytest
from microface.backend.cover import (
    BESIDE,
    COMING,
    DISTURBED,
    HEIGHT,
    HIDDEN,
    LIPS,
    hidden_share,
    strange_share,
    torn_open,
    with_coming,
)
from microface.backend.flat_face import SIDE, FlatFace
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

INSIDE = np.hypot(*(np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2)) < SIDE / 2 - 1
SEEN = np.ones((40, SIDE, SIDE), bool)


def texture(seed: int) -> np.ndarray:
    """(SIDE, SIDE): 120 +- 20 with details of some 3 px."""
    waves = gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE)), 1.5)
    return 120 + 20 * waves / waves.std()


@pytest.fixture
def face() -> np.ndarray:
    """40 noisy pictures of one face."""
    noise = np.random.default_rng(1).normal(0, 2, SEEN.shape)
    return np.clip(texture(0) + noise, 0, 255).astype(np.uint8)


def test_a_hand_hides_and_light_does_not(face: np.ndarray) -> None:
    hand = (slice(25, 38), slice(18, None), slice(6, 26))
    face[hand] = texture(2)[hand[1:]]
    face[:10] = face[:10] // 2 + (3 * np.arange(SIDE)).astype(np.uint8)  # darker, and lit from one side
    share = hidden_share(face, SEEN, INSIDE)
    assert share[25:38].min() > 2 * HIDDEN
    assert np.delete(share, np.r_[25:38]).max() < 0.2 * HIDDEN


def test_what_differs_in_most_of_the_clip_hides_nothing(face: np.ndarray) -> None:
    """A mouth that talks is another one in every picture."""
    for n, picture in enumerate(face):
        picture[20:28, 10:22] = texture(10 + n)[20:28, 10:22]
    assert hidden_share(face, SEEN, INSIDE).max() < 0.5 * HIDDEN


def test_what_is_not_seen_is_not_judged(face: np.ndarray) -> None:
    face[30:, :, :16] = texture(3)[:, :16]
    seen = SEEN.copy()
    seen[30:, :, :18] = False
    assert hidden_share(face, SEEN, INSIDE)[30:].min() > HIDDEN
    assert hidden_share(face, seen, INSIDE).max() < 0.5 * HIDDEN


def test_a_strand_of_hair_disturbs(face: np.ndarray) -> None:
    """A dark line over skin without details, where nothing could look unlike; light and a mouth that talks disturb nothing."""
    smooth = slice(14, 22)
    face[:, :, smooth] = 120 + np.random.default_rng(5).normal(0, 2, face[:, :, smooth].shape)
    for n, picture in enumerate(face):
        picture[24:29, 10:22] = texture(10 + n)[24:29, 10:22]
    face[:8] = face[:8] // 2 + (3 * np.arange(SIDE)).astype(np.uint8)
    face[25:38, 4:20, 17] = 30
    share = strange_share(face, SEEN, INSIDE)
    assert share[25:38].min() > 2 * DISTURBED
    assert np.delete(share, np.r_[25:38]).max() < DISTURBED
    unseen = SEEN.copy()
    unseen[:, :24, 12:24] = False
    assert strange_share(face, unseen, INSIDE).max() < DISTURBED


def test_a_hand_is_on_its_way_as_long_as_something_is_seen() -> None:
    hidden, seen = np.zeros((2, 30), bool)
    hidden[12:14] = seen[10:26] = True
    assert np.flatnonzero(with_coming(hidden, seen)).tolist() == [*range(10 - BESIDE, 14 + COMING + BESIDE)]
    assert np.flatnonzero(with_coming(hidden, hidden)).tolist() == [*range(12 - BESIDE, 14 + BESIDE)]


@pytest.mark.parametrize(("yaw", "zoom"), [(0, 1), (20, 1), (60, 1), (0, 4)])
def test_a_face_is_laid_flat_by_its_landmarks(generic_head: HeadModel, yaw: float, zoom: int) -> None:
    """Luma that rises with the height on the head, 1 a mm, comes out the same from every side; a far cheek is seen edge-on.

    A large face, which is averaged down on the way, too.
    """
    flat, points = FlatFace(generic_head), generic_head.landmark_points(generic_head.template)
    camera = np.array([[900.0 * zoom, 0, 150 * zoom], [0, 900 * zoom, 150 * zoom], [0, 0, 1]])
    turned = (points - points.mean(0)) @ Rotation.from_rotvec([0, np.radians(yaw), 0]).as_matrix().T
    at = project(turned * [1, -1, -1] + [0, 0, 0.8], camera)[:, :2]
    landmarks = np.full((478, 2), np.nan)
    landmarks[generic_head.landmark_index] = at
    rise = 120 - 1000 * (np.arange(300 * zoom)[:, None] / zoom - 150.0) * 0.8 / 900 + np.zeros((1, 300 * zoom))
    picture, seen = flat.of(rise.astype(np.float32), landmarks)
    y = -np.linspace(points[:, 1].max(), points[:, 1].min(), 2 * SIDE + 1)[1::2] - -points[:, 1].mean()
    assert np.abs((picture - 120.0 + 1000 * y[:, None])[flat.inside]).max() < 12
    assert seen[flat.inside].mean() > (0.9 if yaw < 60 else 0.4)
    assert yaw < 60 or not seen[flat.inside].all()


def test_only_a_mouth_opened_wide_is_torn_open(generic_head: HeadModel) -> None:
    """A mouth that is open all the time, as while somebody sings, is the usual one; a hand shuts it."""
    landmarks = np.zeros((20, 478, 3))
    landmarks[:, HEIGHT[1], 1] = 250
    landmarks[:, LIPS[1], 1] = 25
    landmarks[5:8, LIPS[1], 1], landmarks[12, LIPS[1], 1] = 60, 2
    assert np.flatnonzero(torn_open(landmarks)).tolist() == [5, 6, 7]
    below = FlatFace(generic_head).below_nose
    assert below[SIDE // 4 * 3].all() and not below[SIDE // 2].any()
