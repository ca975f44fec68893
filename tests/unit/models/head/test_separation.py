# SPDX-License-Identifier: GPL-3.0-or-later
"""Triangles that cross come apart: direction and depth in closed form, and the smallest change against quadratic programming."""

import numpy as np
from microface.models.head.crossing import crossing_pairs
from microface.models.head.separation import HELD, ROOM, SMOOTH, SOFT, Separation, Stiffness, separating
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

DEPTH = 2e-4  # m


def test_how_far_and_where_two_triangles_leave_each_other():
    """A floor that looks up, pierced from above by a triangle that looks down, with its lowest corner DEPTH below it."""
    floor = np.array([[-0.1, 0, -0.1], [0, 0, 0.1], [0.1, 0, -0.1]])
    above = np.array([[0.0, -DEPTH, 0], [0.01, 0.002, 0.0], [0.0, 0.002, 0.01]])
    place = np.concatenate([above, floor])
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    for corner in (above, floor):
        normal = np.cross(corner[1] - corner[0], corner[2] - corner[0])
        assert normal[1] < 0 if corner is above else normal[1] > 0
    assert len(crossing_pairs(place, faces)) == 1
    along, depth = separating(above[None], floor[None])
    np.testing.assert_allclose(along, [[0, 1, 0]], atol=1e-6)
    np.testing.assert_allclose(depth, [DEPTH], rtol=1e-6)
    back, same = separating(floor[None], above[None])
    np.testing.assert_allclose(back, -along, atol=1e-12)
    np.testing.assert_allclose(same, depth, rtol=1e-12)
    place[:3] += (depth[0] + 1e-9) * along[0]
    assert len(crossing_pairs(place, faces)) == 0


def test_the_change_is_the_smallest_smooth_one_that_meets_the_constraints():
    """Against a direct minimisation of its size, its Laplacian, the motion of a point that stays, and what is missed."""
    rng, count = np.random.default_rng(1), 9
    faces = np.array([[0, 1, 2], [1, 3, 2], [2, 3, 4], [3, 5, 4], [5, 6, 4], [6, 7, 4]], np.int32)  # the last is apart
    drawn = Separation([0, 1, 5, 0], [4, 6, 2, 7], list(rng.standard_normal((4, 3))), [3e-4, 1e-4, -2e-4, 2e-4])
    rows = np.zeros((4, count, 3))
    for k, (one, other, along) in enumerate(zip(drawn.one, drawn.other, drawn.along, strict=True)):
        rows[k, one] += along
        rows[k, other] -= along
    rows, least = rows.reshape(4, -1), np.array(drawn.least)
    near = np.zeros((count - 1, count - 1))
    for a, b, c in faces:
        for one, other in ((a, b), (b, c), (c, a)):
            near[one, other] = near[other, one] = 1
    laplacian = np.eye(count - 1) - near / near.sum(1, keepdims=True)
    cost = np.zeros((count, count))
    cost[:-1, :-1] = np.eye(count - 1) + SMOOTH * laplacian.T @ laplacian
    cost[-1, -1] = 1
    point = np.array([0, 0, 0.2, 0.3, 0.5, 0, 0, 0, 0])
    cost = np.kron(cost + HELD * np.outer(point, point), np.eye(3))
    give = SOFT * np.trace(rows @ np.linalg.inv(cost) @ rows.T) / 4

    def value(change):
        change = 1e-4 * change  # lengths about 1
        missed = np.maximum(least - rows @ change, 0)
        slope = cost @ change - rows.T @ missed / give
        return 1e8 * (change @ cost @ change / 2 + missed @ missed / (2 * give)), 1e4 * slope

    best = 1e-4 * minimize(value, np.zeros(rows.shape[1]), jac=True, options={"gtol": 1e-9}).x.reshape(-1, 3)
    found = drawn.solved(Stiffness.of(faces, csr_matrix(point[None])), 1.0)
    np.testing.assert_allclose(found, best, atol=2e-8)
    assert np.abs(found).max() > 5e-5 and not found[-1].any()
    assert (rows @ found.ravel())[least > 0].min() > 0.9 * 1e-4


def test_pairs_are_drawn_apart_as_far_as_they_may():
    """Three tips stand in a floor, 20, 40 and 60 um deep; at most two are asked for, and none that is out of reach."""
    floor = np.array([[-0.1, 0, -0.1], [0, 0, 0.1], [0.1, 0, -0.1]])
    tips = [
        np.array([[x, -d, 0], [x + 0.003, 0.002, 0], [x, 0.002, 0.003]])
        for x, d in ((0, 4e-5), (0.01, 2e-5), (-0.01, 6e-5))
    ]
    place = np.concatenate([*tips, floor])
    faces = np.arange(12, dtype=np.int32).reshape(4, 3)
    pairs = faces[np.array([[0, 3], [1, 3], [2, 3]])]
    stiffness, strength, none = Stiffness.of(faces, csr_matrix((0, 12))), 0.1, np.zeros((12, 3))
    for reach, moved in ((1.0, [0, 1]), (3e-4, [1]), (1e-4, [])):
        drawn = Separation()
        drawn.add(place, pairs, strength, 2, reach, none)
        there = place + strength * drawn.solved(stiffness, 1e-9)
        left = {int(pair.min()) for pair in crossing_pairs(there, faces)}
        assert left == {0, 1, 2} - set(moved)
        for tip in moved:
            depth = there[9:, 1].max() - there[3 * tip, 1]
            assert -3 * ROOM < depth < 0
