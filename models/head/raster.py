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
EDGE = -1e-9  # slack of barycentric weight / depth, so that no pixel on a shared edge is lost


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
    low, size, front = _boxes(points, faces, width, height)
    gradient = _gradients(points, faces, front)
    triangle = np.full(width * height, -1, np.int64)
    nearness = np.zeros(width * height)  # 1 / depth, which is affine on the picture
    count = size.prod(1)
    for part in np.split(np.arange(len(front)), np.flatnonzero(np.diff(np.cumsum(count) // CHUNK)) + 1):
        own, x, y = _pixels(low[part], size[part])
        own = part[own]
        near = _evaluate(gradient[own], x, y)
        inside = (near.min(0) >= EDGE).nonzero()[0]
        own, pixel, near = own[inside], (y * width + x)[inside], near[:, inside].sum(0)
        np.maximum.at(nearness, pixel, near)
        first = near == nearness[pixel]
        triangle[pixel[first]] = own[first]
    seen = np.flatnonzero(triangle >= 0)
    weight = np.zeros((width * height, 3), np.float32)
    share = _evaluate(gradient[triangle[seen]], seen % width, seen // width).clip(0)
    weight[seen] = (share / share.sum(0)).T
    triangle[seen] = front[triangle[seen]]
    return triangle.astype(np.int32).reshape(height, width), weight.reshape(height, width, 3)


def _boxes(
    points: Floats, faces: Ints, width: int, height: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pixel boxes (first pixel (N, 2), size (N, 2)) of the faces that can be seen, and their indices (N,)."""
    corner = points[faces]
    xy = corner[..., :2]
    area = _cross(xy[:, 1] - xy[:, 0], xy[:, 2] - xy[:, 0])
    usable = (corner[..., 2] > 0).all(1) & (area < 0) & np.isfinite(xy).all((1, 2))
    xy = np.where(usable[:, None, None], xy, 0.0)
    limit = np.array([width, height]) - 1
    low = np.ceil(np.clip(xy.min(1), 0, limit + 1)).astype(np.int64)
    high = np.floor(np.clip(xy.max(1), -1, limit)).astype(np.int64)
    size = np.maximum(high - low + 1, 0)
    front = np.flatnonzero(usable & (size > 0).all(1))
    return low[front], size[front], front


def _gradients(points: Floats, faces: Ints, front: Ints) -> NDArray[np.float64]:
    """(N, 3 corners, 3): barycentric weight / depth of each corner as g0 x + g1 y + g2 on the picture."""
    corner = points[faces[front]]
    following, last = np.roll(corner, -1, 1)[..., :2], np.roll(corner, -2, 1)[..., :2]
    edge = last - following  # the edge opposite each corner: there its weight is 0
    scale = _cross(corner[:, 1, :2] - corner[:, 0, :2], corner[:, 2, :2] - corner[:, 0, :2])[:, None] * corner[..., 2]
    return np.asarray(np.stack([-edge[..., 1], edge[..., 0], -_cross(edge, following)], -1) / scale[..., None])


def _cross(a: Floats, b: Floats) -> NDArray[np.float64]:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _pixels(low: Ints, size: Ints) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """All pixels of all boxes: number of the box, x, y."""
    count = size.prod(1)
    own = np.repeat(np.arange(len(size)), count)
    y, x = np.divmod(np.arange(len(own)) - np.repeat(np.cumsum(count) - count, count), size[own, 0])
    return own, x + low[own, 0], y + low[own, 1]


def _evaluate(gradient: NDArray[np.float64], x: Ints, y: Ints) -> NDArray[np.float64]:
    """(3, N) values of affine functions (N, 3, 3) at pixels."""
    return np.stack([gradient[:, k, 0] * x + gradient[:, k, 1] * y + gradient[:, k, 2] for k in range(3)])


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
