# SPDX-License-Identifier: GPL-3.0-or-later
"""Eye turns from irises, against the head model's own eyes."""

import numpy as np
import pytest
from microface.backend.gaze import eye_turns
from microface.backend.types import Tracks
from microface.models.head.model import HeadModel
from microface.models.head.raster import project

CAMERA = np.array([[1200, 0, 320.0], [0, 1200, 240.0], [0, 0, 1]])
DEPTH = 0.8  #: m, of the root joint
PX_PER_M = 1200 / (DEPTH - 0.085)  #: at the eyes


def irises(head: HeadModel, turn: tuple[float, float]) -> np.ndarray:
    """(2, 2) px, centres of the left and the right iris with both eyes turned by (x, y) rad."""
    pose = np.zeros((len(head.joint_names), 3))
    pose[[head.joint_names.index("eye_left"), head.joint_names.index("eye_right")], :2] = turn
    vertices = head.vertices(
        np.zeros(len(head.identity)), np.zeros(len(head.expression)), pose, np.array([0, 0, DEPTH])
    )
    iris = np.unique(head.polygons[head.part == head.part_names.index("iris")].clip(min=0))
    left = iris[head.template[iris, 0] > 0]
    right = np.setdiff1d(iris, left)
    return np.array([project(vertices[side], CAMERA)[:, :2].mean(0) for side in (left, right)])


def tracks(head: HeadModel, turns: np.ndarray, jitter: float = 0.0) -> Tracks:
    random = np.random.default_rng(0)
    landmarks = np.zeros((len(turns), 478, 3), np.float32)
    corner = irises(head, (0.0, 0.0))
    for n, turn in enumerate(turns):
        eye = irises(head, tuple(turn)) + random.normal(0, jitter, (2, 2))
        for side, (iris, corners) in enumerate(((473, (362, 263)), (468, (133, 33)))):
            landmarks[n, iris, :2] = eye[side]
            landmarks[n, corners, :2] = corner[side]
    frame = np.arange(len(turns))
    return Tracks(
        frame, landmarks, np.ones(len(turns), np.float32), np.zeros(len(turns), np.int64), np.zeros(0, np.int64)
    )


@pytest.mark.parametrize("turn", [(0.0, 0.3), (0.0, -0.2), (0.15, 0.0), (-0.1, 0.2)])
def test_a_known_turn_of_the_eyes_is_found(generic_head: HeadModel, turn: tuple[float, float]) -> None:
    turns = np.zeros((60, 2))
    turns[20:45] = turn
    found, _ = eye_turns(tracks(generic_head, turns), np.arange(60), np.arange(10), PX_PER_M)
    for side in (0, 1):
        assert np.abs(found[:15, side]).max() < 0.02
        assert np.allclose(found[25:40, side, :2].mean(0), turn, atol=0.03 + 0.15 * np.abs(turn).max())
    assert np.abs(found[..., 2]).max() == 0


def test_jitter_of_resting_eyes_is_no_turn(generic_head: HeadModel) -> None:
    found, std = eye_turns(tracks(generic_head, np.zeros((80, 2)), 1.0), np.arange(80), np.arange(80), PX_PER_M)
    assert np.abs(found).max() < 0.01
    assert std == pytest.approx(1.0 / (0.012 * PX_PER_M), rel=0.4)


def test_without_a_face_the_eyes_are_unknown(generic_head: HeadModel) -> None:
    lost = tracks(generic_head, np.zeros((20, 2)))
    lost.landmarks[8:12] = np.nan
    found, _ = eye_turns(lost, np.arange(20), np.arange(5), PX_PER_M)
    assert np.flatnonzero(np.isnan(found[:, 0, 0])).tolist() == [8, 9, 10, 11]
