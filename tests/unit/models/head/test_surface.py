# SPDX-License-Identifier: GPL-3.0-or-later
"""Edge loops, regions, closest points and the ways in which pieces follow the base mesh."""

import numpy as np
import pytest
from microface.models.head.part import affine, similarity
from microface.models.head.surface import QuadMesh
from microface.models.head.surface_points import closest_points
from scipy.spatial.transform import Rotation


def _tube(rings=6, around=8):
    """Quads of a tube: ring r, place k is vertex r * around + k."""
    ring, place = np.meshgrid(np.arange(rings - 1), np.arange(around), indexing="ij")
    turned = (place + 1) % around
    corners = [ring * around + place, ring * around + turned, (ring + 1) * around + turned, (ring + 1) * around + place]
    return np.stack(corners, -1).reshape(-1, 4)


def test_a_loop_goes_round_and_divides_the_mesh():
    mesh = QuadMesh(_tube())
    loop = mesh.loop((16, 17))
    assert sorted(loop) == list(range(16, 24))
    above = mesh.region(0, [loop])
    np.testing.assert_array_equal(above, np.arange(40) < 16)
    assert mesh.region(0, []).all()


def test_a_line_that_ends_is_not_a_loop():
    with pytest.raises(ValueError, match="not closed"):
        QuadMesh(_tube()).loop((0, 8))


def test_closest_points_are_the_closest_of_a_dense_sampling():
    rng = np.random.default_rng(0)
    corners = rng.normal(0, 1, (20, 3, 3))
    points = rng.normal(0, 1.5, (50, 3))
    triangle, weight = closest_points(points, corners)
    assert (weight >= -1e-12).all()
    np.testing.assert_allclose(weight.sum(1), 1)
    found = np.linalg.norm(np.einsum("nk,nkc->nc", weight, corners[triangle]) - points, axis=1)
    share = rng.dirichlet((0.4, 0.4, 0.4), 4000)
    dense = np.einsum("sk,fkc->fsc", share, corners).reshape(-1, 3)
    nearest = np.array([np.linalg.norm(dense - p, axis=1).min() for p in points])
    assert (found <= nearest + 1e-12).all() and (nearest - found).max() < 0.1


def test_pieces_follow_rigid_motion_exactly_and_balls_stay_balls():
    rng = np.random.default_rng(2)
    base = rng.normal(0, 1, (30, 3))
    guide = np.arange(5, 25)
    piece = rng.normal(0, 1, (7, 3))
    turn, shift = Rotation.from_rotvec([0.3, -0.5, 0.2]).as_matrix(), np.array([1, 2, 3])
    np.testing.assert_allclose(
        piece + affine(piece, guide, base)(base @ turn.T + shift - base), piece @ turn.T + shift, atol=1e-12
    )
    follow = similarity(piece, guide, base)
    np.testing.assert_allclose(piece + follow(1.2 * base + shift - base), 1.2 * piece + shift, atol=1e-12)
    bent = piece + follow(rng.normal(0, 0.3, (4, 30, 3)))  # whatever happens, only moved and scaled
    for one in bent:
        arm, original = one - one.mean(0), piece - piece.mean(0)
        scale = np.linalg.norm(arm) / np.linalg.norm(original)
        np.testing.assert_allclose(arm, scale * original, atol=1e-12)
