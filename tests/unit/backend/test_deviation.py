# SPDX-License-Identifier: GPL-3.0-or-later
"""Deviations of what a take claims, against samples drawn from them and clouds laid on each other by score.py's own rule."""

from dataclasses import replace

import numpy as np
import pytest
from microface.backend.deviation import (
    CHOSEN,
    CLEAR,
    DEPTH_SHARE,
    GUARD,
    MOST_NOISE,
    OWN_SHARE,
    SWING,
    Doubt,
    PictureMotion,
    doubt,
    laid_rigidly,
    motion_deviation,
    unseen_depth,
)
from microface.backend.mesh import vertices_at
from microface.backend.types import NO_FACE, Take
from microface.models.head.model import HeadModel
from microface.tests.bench.score import displacement

DRAWS = 250


def test_a_coefficient_is_doubted_by_its_noise_at_rest_and_by_its_size_beyond() -> None:
    posterior, value = np.array([[0.2], [1e-6], [1e-6]]), np.array([[0.0], [0.5], [-0.5]])
    told = Doubt(np.array([0.25, 0.5, 0.5]), np.array([0.7, 0.7, 0.9]))
    found = told.deviation(posterior, value, 0 * value)[:, 0]
    assert found == pytest.approx([0.2 * 0.25, 0.5 * 0.7, 0.5 * 0.9])
    assert told.deviation(0 * posterior, 0 * value, value)[:, 0] == pytest.approx([0, SWING * 0.5, SWING * 0.5])


def test_what_is_claimed_is_doubted_more_where_there_is_more_noise_up_to_a_limit() -> None:
    ratio = np.array([0.01, 0.16, MOST_NOISE, 10.0])
    share = doubt(ratio * 0.3, np.full(4, 0.3)).share
    assert share[1] / share[0] == pytest.approx(4.0)  # sixteen times the noise, to the power of a half
    assert share[2] == pytest.approx(share[3]) == pytest.approx(OWN_SHARE * MOST_NOISE**0.5)
    assert np.isfinite(doubt(np.array([0.1]), np.array([0.0])).share).all()


def test_the_posterior_counts_as_it_is_at_rest_and_more_where_the_face_clearly_moves() -> None:
    noise = np.full(4, 0.01)
    factor = doubt(noise, np.array([0.0, CLEAR / 2, CLEAR, 100.0]) * noise).posterior
    assert factor**2 * GUARD == pytest.approx([1, 1 + CHOSEN / 4, 1 + CHOSEN, 1 + CHOSEN])
    assert doubt(np.zeros(1), np.zeros(1)).posterior == pytest.approx(1 / np.sqrt(GUARD))


def test_what_is_laid_rigidly_holds_no_turn_and_no_shift() -> None:
    random = np.random.default_rng(0)
    points = random.normal(0, 0.05, (60, 3)) + np.array([0, 0, 0.7])
    turned = np.cross([0.01, -0.02, 0.03], points) + np.array([0.1, 0, -0.2])
    bump = random.normal(0, 1e-3, (60, 3))
    free = laid_rigidly(np.stack([turned, bump, bump + turned]), points)
    assert np.abs(free[0]).max() < 1e-12
    assert np.allclose(free[1], free[2], atol=1e-12)
    # Small motions: the same as laying the moved cloud on the still one.
    assert np.allclose(free[1], displacement(np.stack([points, points + bump]), points[:, 2].mean())[1], atol=1e-5)


