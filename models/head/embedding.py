# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the tracker's landmarks lie on a head: draw it, track the picture, cast rays back to the surface.

Done for several people in several views: what the tracker puts on one place of the surface, whoever is drawn, stays at
its median place; landmarks that wander (the outline of a turning face) are left out. Where closed lips touch, a
hair's breadth decides between upper and lower: open mouths tell which lip it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .model import FLIP, HeadModel
from .portrait import portrait
from .raster import project, rasterise
from .rotation import rotation_matrix
from .surface_points import closest_points

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Ints = NDArray[np.int32]

#: A face tracker: picture (H, W, 3) uint8 RGB -> landmarks (478, 2 or 3) px, or None when it sees no face.
Landmarks = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]] | None]

COUNT = 478
IRIS = np.arange(468, 478)  # these belong to the eyeballs
INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
OPEN = 0.15  # rad, of the jaw
LIP_REACH = 6.0e-3  # m: on an open mouth the other lip is further away than that
SEEN_THROUGH = ("lashes", "cornea")
EYEBALL = ("eye", "iris", "pupil")
SIZE = 512  # px
FOCAL = 2.4 * SIZE
DISTANCE = 0.9  # m
TURNS = np.radians([[0, 0], [0, 14], [0, -14], [9, 0], [-9, 0], [0, 24], [0, -24]])  # pitch, yaw
PEOPLE = 3  # per turn: the mean head and others
SPREAD = 0.5  # sigma of the others' identity
SEED = 7
SNAP = 6.0  # px, from a hole in the skin to its edge
GRAZING = 0.25  # least cosine between surface and ray
WANDERING = 5.0e-3  # m, median distance from the median place
ENOUGH = 0.4  # of the pictures in which the face was found


def embed(
    head: HeadModel, landmarks: Landmarks, turns: Array = TURNS, people: int = PEOPLE
) -> tuple[Ints, Ints, Array]:
    """Landmark index (L,), triangle (L,) and barycentric weights (L, 3).

    Args:
        head: its own landmarks are not used.
        landmarks: the tracker.
        turns: (N, 2) pitch and yaw, rad, in which it is drawn.
        people: per turn.
    """
    rng = np.random.default_rng(SEED)
    places: dict[float, list[Array]] = {0.0: [], OPEN: []} if _has_jaw(head) else {0.0: []}
    for turn in turns:
        for person in range(people):
            shape = SPREAD * rng.standard_normal(len(head.identity)) * (person > 0)
            for jaw, found in places.items():
                seen = _places(head, shape, turn, jaw, landmarks)
                found.append(np.full((COUNT, 3), np.nan) if seen is None else seen)
        if np.isnan(places[0.0]).all():  # not even from the front
            break
    closed = np.stack(places[0.0])
    return _settle(head, closed, np.stack(places.get(OPEN, [np.full((COUNT, 3), np.nan)])))


def _has_jaw(head: HeadModel) -> bool:
    return bool(head.weights[:, head.joint_names.index("jaw")].any())


def _jaw(head: HeadModel, vertices: Array, joints: Array, angle: float) -> Array:
    """Vertices (V, 3) with the jaw turned."""
    return head.pose(vertices, joints, np.outer(np.equal(head.joint_names, "jaw"), [angle, 0, 0]))


def _places(head: HeadModel, shape: Array, turn: Array, jaw: float, landmarks: Landmarks) -> Array | None:
    """Where the landmarks of one picture lie on the mean adult with that jaw, (478, 3); NaN where the ray misses."""
    face = _jaw(head, head.neutral(shape), head.joints(shape), jaw)
    middle = face[head.face_mask].mean(0)
    vertices = (face - middle) @ rotation_matrix(np.array([turn[0], turn[1], 0.0])).T @ FLIP + [0, 0, DISTANCE]
    camera = np.array([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1.0]])
    points = landmarks(portrait(head, vertices, camera, (SIZE, SIZE)))
    if points is None:
        return None
    points, image, names = (
        np.asarray(points)[:, :2],
        project(vertices, camera),
        np.array(head.part_names)[head.face_part],
    )
    triangle, weight = cast(vertices, head.faces, image, points, ~np.isin(names, SEEN_THROUGH))
    triangle[IRIS], weight[IRIS] = cast(vertices, head.faces, image, points[IRIS], np.isin(names, EYEBALL))
    canonical = _jaw(head, head.template, head.joint_template, jaw)
    out: Array = np.einsum("nk,nkc->nc", weight, canonical[head.faces[triangle]])
    out[triangle < 0] = np.nan
    beside = (triangle >= 0) & (names[triangle] != "skin")  # just off the edge of a lid or lip
    beside[IRIS] = False
    rim, near = _nearest_seen_skin(head, names, image, points[beside])
    out[beside] = np.where(near[:, None], canonical[rim], np.nan)
    return out


