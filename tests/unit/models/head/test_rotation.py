# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations agree with SciPy's, also where the angle is tiny."""

import numpy as np
import pytest
from microface.models.head.rotation import jacobian_left, rotation_matrix, skew
from scipy.spatial.transform import Rotation

VECTORS = np.random.default_rng(1).normal(0, 1, (20, 3))


@pytest.mark.parametrize("scale", [0.0, 1e-12, 1e-6, 0.99e-4, 1.01e-4, 1e-2, 1.0, 3.0])
def test_matrices_are_those_of_scipy(scale):
    expected = Rotation.from_rotvec(VECTORS * scale).as_matrix()
    np.testing.assert_allclose(rotation_matrix(VECTORS * scale), expected, atol=1e-14)


@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e-3, 0.5, 2.0])
def test_the_left_jacobian_is_the_derivative(scale):
    step = 1e-6
    for vector in VECTORS[:5] * scale:
        for axis in np.eye(3):
            ahead, behind = (Rotation.from_rotvec(vector + s * step * axis).as_matrix() for s in (1, -1))
            expected = (ahead - behind) / (2 * step)
            found = skew(jacobian_left(vector) @ axis) @ rotation_matrix(vector)
            np.testing.assert_allclose(found, expected, atol=1e-8)
