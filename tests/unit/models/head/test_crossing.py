# SPDX-License-Identifier: GPL-3.0-or-later
"""Crossing triangles against an equation solved for every edge and triangle."""

import itertools

import numpy as np
from microface.models.head.crossing import crossing_along, crossing_pairs


def solved(vertices, faces):
    """Pairs of which an edge a + t (b - a), 0 < t < 1, is inside the other: p + u e + v f with u, v, 1 - u - v > 0."""
    found = set()
    for one, other in itertools.permutations(range(len(faces)), 2):
        if set(faces[one]) & set(faces[other]):
            continue
        p, q, r = vertices[faces[other]]
        for start, end in zip(faces[one], np.roll(faces[one], -1), strict=True):
            a, b = vertices[start], vertices[end]
            t, u, v = np.linalg.solve(np.stack([a - b, q - p, r - p], 1), a - p)
            if 0 < t < 1 and u > 0 and v > 0 and u + v < 1:
                found.add((min(one, other), max(one, other)))
    return found


def test_as_many_as_the_equations_say():
    rng = np.random.default_rng(1)
    vertices = rng.normal(size=(60, 3))
    faces = np.concatenate([np.arange(60).reshape(20, 3), rng.permutation(60).reshape(20, 3)])
    pairs = crossing_pairs(vertices, faces)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert {tuple(sorted(pair)) for pair in pairs.tolist()} == solved(vertices, faces)
    assert len(pairs) == len(solved(vertices, faces)) > 50


def test_along_a_motion_as_many_as_the_equations_say():
    rng = np.random.default_rng(2)
    vertices, motion = rng.normal(size=(2, 30, 3))
    faces = rng.permutation(30).reshape(10, 3)
    strengths = np.array([0.1, 0.105, 0.12, 0.5, 0.53, 1.0])
    counts = []
    for strength, pairs in zip(strengths, crossing_along(vertices, motion, faces, strengths), strict=True):
        expected = solved(vertices + strength * motion, faces)
        assert {tuple(sorted(pair)) for pair in pairs.tolist()} == expected
        counts.append(len(expected))
    assert len(set(counts)) > 2
    assert list(crossing_along(vertices, motion, faces, strengths[:0])) == []


def test_neighbours_and_parallels_do_not_cross():
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 1], [0, 0, 1], [1, 0, 1], [0, 1, 1.0]])
    assert len(crossing_pairs(vertices, np.array([[0, 1, 2], [1, 3, 2], [4, 5, 6]]))) == 0
    assert len(crossing_pairs(vertices, np.zeros((0, 3), int))) == 0
