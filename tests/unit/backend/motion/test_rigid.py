# SPDX-License-Identifier: GPL-3.0-or-later
"""Coarse head motion against the head model itself."""

import numpy as np
import pytest
from microface.backend.motion.rigid import against, at_frames, smoothed
from microface.backend.types import HeadFit
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from scipy.spatial.transform import Rotation

CAMERA = np.array([[800, 0, 320.0], [0, 800, 240.0], [0, 0, 1]])


def poses(turns: np.ndarray, places: np.ndarray, shape: np.ndarray | None = None) -> HeadFit:
    shape = np.zeros(3) if shape is None else shape
    return HeadFit(
        shape, shape, CAMERA, np.asarray(turns, float), np.asarray(places, float), np.zeros((len(turns), 0)), 0.0
    )


def test_motion_between_two_poses_moves_the_heads_vertices(generic_head: HeadModel) -> None:
    shape = np.random.default_rng(0).normal(size=len(generic_head.identity)) * 0.5
    turns = np.array([[0.1, -0.2, 0.05], [-0.15, 0.35, 0.1]])
    places = np.array([[0.01, 0.02, 0.8], [-0.03, 0.0, 0.7]])

    def vertices(turn: np.ndarray, place: np.ndarray) -> np.ndarray:
        pose = np.zeros((5, 3))
        pose[0] = turn
        return generic_head.vertices(shape, np.zeros(len(generic_head.expression)), pose, place)

    rest = vertices(turns[0], places[0])
    motion = against(poses(turns, places, shape), turns[0], places[0], generic_head.joints(shape)[0])
    views = motion.views(rest, CAMERA)
    for n, (turn, place) in enumerate(zip(turns, places, strict=True)):
        truth = vertices(turn, place)
        assert np.allclose(rest @ motion.turn[n].T + motion.shift[n], truth, atol=1e-12)
        assert np.allclose(views.base[n], project(truth, CAMERA)[:, :2], atol=1e-9)


def test_a_roll_of_the_head_turns_the_views_axes(generic_head: HeadModel) -> None:
    """A roll to the subject's own left side, z out of the face, is counter-clockwise in the picture."""
    motion = against(poses([[0, 0, 0.3]], [[0, 0, 0.4]]), np.zeros(3), np.array([0, 0, 0.8]), np.zeros(3))
    points = np.array([[-0.05, 0.02, 0.8], [0.05, 0.02, 0.8]])
    affine = motion.views(points, CAMERA).affine[0]
    cos, sin = np.cos(0.3), np.sin(0.3)
    assert np.allclose(affine, 2 * np.array([[cos, sin], [-sin, cos]]), atol=1e-9)  # at half the distance


def test_between_tracked_frames_the_pose_turns_evenly() -> None:
    axis = np.array([0.6, 0.0, 0.8])
    fit = poses([0.1 * axis, 0.5 * axis, [np.nan] * 3, 0.2 * axis], [[0, 0, 1], [0.1, 0, 1], [np.nan] * 3, [0, 0.4, 1]])
    tracked, frames = np.array([10, 14, 16, 18]), np.array([9, 10, 11, 13, 14, 16, 19])
    got = at_frames(fit, tracked, frames)
    expected = np.array([0.1, 0.1, 0.2, 0.4, 0.5, 0.35, 0.2])  # held beyond the ends
    assert np.allclose(got.pose, expected[:, None] * axis, atol=1e-9)
    assert np.allclose(got.translation[:, 0], [0, 0, 0.025, 0.075, 0.1, 0.05, 0], atol=1e-12)
    one = at_frames(poses([0.1 * axis], [[0, 0, 1]]), np.array([5]), np.array([4, 5, 6]))
    assert np.allclose(one.pose, 0.1 * axis)


def test_smoothing_keeps_steady_motion_and_takes_out_jitter() -> None:
    count, random = 60, np.random.default_rng(0)
    steady = np.linspace(0, 0.3, count)[:, None] * [0.0, 1.0, 0.0]
    jitter = random.normal(0, 0.01, (count, 3))
    jitter[30] = np.nan
    got = smoothed(poses(steady + jitter, steady + jitter))
    assert np.flatnonzero(np.isnan(got.pose[:, 0])).tolist() == [30]
    middle = np.r_[10:21, 40:50]
    off = (Rotation.from_rotvec(got.pose[middle]) * Rotation.from_rotvec(steady[middle]).inv()).as_rotvec()
    assert off.std() < 0.5 * 0.01
    assert np.abs(got.translation[middle] - steady[middle]).max() < 0.012
    left = np.sqrt(((got.translation[middle] - steady[middle]) ** 2).mean())
    assert left == pytest.approx(
        0.01 / np.sqrt(2 * np.sqrt(np.pi) * 3), rel=0.5
    )  # of white noise after a Gaussian of sigma 3