def uncertain(head: HeadModel, frames: int = 3) -> Take:
    """A take at rest whose frames are uncertain alike, units together and each alone, jaw, detail and depth."""
    random, vertices = np.random.default_rng(1), len(head.template)
    units, joints = len(head.expression_names), len(head.joint_names)

    def alike(values: np.ndarray) -> np.ndarray:
        return np.repeat(np.asarray(values, np.float32)[None], frames, 0)

    factor = random.normal(0, 0.01, (units, 2))
    jaw = np.zeros((joints, 3))
    jaw[head.joint_names.index("jaw"), :2] = 0.01, 0.004
    pose = np.zeros((joints, 3))
    pose[0] = 0.1, -0.2, 0.05
    return Take(
        time_s=np.arange(frames) / 30, valid=np.zeros(frames, np.uint8),
        shape=np.zeros(len(head.identity), np.float32), shape_std=np.zeros(len(head.identity), np.float32),
        shape_offset=np.zeros((vertices, 3), np.float32), expression_names=head.expression_names,
        expression=alike(np.zeros(units)), expression_std=alike(np.hypot(np.linalg.norm(factor, axis=1), 0.01)),
        expression_factor=alike(factor), joint_names=head.joint_names, pose=alike(pose), pose_std=alike(jaw),
        translation=np.tile([0, 0, 0.7], (frames, 1)), translation_std=alike(np.zeros(3)),
        detail_basis=random.normal(0, 1e-3, (2, vertices, 3)).astype(np.float32), detail=alike(np.zeros(2)),
        detail_std=alike([0.2, 0.1]), depth_std=alike(2e-4), camera=np.array([[900, 0, 320], [0, 900, 240], [0, 0, 1.0]]),
        size=(640, 480), landmark_frames=np.array([0]), landmarks=np.zeros((1, 478, 2), np.float32),
        confidence=alike(1.0), seen=alike(np.ones(units)), patch=np.full(vertices, -1, np.int32),
        covered=np.zeros((frames, 0), np.uint8), noise_px={}, noise_reason="", template_frames=np.array([0]), events=(),
        head={}, source={}, settings={},
    )  # fmt: skip


def drawn(take: Take, head: HeadModel) -> Take:
    """A take whose two frames are two draws of what it says it might be."""
    random, jaw = np.random.default_rng(2), head.joint_names.index("jaw")
    factor, pose = take.expression_factor[0], np.repeat(take.pose[:1], DRAWS, 0)
    own = np.sqrt(np.maximum(take.expression_std[0] ** 2 - (factor**2).sum(1), 0))
    pose[:, jaw, :2] += random.normal(0, 1, (DRAWS, 2)) * take.pose_std[0, jaw, :2]
    return replace(
        take, valid=np.zeros(DRAWS, np.uint8), pose=pose, translation=np.repeat(take.translation[:1], DRAWS, 0),
        expression=random.normal(0, 1, (DRAWS, 2)) @ factor.T + random.normal(0, 1, (DRAWS, len(own))) * own,
        detail=random.normal(0, 1, (DRAWS, 2)) * take.detail_std[0],
    )  # fmt: skip


def test_deviations_are_the_scatter_of_draws_laid_on_each_other(generic_head: HeadModel) -> None:
    """The difference of two frames that err independently; depth is added along the line of sight."""
    take = uncertain(generic_head)
    vertex = np.flatnonzero(generic_head.face_mask)[::10]
    told = motion_deviation(take, generic_head, vertex)[1]
    draws = drawn(take, generic_head)
    cloud = np.stack([vertices_at(draws, generic_head, k)[vertex] for k in range(DRAWS)])
    first = vertices_at(take, generic_head, 0)[vertex]
    seen = displacement(np.concatenate([first[None], cloud]), first[:, 2].mean())[1:]
    scatter = np.sqrt(2) * seen.std(0)
    scatter[:, 2] = np.hypot(scatter[:, 2], np.sqrt(2) * 2e-4)
    assert np.median(scatter / told) == pytest.approx(1, abs=0.04)
    assert np.quantile(np.abs(scatter / told - 1), 0.95) < 0.2


def test_a_frame_without_a_result_has_none_and_does_not_count_as_the_first(generic_head: HeadModel) -> None:
    take = uncertain(generic_head)
    lost = replace(take, valid=np.array([NO_FACE, 0, 0], np.uint8))
    vertex = np.flatnonzero(generic_head.face_mask)[::50]
    told = motion_deviation(lost, generic_head, vertex)
    assert np.isnan(told[0]).all()
    assert np.allclose(told[1:], motion_deviation(take, generic_head, vertex)[1:])


def test_unseen_depth_is_a_share_of_what_is_seen_without_the_heads_own_motion(stage) -> None:
    surface = stage.surface
    strength = np.zeros((3, len(surface.causes.basis)))
    strength[1:, 4] = 1.0, 2.0
    picture = PictureMotion(surface)
    told = unseen_depth(picture.size(strength))
    skin = surface.seen & surface.skin
    cloud = np.stack([surface.vertices[skin], (surface.vertices + surface.causes.basis[4])[skin]])
    moved = displacement(cloud, cloud[0, :, 2].mean())[1, :, :2]
    assert told[0] == 0
    assert told[1] == pytest.approx(DEPTH_SHARE * np.sqrt((moved**2).mean()), rel=0.02)
    assert told[2] == pytest.approx(2 * told[1])
    assert picture.noise(strength) == pytest.approx(picture.size(strength) / np.sqrt(GUARD))  # of one column alone
