# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME's forward pass against the paper's equations, evaluated here in float64 from the file's own arrays.

Li et al. 2017, section 3: M(b, t, p) = W(T(b, t, p), J(b, p), t, W'), T = T' + B_S(b) + B_P(t) + B_E(p); the skinning function
and the pose blend shapes are those of SMPL (Loper et al. 2015, equations 2 to 10). Joints are regressed from the mesh
with shape and expression.
"""

import numpy as np
import pytest
from microface.models.head.read.recognise import read_any_head
from scipy.spatial.transform import Rotation

TREE = (None, 0, 1, 1, 1)


@pytest.fixture(scope="module")
def head(flame_arrays, published, tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "generic_model.pkl"
    path.write_bytes(published.python2_pickle(published.flame_2020(flame_arrays)))
    return read_any_head(path)


def _paper(arrays, shape, expression, pose):
    """Vertices (5023, 3), head space; pose (5, 3) axis-angle."""
    coefficients = np.concatenate([shape, expression])
    shaped = arrays["v_template"] + np.einsum("vck,k->vc", arrays["shapedirs"], coefficients)
    joints = arrays["J_regressor"] @ shaped
    turns = Rotation.from_rotvec(pose).as_matrix()
    feature = (turns[1:] - np.eye(3)).reshape(-1)  # R_n(t) - R_n(t*), the rest pose being zero
    posed = shaped + np.einsum("vck,k->vc", arrays["posedirs"], feature)
    world = []
    for joint, parent in enumerate(TREE):
        local = np.eye(4)
        local[:3, :3] = turns[joint]
        local[:3, 3] = joints[joint] - (0 if parent is None else joints[parent])
        world.append(local if parent is None else world[parent] @ local)
    out = np.zeros_like(posed)
    for joint, matrix in enumerate(world):
        back = np.eye(4)
        back[:3, 3] = -joints[joint]
        moved = np.column_stack([posed, np.ones(len(posed))]) @ (matrix @ back).T
        out += arrays["weights"][:, joint, None] * moved[:, :3]
    return out


def _parameters(seed):
    rng = np.random.default_rng(seed)
    pose = rng.normal(0, [[0.5], [0.3], [0.25], [0.3], [0.3]], (5, 3))
    return rng.normal(0, 1, 300), rng.normal(0, 1, 100), pose, rng.normal(0, 1, 3)


@pytest.mark.parametrize("seed", range(3))
def test_the_forward_pass_is_the_papers(seed, head, flame_arrays):
    shape, expression, pose, translation = _parameters(seed)
    found = head.vertices(shape, expression, pose, translation)
    truth = _paper(flame_arrays, shape, expression, pose) * [1, -1, -1] + translation
    np.testing.assert_allclose(found, truth, atol=1e-6)  # the file's float32 weights sum to 1 only within 1e-7


def test_its_derivatives_are_those_of_the_paper(head, flame_arrays):
    """Numerical derivatives of the independent evaluation, in every kind of parameter."""
    shape, expression, pose, translation = _parameters(5)
    rows = np.arange(0, 5023, 37)
    found = head.jacobians(shape, expression, pose, translation, rows=rows)
    step = 1e-5

    def slope(**change):
        ends = []
        for sign in (1, -1):
            values = {"shape": shape, "expression": expression, "pose": pose}
            for name, direction in change.items():
                values[name] = values[name] + sign * step * direction
            ends.append(_paper(flame_arrays, **values)[rows] * [1, -1, -1])
        return (ends[0] - ends[1]) / (2 * step)

    for k in (0, 3, 59, 299):
        np.testing.assert_allclose(found.shape[..., k], slope(shape=np.eye(300)[k]), atol=1e-7)
    for k in (0, 7, 99):
        np.testing.assert_allclose(found.expression[..., k], slope(expression=np.eye(100)[k]), atol=1e-7)
    for joint in range(5):
        for axis in range(3):
            direction = np.zeros((5, 3))
            direction[joint, axis] = 1
            np.testing.assert_allclose(found.pose[:, :, joint, axis], slope(pose=direction), atol=1e-7)


def test_an_expression_moves_the_joints_as_in_flame(head, flame_arrays):
    shape, expression, pose, _ = _parameters(2)
    opened = pose * 0
    opened[2, 0] = 0.3
    truth = _paper(flame_arrays, shape, expression, opened)
    face = head.neutral(shape) + np.tensordot(expression, head.expression, 1)
    np.testing.assert_allclose(head.pose(face, head.joints(shape, expression), opened), truth, atol=1e-6)
    assert np.abs(head.pose(face, head.joints(shape), opened) - truth).max() > 1e-5  # joints of the neutral face
