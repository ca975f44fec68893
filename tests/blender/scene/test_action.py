# SPDX-License-Identifier: GPL-3.0-or-later
"""Axis-angle to the quaternions that are keyed."""

import numpy as np
from mathutils import Quaternion
from microface.models.head.rotation import rotation_matrix
from microface.operators.scene.action import quaternions


def test_quaternions_are_the_same_rotations():
    vectors = np.random.default_rng(3).normal(0, 1.5, (50, 3))
    vectors[0], vectors[1] = 0, (1e-9, 0, 0)
    found = np.array([Quaternion(q).to_matrix() for q in quaternions(vectors)])
    np.testing.assert_allclose(found, rotation_matrix(vectors), atol=1e-6)


def test_a_full_turn_never_changes_side():
    """Between neighbours of opposite sign Blender would run through all other rotations."""
    angle = np.linspace(0, 9, 400)
    angle = np.where(angle > np.pi, angle - 2 * np.pi, angle)  # as a solver that keeps |angle| < pi would report it
    turned = quaternions(angle[:, None] * np.array([0.6, 0, 0.8]))
    np.testing.assert_allclose(np.linalg.norm(turned, axis=1), 1, atol=1e-12)
    assert np.abs(np.diff(turned, axis=0)).max() < 0.02
