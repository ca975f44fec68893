# SPDX-License-Identifier: GPL-3.0-or-later
"""The formula against one written vertex by vertex, its derivatives against differences, its file against damage."""

from dataclasses import fields, replace

import numpy as np
import pytest
from microface.models.errors import MicrofaceError
from microface.models.head.model import FLIP, read_head, write_head
from scipy.spatial.transform import Rotation


def _parameters(head, seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, 1, len(head.identity)),
        rng.uniform(-0.3, 1, len(head.expression)),
        rng.normal(0, 0.4, (5, 3)),
        rng.normal(0, 1, 3),
        rng.normal(0, 0.002, head.template.shape),
    )


def _one_vertex(head, index, shape, expression, pose, translation, offset):
    """The formula with homogeneous matrices, for one vertex."""
    rotations = [Rotation.from_rotvec(p).as_matrix() for p in pose]
    point = head.template[index] + offset[index]
    for k, value in enumerate(shape):
        point = point + value * head.identity[k, index]
    for k, value in enumerate(expression):
        point = point + value * head.expression[k, index]
    if len(head.pose_correctives):
        feature = np.concatenate([(r - np.eye(3)).ravel() for r in rotations[1:]])
        point = point + feature @ head.pose_correctives[:, index]
    joints = head.joint_template + sum(z * d for z, d in zip(shape, head.joint_identity, strict=True))
    for value, moved in zip(expression, head.joint_expression, strict=False):  # none on the generic head
        joints = joints + value * moved
    posed = np.zeros(3)
    for joint in range(5):
        chain = np.eye(4)
        at = joint
        while at >= 0:
            move = np.eye(4)
            move[:3, :3] = rotations[at]
            move[:3, 3] = joints[at] - rotations[at] @ joints[at]  # a turn about the joint's place at rest
            chain, at = move @ chain, head.parents[at]
        posed = posed + head.weights[index, joint] * (chain @ [*point, 1])[:3]
    return np.array([posed[0], -posed[1], -posed[2]]) + translation


HEADS = ["random_head", "joints_follow_expressions", "generic"]


@pytest.fixture
def joints_follow_expressions(random_head):
    """As in FLAME."""
    moved = np.random.default_rng(8).normal(0, 0.01, (3, 5, 3))
    return replace(random_head, joint_expression=moved)


