# SPDX-License-Identifier: GPL-3.0-or-later
"""The z-buffer against rays cast one by one, and pictures whose pixels are known."""

import numpy as np
import pytest
from microface.models.head import raster
from microface.models.head.raster import project, rasterise, shade, vertex_normals

CAMERA = np.array([[80.0, 0, 31.5], [0, 90.0, 23.5], [0, 0, 1]])
WIDTH, HEIGHT = 64, 48


def _cast(vertices, faces, pixel):
    """Nearest front face along the ray through a pixel centre, by solving for the intersection of ray and plane."""
    ray = np.array([(pixel[0] - CAMERA[0, 2]) / CAMERA[0, 0], (pixel[1] - CAMERA[1, 2]) / CAMERA[1, 1], 1.0])
    best, at, margin = np.inf, -1, np.inf
    weights = np.zeros(3)
    for index, (a, b, c) in enumerate(vertices[faces]):
        if np.dot(np.cross(b - a, c - a), a) >= 0:
            continue
        solved = np.linalg.solve(np.stack([a, b, c], 1), ray)  # a point of the plane is a sum of corners
        depth = 1 / solved.sum()
        bary = solved * depth
        margin = min(margin, np.abs(bary).min())
        if (bary > 0).all() and 0 < depth < best:
            best, at, weights = depth, index, bary
    return at, weights, margin


@pytest.mark.parametrize("chunk", [2_000_000, 500])
def test_every_pixel_is_that_of_its_ray(chunk, monkeypatch):
    monkeypatch.setattr(raster, "CHUNK", chunk)
    rng = np.random.default_rng(4)
    vertices = rng.uniform([-0.5, -0.4, 1], [0.5, 0.4, 2], (60, 3))
    faces = rng.integers(0, 60, (40, 3))
    faces = faces[[len(set(f)) == 3 for f in faces.tolist()]]
    triangle, weight = rasterise(project(vertices, CAMERA), faces, WIDTH, HEIGHT)
    assert (triangle >= 0).mean() > 0.3
    checked = 0
    for y in range(0, HEIGHT, 3):
        for x in range(0, WIDTH, 3):
            at, expected, margin = _cast(vertices, faces, (x, y))
            if margin > 1e-6:  # not on an edge
                checked += 1
                assert triangle[y, x] == at
                np.testing.assert_allclose(weight[y, x], expected, atol=1e-5)
    assert checked > 300


def test_projection_and_its_convention():
    np.testing.assert_allclose(project(np.array([0.2, 0.1, 2.0]), CAMERA), [31.5 + 8, 23.5 + 4.5, 2.0])


def test_a_face_turned_away_is_not_seen():
    points = np.array([[5.0, 5, 1], [5, 30, 1], [30, 5, 1]])
    seen, _ = rasterise(points, np.array([[0, 1, 2]]), WIDTH, HEIGHT)  # down, then right: counter-clockwise on screen
    turned, _ = rasterise(points, np.array([[0, 2, 1]]), WIDTH, HEIGHT)
    assert seen[10, 10] == 0 and (seen >= 0).sum() > 300
    assert (turned == -1).all()


def test_neighbours_leave_no_crack():
    points = np.array([[0.0, 0, 1], [0, 47, 1], [63, 47, 1], [63, 0, 1], [31.3, 22.7, 1]])
    faces = np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]])
    triangle, _ = rasterise(points, faces, WIDTH, HEIGHT)
    assert (triangle >= 0).all()


def test_what_lies_outside_or_behind_is_left_out():
    points = np.array([[-50.0, -50, 1], [-50, -10, 1], [-10, -50, 1], [5, 5, -1], [5, 30, 1], [30, 5, 1]])
    triangle, weight = rasterise(points, np.array([[0, 1, 2], [3, 4, 5]]), WIDTH, HEIGHT)
    assert (triangle == -1).all() and not weight.any()
    empty, _ = rasterise(points, np.zeros((0, 3), np.int64), WIDTH, HEIGHT)
    assert (empty == -1).all()


def test_normals_point_outwards():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    normals = vertex_normals(corners, faces)
    assert ((normals * (corners - corners.mean(0))).sum(1) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1)


def test_a_picture_shows_the_near_part_and_leaves_out_clear_ones():
    square = np.array([[-0.2, -0.2, 0], [-0.2, 0.2, 0], [0.2, 0.2, 0], [0.2, -0.2, 0]])
    vertices = np.concatenate([square + np.array([0, 0, depth]) for depth in (2, 1.5, 1)])
    faces = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(3)])
    colours = np.repeat([[0, 0, 200], [200, 0, 0], [-1, -1, -1]], 2, 0)
    picture = shade(vertices, faces, colours, CAMERA, (WIDTH, HEIGHT), background=(1, 2, 3))
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert picture[24, 32, 0] > 100 and picture[24, 32, 2] == 0
    assert picture[0, 0].tolist() == [1, 2, 3]
