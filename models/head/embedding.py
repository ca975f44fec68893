# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the tracker's landmarks lie on a head: draw it, track the picture, cast rays back to the surface.

Done for several people in several views: what the tracker puts on one place of the surface, whoever is drawn, stays at
its median place; landmarks that wander (the outline of a turning face) are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import FLIP, HeadModel
from .portrait import portrait
from .raster import project
from .rotation import rotation_matrix
from .surface_points import closest_points

Array = NDArray[np.float64]
Ints = NDArray[np.int32]

#: A face tracker: picture (H, W, 3) uint8 RGB -> landmarks (478, 2 or 3) px, or None when it sees no face.
Landmarks = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]] | None]

COUNT = 478
IRIS = range(468, 478)  # these belong to the eyeballs
SIZE = 512  # px
FOCAL = 2.4 * SIZE
DISTANCE = 0.9  # m
TURNS = np.radians([[0, 0], [0, 14], [0, -14], [9, 0], [-9, 0], [0, 24], [0, -24]])  # pitch, yaw
PEOPLE = 3  # per turn: the mean head and others
SPREAD = 0.5  # sigma of the others' identity
SEED = 7
GRAZING = 0.25  # least cosine between surface and ray
WANDERING = 5.0e-3  # m, median distance from the median place
ENOUGH = 0.4  # of the pictures in which the face was found


def embed(head: HeadModel, landmarks: Landmarks) -> tuple[Ints, Ints, Array]:
    """Landmark index (L,), triangle (L,) and barycentric weights (L, 3)."""
    rng = np.random.default_rng(SEED)
    places = []
    for turn in TURNS:
        for person in range(PEOPLE):
            shape = SPREAD * rng.standard_normal(len(head.identity)) * (person > 0)
            seen = _places(head, shape, turn, landmarks)
            if seen is not None:
                places.append(seen)
    if not places:
        none = np.zeros(0, np.int32)
        return none, none, np.zeros((0, 3))
    return _settle(head, np.stack(places))


def _places(head: HeadModel, shape: Array, turn: Array, landmarks: Landmarks) -> Array | None:
    """Where the landmarks of one picture lie on the template, (478, 3) head space; NaN where the ray misses."""
    face = head.neutral(shape)
    middle = face[head.face_mask].mean(0)
    vertices = (face - middle) @ rotation_matrix(np.array([turn[0], turn[1], 0.0])).T @ FLIP + [0, 0, DISTANCE]
    camera = np.array([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1.0]])
    points = landmarks(portrait(head, vertices, camera, (SIZE, SIZE)))
    if points is None:
        return None
    triangle, weight = cast(vertices, head.faces, _targets(head), project(vertices, camera), np.asarray(points)[:, :2])
    out: Array = np.einsum("nk,nkc->nc", weight, head.template[head.faces[triangle]])
    out[triangle < 0] = np.nan
    return out


def _targets(head: HeadModel) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Triangles (F,) that a face landmark may lie on, and those that an iris landmark may lie on."""
    names = np.array(head.part_names)[head.face_part]
    return ~np.isin(names, ["lashes", "cornea"]), np.isin(names, ["eye", "iris", "pupil"])


def cast(
    vertices: Array, faces: Ints, targets: tuple[NDArray[np.bool_], NDArray[np.bool_]], image: Array, points: Array
) -> tuple[NDArray[np.int64], Array]:
    """The triangle (N,) nearest to the camera under each image point, -1 for none or grazing, and weights (N, 3).

    Args:
        vertices: (V, 3) m, camera space.
        faces: (F, 3).
        targets: (F,) triangles hit by points of the face, and by points of the irises.
        image: (V, 3) vertices as x px, y px, depth.
        points: (N, 2) px.
    """
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    ray = corner.mean(1)
    facing = -(normal * ray).sum(1) / np.linalg.norm(normal, axis=1).clip(1e-30) / np.linalg.norm(ray, axis=1)
    triangle, weight = np.full(len(points), -1, np.int64), np.zeros((len(points), 3))
    flat = image[faces]
    left, top = flat[..., :2].min(1).T
    right, bottom = flat[..., :2].max(1).T
    for index, (x, y) in enumerate(points):
        allowed = targets[1] if index in IRIS else targets[0]
        near = np.flatnonzero((left <= x) & (right >= x) & (top <= y) & (bottom >= y) & (facing > 0) & allowed)
        bary = _barycentric(flat[near, :, :2], np.array([x, y]))
        hit = (bary >= -1e-9).all(1)
        if hit.any():
            inverse = bary[hit] / flat[near[hit], :, 2]
            first = inverse.sum(1).argmax()
            if facing[near[hit][first]] > GRAZING:
                triangle[index], weight[index] = near[hit][first], inverse[first] / inverse[first].sum()
    return triangle, weight


def _barycentric(corner: Array, point: Array) -> Array:
    """(N, 3) barycentric coordinates of one point in N triangles (N, 3, 2)."""
    a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-12, np.inf, area)
    second, third = _cross(point - a, c - a) / area, _cross(b - a, point - a) / area
    return np.stack([1 - second - third, second, third], 1)


def _cross(a: Array, b: Array) -> Array:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _settle(head: HeadModel, places: Array) -> tuple[Ints, Ints, Array]:
    """Median places (P, 478, 3) put on the surface: on the skin, or on the eyeball for the irises."""
    found = np.isfinite(places[..., 0])
    usable = found.mean(0) >= ENOUGH
    middle = np.zeros((COUNT, 3))
    middle[usable] = np.nanmedian(places[:, usable], 0)
    wander = np.full(COUNT, np.inf)
    wander[usable] = np.nanmedian(np.linalg.norm(places[:, usable] - middle[usable], axis=-1), 0)
    kept = np.flatnonzero(wander < WANDERING)
    names = np.array(head.part_names)[head.face_part]
    triangle, weight = np.zeros(len(kept), np.int32), np.zeros((len(kept), 3))
    for iris, parts in ((False, ["skin"]), (True, ["eye", "iris", "pupil"])):
        mine = np.isin(kept, IRIS) == iris
        allowed = np.flatnonzero(np.isin(names, parts))
        local, weight[mine] = closest_points(middle[kept[mine]], head.template[head.faces[allowed]])
        triangle[mine] = allowed[local]
    return kept.astype(np.int32), triangle, weight