@pytest.mark.parametrize("name", HEADS)
def test_vertices_are_those_of_an_independent_evaluation(name, request):
    head = request.getfixturevalue(name)
    parameters = _parameters(head, 3)
    found = head.vertices(*parameters)
    for index in range(0, len(found), max(1, len(found) // 40)):
        np.testing.assert_allclose(found[index], _one_vertex(head, index, *parameters), atol=1e-12)


def test_a_head_at_rest_is_its_template_before_the_camera(random_head):
    found = random_head.vertices(np.zeros(4), np.zeros(3), np.zeros((5, 3)), np.zeros(3))
    np.testing.assert_allclose(found, random_head.template * [1, -1, -1], atol=1e-15)
    np.testing.assert_array_equal(FLIP, np.diag([1, -1, -1]))


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("still", [False, True])
def test_jacobians_are_the_derivatives(name, still, request):
    head = request.getfixturevalue(name)
    shape, expression, pose, translation, offset = _parameters(head, 5)
    pose = pose * (not still)
    rows = np.arange(0, len(head.template), max(1, len(head.template) // 60))
    found = head.jacobians(shape, expression, pose, translation, offset, rows)
    np.testing.assert_allclose(
        found.vertices, head.vertices(shape, expression, pose, translation, offset)[rows], atol=1e-13
    )
    step, chosen = 1e-6, np.random.default_rng(1)
    for k in chosen.permutation(len(shape))[:8]:
        d = step * (np.arange(len(shape)) == k)
        np.testing.assert_allclose(
            found.shape[..., k],
            _difference(head, rows, step, (shape + d, expression, pose), (shape - d, expression, pose), offset),
            atol=1e-8,
        )
    for k in chosen.permutation(len(expression))[:8]:
        d = step * (np.arange(len(expression)) == k)
        np.testing.assert_allclose(
            found.expression[..., k],
            _difference(head, rows, step, (shape, expression + d, pose), (shape, expression - d, pose), offset),
            atol=1e-8,
        )
    for joint in range(5):
        for axis in range(3):
            d = np.zeros((5, 3))
            d[joint, axis] = step
            np.testing.assert_allclose(
                found.pose[:, :, joint, axis],
                _difference(head, rows, step, (shape, expression, pose + d), (shape, expression, pose - d), offset),
                atol=1e-8,
            )


def _difference(head, rows, step, ahead, behind, offset):
    here = np.zeros(3)
    return (head.vertices(*ahead, here, offset) - head.vertices(*behind, here, offset))[rows] / (2 * step)


def test_joints_at_rest_and_with_an_expression(joints_follow_expressions, random_head):
    head, shape, value = joints_follow_expressions, np.zeros(4), np.array([0.5, 0, -1])
    np.testing.assert_array_equal(head.joints(shape), head.joint_template)
    expected = head.joint_template + 0.5 * head.joint_expression[0] - head.joint_expression[2]
    np.testing.assert_allclose(head.joints(shape, value), expected, atol=1e-15)
    many = np.stack([value, 2 * value])
    np.testing.assert_allclose(head.joint_shift(many)[1], 2 * (expected - head.joint_template), atol=1e-15)
    assert random_head.joint_shift(many).shape == (2, 5, 3) and not random_head.joint_shift(many).any()


def test_landmarks_are_weighted_corners(random_head):
    many = np.random.default_rng(2).normal(0, 1, (6, 12, 3))
    found = random_head.landmark_points(many)
    np.testing.assert_allclose(found[:, 0], 0.2 * many[:, 0] + 0.3 * many[:, 2] + 0.5 * many[:, 3])
    np.testing.assert_allclose(found[:, 1], many[:, 4])


def test_every_triangle_knows_its_part(random_head):
    np.testing.assert_array_equal(random_head.face_part, [0, 0, 1])


def test_a_head_survives_its_file(random_head, tmp_path):
    path = tmp_path / "head.npz"
    write_head(path, random_head)
    first = path.read_bytes()
    back = read_head(path)
    for field in fields(random_head):
        stored, original = getattr(back, field.name), getattr(random_head, field.name)
        if isinstance(original, np.ndarray):
            assert stored.dtype == original.dtype
            np.testing.assert_allclose(stored, original, atol=1e-7, rtol=1e-6)
        elif field.name != "sha256":
            assert stored == original
    assert len(back.sha256) == 64
    write_head(path, random_head)
    assert path.read_bytes() == first
    assert [p.name for p in tmp_path.iterdir()] == ["head.npz"]


@pytest.mark.parametrize("content", [None, b"", b"not a zip", "cut", "pickle"])
def test_a_damaged_file_is_one_clear_error(content, random_head, tmp_path):
    path = tmp_path / "head.npz"
    if content == "cut":
        write_head(path, random_head)
        path.write_bytes(path.read_bytes()[:-200])
    elif content == "pickle":
        np.savez(path, template=np.array([{}], dtype=object))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(MicrofaceError, match="is not a readable head file") as caught:
        read_head(path)
    assert caught.value.code == "bad_head"


@pytest.mark.parametrize(
    "change",
    [
        {"faces": np.array([[0, 1, 99]], np.int32)},
        {"weights": np.ones((3, 5))},
        {"expression_names": ("one",)},
        {"pose_correctives": np.zeros((7, 12, 3))},
        {"landmark_triangle": np.array([0, 99], np.int32)},
        {"joint_expression": np.zeros((2, 5, 3))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_arrays_that_do_not_agree_are_refused(change, random_head, tmp_path):
    write_head(tmp_path / "head.npz", replace(random_head, **change))
    with pytest.raises(MicrofaceError, match="is not a readable head file"):
        read_head(tmp_path / "head.npz")
