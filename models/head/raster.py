# SPDX-License-Identifier: GPL-3.0-or-later
"""A z-buffer in NumPy: which triangle is seen at which pixel, and plain pictures of a head.

Camera space is x right, y down, z forward; the centre of the top left pixel is (0, 0).
A face is seen when its corners run counter-clockwise on the displayed picture, that is when its signed area is negative
in pixel coordinates (y down): faces counter-clockwise from outside in head space stay so under `FLIP`, a rotation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

CHUNK = 2_000_000  # candidate pixels held at once, about 200 MB
EDGE = -1e-9  # barycentric slack, so that no pixel on a shared edge is lost


def project(points: Floats, camera: Floats) -> NDArray[np.float64]:
    """Project points of camera space to the image.

    Args:
        points: (..., 3) m, camera space.
        camera: K (3, 3).

    Returns:
        (..., 3) float64: x px, y px, depth m.
    """
    image = np.asarray(points, np.float64) @ np.asarray(camera, np.float64).T
    image[..., :2] /= image[..., 2:]
    image[..., 2] = points[..., 2]
    return image


def rasterise(points: Floats, faces: Ints, width: int, height: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Find the nearest front face at every pixel centre.

    Args:
        points: (V, 3) x px, y px, depth > 0.
        faces: (F, 3) indices into points.
        width: px.
        height: px.

    Returns:
        triangle (H, W) int32, -1 where there is none; barycentric (H, W, 3) float32, perspective-correct, 0 where none.
    """
    points = np.asarray(points, np.float64)
    low, size, area, front = _boxes(points, faces, width, height)
    triangle = np.full(width * height, -1, np.int32)
    depth = np.full(width * height, np.inf)
    weight = np.zeros((width * height, 3), np.float32)
    count = size[front, 0] * size[front, 1]
    for part in np.split(front, np.flatnonzero(np.diff(np.cumsum(count) // CHUNK)) + 1):
        pixel, face, bary = _cover(points, faces, part, low, size, area, width)
        inverse = bary / points[faces[face], 2]
        z = 1 / inverse.sum(1)
        near = np.flatnonzero(z < depth[pixel])
        near = near[np.argsort(-z[near], kind="stable")]  # assigned far to near: the last one written stays
        depth[pixel[near]] = z[near]
        triangle[pixel[near]] = face[near]
        weight[pixel[near]] = inverse[near] * z[near, None]
    return triangle.reshape(height, width), weight.reshape(height, width, 3)


def _boxes(
    points: NDArray[np.float64], faces: Ints, width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Pixel boxes (first pixel, size) of all faces, their signed areas, and the indices of those that can be seen."""
    corner = points[faces]
    xy = corner[..., :2]
    edge1, edge2 = xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0]
    area = edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0]
    usable = (corner[..., 2] > 0).all(1) & (area < 0) & np.isfinite(xy).all((1, 2))
    xy = np.where(usable[:, None, None], xy, 0.0)
    limit = np.array([width, height]) - 1
    low = np.ceil(np.clip(xy.min(1), 0, limit + 1)).astype(np.int64)
    high = np.floor(np.clip(xy.max(1), -1, limit)).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    return low, size, area, np.flatnonzero(usable & (size > 0).all(1))


def _cover(
    points: NDArray[np.float64], faces: Ints, part: Ints, low: Ints, size: Ints, area: Floats, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """All (pixel, face, screen barycentric) pairs of the faces in `part`."""
    count = size[part, 0] * size[part, 1]
    face = np.repeat(part, count)
    step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    y, x = np.divmod(step, size[face, 0])
    x, y = x + low[face, 0], y + low[face, 1]
    a, b, c = (points[faces[part, k], :2] for k in range(3))
    # barycentric coordinates are affine in x and y: value = gx x + gy y + g0, once per face
    gx = np.stack([c[:, 1] - a[:, 1], a[:, 1] - b[:, 1]], 1) / area[part, None]
    gy = np.stack([a[:, 0] - c[:, 0], b[:, 0] - a[:, 0]], 1) / area[part, None]
    g0 = -(gx * a[:, :1] + gy * a[:, 1:])
    own = np.repeat(np.arange(len(part)), count)
    rest = gx[own] * x[:, None] + gy[own] * y[:, None] + g0[own]
    bary = np.concatenate([1 - rest.sum(1, keepdims=True), rest], 1)
    inside = (bary >= EDGE).all(1)
    return (y * width + x)[inside], face[inside], np.clip(bary[inside], 0, 1)


def vertex_normals(vertices: Floats, faces: Ints) -> NDArray[np.float64]:
    """Area-weighted unit normals (V, 3), outwards for counter-clockwise faces."""
    corner = np.asarray(vertices, np.float64)[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.stack([np.bincount(faces.ravel(), np.repeat(normal[:, k], 3), len(vertices)) for k in range(3)], 1)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30))


def shade(
    vertices: Floats,
    faces: Ints,
    colours: Floats | Ints,
    camera: Floats,
    size: tuple[int, int],
    *,
    background: tuple[int, int, int] = (70, 70, 70),
) -> NDArray[np.uint8]:
    """Draw a head with plain shading: matt, lit from the camera and a little from above, smooth normals.

    Args:
        vertices: (V, 3) m, camera space.
        faces: (F, 3).
        colours: (F, 3) 0..255, one colour per face; a face with a negative colour is not drawn.
        camera: K (3, 3).
        size: width, height, px.
        background: 0..255.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = np.asarray(colours)[:, 0] >= 0
    faces, colours = faces[drawn], np.asarray(colours, np.float64)[drawn]
    # smoothed over faces of one colour and place only: parts do not share vertices
    normals = vertex_normals(vertices, faces)
    triangle, weight = rasterise(project(vertices, camera), faces, *size)
    seen = triangle >= 0
    tri = faces[triangle[seen]]
    normal = np.einsum("nk,nkc->nc", weight[seen], normals[tri])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    key = np.array([-0.35, -0.45, -0.82])  # towards the light, above and left of the camera
    light = 0.22 + 0.45 * np.clip(-normal[:, 2], 0, 1) + 0.4 * np.clip(normal @ key, 0, 1)
    picture = np.empty((size[1], size[0], 3), np.uint8)
    picture[:] = background
    picture[seen] = np.clip(colours[triangle[seen]] * light[:, None], 0, 255).astype(np.uint8)
    return picture