def _nearest_seen_skin(
    head: HeadModel, names: NDArray[np.str_], image: Array, points: Array
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The vertex of visible skin nearest to each image point, and whether it is near enough to be meant."""
    opaque = np.flatnonzero(~np.isin(names, SEEN_THROUGH))
    triangle, _ = rasterise(image, head.faces[opaque], SIZE, SIZE)
    seen = opaque[np.unique(triangle[triangle >= 0])]
    skin = np.unique(head.faces[seen[names[seen] == "skin"]])
    distance, nearest = cKDTree(image[skin, :2]).query(points)
    return skin[nearest], distance < SNAP


def cast(
    vertices: Array, faces: Ints, image: Array, points: Floats, allowed: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], Array]:
    """The triangle (N,) nearest to the camera under each image point, -1 for none or grazing, and weights (N, 3).

    Args:
        vertices: (V, 3) m, camera space.
        faces: (F, 3).
        image: (V, 3) vertices as x px, y px, depth.
        points: (N, 2) px.
        allowed: (F,) triangles that count.
    """
    faces_at = np.flatnonzero(allowed)
    corner, flat = vertices[faces[faces_at]], image[faces[faces_at]]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    ray = corner.mean(1)
    facing = -(normal * ray).sum(1) / np.linalg.norm(normal, axis=1).clip(1e-30) / np.linalg.norm(ray, axis=1)
    triangle, weight = np.full(len(points), -1, np.int64), np.zeros((len(points), 3))
    left, top = flat[..., :2].min(1).T
    right, bottom = flat[..., :2].max(1).T
    for index, (x, y) in enumerate(points):
        near = np.flatnonzero((left <= x) & (right >= x) & (top <= y) & (bottom >= y) & (facing > 0))
        bary = _barycentric(flat[near, :, :2], np.array([x, y]))
        hit = (bary >= -1e-9).all(1)
        if hit.any():
            inverse = bary[hit] / flat[near[hit], :, 2]
            first = inverse.sum(1).argmax()
            if facing[near[hit][first]] > GRAZING:
                triangle[index] = faces_at[near[hit][first]]
                weight[index] = inverse[first] / inverse[first].sum()
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


def _settle(head: HeadModel, closed: Array, opened: Array) -> tuple[Ints, Ints, Array]:
    """Median places (P, 478, 3) put on the surface: on the skin, or on the eyeball for the irises."""
    usable = np.isfinite(closed[..., 0]).mean(0) >= ENOUGH
    middle = np.zeros((COUNT, 3))
    middle[usable] = np.nanmedian(closed[:, usable], 0)
    wander = np.full(COUNT, np.inf)
    wander[usable] = np.nanmedian(np.linalg.norm(closed[:, usable] - middle[usable], axis=-1), 0)
    kept = np.flatnonzero(wander < WANDERING)
    names = np.array(head.part_names)[head.face_part]
    triangle, weight = np.zeros(COUNT, np.int32), np.zeros((COUNT, 3))
    centre = _jaw(head, head.template, head.joint_template, OPEN)[head.faces].mean(1)
    for index in kept:
        allowed = np.isin(names, EYEBALL) if index in IRIS else names == "skin"
        if index in INNER_LIPS and np.isfinite(opened[:, index]).any():
            lip = np.linalg.norm(centre - np.nanmedian(opened[:, index], 0), axis=1) < LIP_REACH
            allowed &= lip if lip.any() else True
        chosen = np.flatnonzero(allowed)
        local, weight[[index]] = closest_points(middle[[index]], head.template[head.faces[chosen]])
        triangle[index] = chosen[local[0]]
    return kept.astype(np.int32), triangle[kept], weight[kept]
