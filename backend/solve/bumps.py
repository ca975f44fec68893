# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth bumps on a grid over the face: of skin motion that no unit explains, and of depth."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...models.head.raster import project, vertex_normals
from .reference import Reference

Array = NDArray[np.float64]

DETAIL_SIGMA = (22.0, 15.0)  #: px at a face width of 240 px; wider bumps imitate the parallax of a turning head
LIFT = 0.9  #: deviation of skin's motion off the bone over that along it: it slides more readily
DEPTH_SIGMA = 30.0  #: px at 240
FRONT_M = 0.12  #: behind the face's centre, where the depth correction ends


def detail_bumps(
    reference: Reference, vertices: Array, skin: NDArray[np.bool_], pixels: Array, px_per_m: float
) -> tuple[Array, NDArray[np.int64]]:
    """Bumps of skin motion seen to go by 1 px along x or y, cut along the lips, and the scale (1..) of each.

    Args:
        reference, vertices, skin, pixels, px_per_m: as of `find_causes`.

    Returns:
        (F, V, 3) m, neighbours in F go along x and y; (F,).
    """
    image = project(vertices, reference.camera)[:, :2]
    mouth = _mouth_line(reference, vertices)
    inside = (image[:, 0] > mouth[0, 0] - 2) & (image[:, 0] < mouth[-1, 0] + 2)
    lower = image[:, 1] > _mouth_height(mouth, image[:, 0])
    slide = _slide(vertices, reference.head.faces)
    columns: list[Array] = []
    groups: list[int] = []
    for number, sigma in enumerate(DETAIL_SIGMA, 1):
        width = sigma * reference.scale
        for centre in _grid(reference, pixels, 1.5 * width, 0.5):
            bump = _gaussian(image, centre[None], width)[:, 0] * skin
            if mouth[0, 0] < centre[0] < mouth[-1, 0]:
                bump = bump * ~(inside & (lower != (centre[1] > _mouth_height(mouth, centre[0]))))
            for axis in slide:
                columns.append(bump[:, None] * axis / px_per_m)
                groups.append(number)
    return np.array(columns).reshape(-1, len(image), 3), np.array(groups, int)


def depth_bumps(reference: Reference, vertices: Array, pixels: Array, centre_m: float) -> tuple[Array, Array]:
    """Bumps of the depth correction at the pixels (M, D) and the vertices (V, D); none behind the head's front.

    Args:
        centre_m: depth of the face's centre.
    """
    width = DEPTH_SIGMA * reference.scale
    centres = _grid(reference, pixels, 1.25 * width, 0.6)
    image = project(vertices, reference.camera)[:, :2]
    front = (vertices[:, 2] < centre_m + FRONT_M)[:, None]
    return _gaussian(pixels, centres, width), _gaussian(image, centres, width) * front


def _gaussian(at: Array, centres: Array, width: float) -> Array:
    """(n, K) of bumps about centres (K, 2) px at (n, 2) px."""
    return np.asarray(np.exp(-((at[:, None] - centres) ** 2).sum(2) / (2 * width**2)))


def _grid(reference: Reference, pixels: Array, step: float, reach: float) -> Array:
    """Centres (K, 2) px on a grid of `step`, no farther than `reach` steps from a used pixel."""
    mask = np.ones((reference.height, reference.width), np.uint8)
    mask[pixels[:, 1].astype(int), pixels[:, 0].astype(int)] = 0
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    low, high = pixels.min(0), pixels.max(0)
    x, y = np.meshgrid(np.arange(low[0], high[0] + step, step), np.arange(low[1], high[1] + step, step))
    grid = np.stack([x.ravel(), y.ravel()], 1)
    column = np.clip(grid.astype(int), 0, [reference.width - 1, reference.height - 1])
    return grid[distance[column[:, 1], column[:, 0]] < step * reach]


def _slide(vertices: Array, faces: NDArray[np.int32]) -> Array:
    """(2, V, 3): what to expect of skin that is seen to move by 1 along x or along y.

    The deviation of its motion off the bone is LIFT times that along the bone: depth is the mean given what is seen.
    """
    normal = vertex_normals(vertices, faces)
    hold = 1 - LIFT**2
    across = normal[:, :2]
    depth = -hold * normal[:, 2:] * across / (1 - hold * (across**2).sum(1, keepdims=True))
    return np.asarray(np.eye(3)[:2, None] + depth.T[..., None] * np.eye(3)[2])


def _mouth_line(reference: Reference, vertices: Array) -> Array:
    """(K, 2) px where the lips meet, from left to right."""
    head = reference.head
    at = {int(k): n for n, k in enumerate(head.landmark_index)}
    landmarks = project(head.landmark_points(vertices), reference.camera)[:, :2]
    line = np.array([landmarks[at[k]] for k in (61, 13, 14, 291) if k in at])
    return line[np.argsort(line[:, 0])]


def _mouth_height(mouth: Array, x: Array) -> Array:
    """Of the mouth's line (K, 2) at x px."""
    return np.interp(x, mouth[:, 0], mouth[:, 1])
