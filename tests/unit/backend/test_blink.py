# SPDX-License-Identifier: GPL-3.0-or-later
"""A blink that is played moves the lids as their unit does, and nothing beside them."""

from dataclasses import dataclass

import numpy as np
import pytest
from microface.backend.assembly import DETAIL_MODES, Performance, perform
from microface.backend.blink import FADE, READ, closings, played
from microface.backend.lids import CORNERS, EDGES, LIDS
from microface.backend.motion.sweep import beyond_lids
from microface.backend.motion.window import Window
from microface.backend.types import FLIP, Tracks
from microface.models.head.raster import project

from .test_assembly import FRAMES, estimates


@dataclass(frozen=True)
class Face:
    """The part of a `Neutral` that a blink needs."""

    surface: object
    window: Window
    landmarks: np.ndarray


@pytest.fixture(scope="module")
def face(stage) -> Face:
    reference = stage.surface.reference
    image = project(reference.head.landmark_points(reference.vertices()), reference.camera)[:, :2]
    landmarks = np.tile(image.mean(0), (478, 1))
    landmarks[reference.head.landmark_index] = image
    return Face(stage.surface, Window(0, 0, 200, 240, 1, reference.scale), landmarks)


def moved(acted: Performance, head, shape: np.ndarray, frame: int) -> np.ndarray:
    """(V, 3) head space, without pose: what the take's mesh is made of."""
    still = np.zeros((len(head.joint_names), 3))
    detail = np.tensordot(acted.detail[frame], acted.detail_basis, 1)
    return head.vertices(shape, acted.expression[frame], still, np.zeros(3), detail) @ FLIP


def test_the_lid_goes_and_what_lies_beside_it_stays(stage, face: Face) -> None:
    head, shape = stage.surface.reference.head, stage.surface.reference.shape
    acted = perform(stage.surface, estimates(stage), DETAIL_MODES - 1)
    number = [head.expression_names.index(name) for name in LIDS]
    strength = np.zeros((FRAMES, 2))
    strength[[1, 2], 0] = 0.4, 0.9
    after = played(acted, face, strength, 0.4 * strength)
    assert len(after.detail_basis) == len(acted.detail_basis) + 1 <= DETAIL_MODES
    assert after.expression[2, number[0]] == pytest.approx(acted.expression[2, number[0]] + 0.9)
    assert after.expression_std[2, number[0]] >= 0.36
    assert np.isnan(after.expression[3]).all() and np.isnan(after.detail[3]).all()
    image = project(stage.surface.vertices, stage.surface.reference.camera)[:, :2]
    away = beyond_lids(image, face.landmarks, face.window.scale)[0]
    change = moved(after, head, shape, 2) - moved(acted, head, shape, 2)
    unit = 0.9 * head.expression[number[0]]
    lid, beside = away == 0, away > FADE * face.window.scale
    assert np.linalg.norm(unit[beside], axis=1).max() > 1e-3  # m: so much would be told twice
    assert change[lid] == pytest.approx(unit[lid], abs=1e-9)
    assert np.abs(change[beside]).max() < 1e-9
    for frame in (0, 4, 5):
        assert moved(after, head, shape, frame) == pytest.approx(moved(acted, head, shape, frame), abs=1e-12)


def test_a_closing_is_a_share_of_the_gap_beyond_where_the_lids_were() -> None:
    """The eyes are a little narrowed when they blink."""
    gap = np.array([1, 1, 0.9, 0.9, 0.5, 0.9 - READ, 0.9, 0.9])
    landmarks = np.zeros((len(gap), 478, 3), np.float32)
    for (upper, lower), (inner, outer) in zip(EDGES, CORNERS, strict=True):
        landmarks[:, list(upper), 1], landmarks[:, list(lower), 1] = -5 * gap[:, None], 5 * gap[:, None]
        landmarks[:, inner, 0], landmarks[:, outer, 0] = -15, 15
    none = np.zeros(len(gap), np.int64)
    tracks = Tracks(np.arange(len(gap)), landmarks, np.ones(len(gap), np.float32), none, none[:0])
    shut = np.zeros(len(gap), bool)
    shut[3:6] = True
    strength, std = closings(tracks, np.arange(2), shut)
    for side in (0, 1):
        assert strength[:, side] == pytest.approx([0, 0, 0, 0, 0.4 / READ, 1, 0, 0], abs=1e-6)
    assert std[5, 0] ** 2 - std[0, 0] ** 2 == pytest.approx(0.4**2)
