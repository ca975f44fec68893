# SPDX-License-Identifier: GPL-3.0-or-later
"""Baked pose correctives: as good as the best possible, with an error that is the true one."""

import numpy as np
import pytest
from microface.models.head.correctives import MOST, bake, elements
from scipy.spatial.transform import Rotation

RNG = np.random.default_rng(0)
CORRECTIVES = RNG.normal(0, 1e-3, (36, 200, 3))


def _poses(joints, frames=80):
    """Random turns of some joints."""
    pose = np.zeros((frames, 5, 3))
    pose[:, joints] = RNG.normal(0, 0.4, (frames, len(joints), 3))
    return pose


def _exact(pose):
    """(T, V, 3) of the formula, by SciPy's rotations."""
    turns = Rotation.from_rotvec(pose[:, 1:].reshape(-1, 3)).as_matrix().reshape(len(pose), 4, 3, 3)
    return np.tensordot((turns - np.eye(3)).reshape(len(pose), 36), CORRECTIVES, 1)


@pytest.mark.parametrize("joints", [[1], [2], [3], [2, 3], [0, 1, 2, 3, 4]])
def test_the_error_is_the_true_one_and_the_least_possible(joints):
    pose = _poses(joints)
    baked, exact = bake(CORRECTIVES, pose), _exact(pose)
    assert len(baked.basis) <= MOST and np.abs(baked.values).max() <= 1 + 1e-12
    left = np.tensordot(baked.values, baked.basis, 1) - exact
    assert baked.error_m == pytest.approx(np.linalg.norm(left, axis=-1).max(), rel=1e-6, abs=1e-12)
    size = np.linalg.svd(exact.reshape(len(exact), -1), compute_uv=False)
    best = np.sqrt((size[len(baked.basis) :] ** 2).sum())
    assert np.linalg.norm(left) == pytest.approx(best, rel=1e-6, abs=1e-9)
    if len(joints) == 1:
        assert baked.error_m < 1e-7 and len(baked.basis) <= 9  # nine elements of one joint: nothing is lost
    elif len(joints) == 5:
        assert len(baked.basis) == MOST and baked.error_m > 1e-5  # more than twelve keys can carry


def test_a_jaw_that_only_opens_needs_two_keys():
    pose = np.zeros((50, 5, 3))
    pose[:, 2, 0] = np.linspace(0, 0.5, 50)
    assert len(bake(CORRECTIVES, pose).basis) == 2  # sine and cosine


def test_nothing_needs_no_keys():
    for correctives, pose in ((CORRECTIVES, np.zeros((7, 5, 3))), (CORRECTIVES[:0], _poses([2], 7))):
        baked = bake(correctives, pose)
        assert (baked.basis.shape, baked.values.shape, baked.error_m) == ((0, 200, 3), (7, 0), 0.0)


def test_elements_are_r_minus_i_row_by_row():
    pose = _poses([1, 2, 3, 4], 3)
    truth = Rotation.from_rotvec(pose[1, 3]).as_matrix() - np.eye(3)
    np.testing.assert_allclose(elements(pose)[1, 18:27], truth.ravel(), atol=1e-12)
