# SPDX-License-Identifier: GPL-3.0-or-later
"""What the loose pieces of a face's mesh are: skin, eyeballs with an iris in front, and thin things before the skin.

Told by their form alone: names and materials of other people's characters say nothing reliable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]
Faces = NDArray[np.integer[Any]]
Labels = NDArray[np.int64]

SKIN, EYE, IRIS, THIN, CLEAR = range(5)  # index into PART_NAMES
PART_NAMES = ("skin", "eye", "iris", "lashes", "cornea")
SAME = 1e-5  # m: vertices that lie together belong together; exporters split them at seams
ROUND = (
    0.06  # of the radius: how far three quarters of an eyeball's vertices may be from a sphere; the rest is its front
)
EVEN = 0.45  # least share of an eyeball's longest side that its shortest has: it may be half a ball
BALL = (0.008, 0.022)  # m, radius of an eyeball where eyes are 63 mm apart
GAZE = np.cos(np.radians(27))  # of the angle between the rim of an iris and its middle, at the eye's centre
LAYER = 1.3  # radii from the centre of an eyeball within which its cornea and iris lie
AXIS = np.cos(np.radians(15))  # of the angle within which these lie before its middle, where no lash is
REACH = 0.11  # m, from the middle of a face to its rim
LARGE = 0.25  # share of the face's largest island from which an island is skin too


def islands(vertices: Array, faces: Faces) -> Labels:
    """(V,) number of the connected piece that each vertex belongs to; vertices at one place are one."""
    _, same = np.unique(np.round(vertices / SAME).astype(np.int64), axis=0, return_inverse=True)
    same = same.reshape(-1)
    start, end = same[faces].ravel(), same[np.roll(faces, 1, 1)].ravel()
    graph = coo_matrix((np.ones(len(start)), (start, end)), shape=(same.max() + 1, same.max() + 1))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)[same]


def island_parts(vertices: Array, faces: Faces, label: Labels) -> NDArray[np.int8]:
    """(F,) SKIN, EYE, IRIS, THIN or CLEAR of every triangle.

    Args:
        vertices: (V, 3) m, the face at the origin, y up, z forward, an adult's size.
        faces: (F, 3).
        label: (V,) of `islands`.
    """
    part = np.full(len(faces), THIN, np.int8)
    of_face = label[faces[:, 0]]
    inside = np.linalg.norm(vertices, axis=1) < REACH
    count = np.bincount(label[inside], minlength=label.max() + 1)
    balls = {one: ball for one in np.unique(label[inside]) if (ball := _ball(vertices[label == one]))}
    for one in np.flatnonzero(count):
        own, points = of_face == one, vertices[label == one]
        if one in balls:
            part[own] = np.where(_forward(vertices[faces[own]].mean(1), balls[one][0]) > GAZE, IRIS, EYE)
        elif layer := next((ball for ball in balls.values() if _is_layer(points, ball)), None):
            part[own] = CLEAR if np.linalg.norm(points - layer[0], axis=1).max() > layer[1] else IRIS
        elif count[one] >= LARGE * count.max():
            part[own] = SKIN
    return part


Ball = tuple[Array, float]  # centre (3,), radius


def _ball(points: Array) -> Ball | None:
    """The eyeball that points lie on, or None."""
    side = np.ptp(points, axis=0)
    if len(points) < 12 or side.min() < EVEN * side.max():
        return None
    found, *_ = np.linalg.lstsq(np.column_stack([2 * points, np.ones(len(points))]), (points**2).sum(1), rcond=None)
    radius = np.linalg.norm(points - found[:3], axis=1)
    even = np.quantile(np.abs(radius - np.median(radius)), 0.75) < ROUND * radius.mean()
    return (found[:3], float(radius.mean())) if even and BALL[0] < radius.mean() < BALL[1] else None


def _is_layer(points: Array, ball: Ball) -> bool:
    """Whether an island lies before the middle of an eyeball, close to it: a cornea, or an iris of its own."""
    close = np.linalg.norm(points - ball[0], axis=1).max() < LAYER * ball[1]
    return bool(close and _forward(points, ball[0]).max() > AXIS)


def _forward(points: Array, centre: Array) -> Array:
    """Cosine (N,) of the angle between straight ahead and the way from a centre to points."""
    out = points - centre
    return np.asarray(out[:, 2] / np.maximum(np.linalg.norm(out, axis=1), 1e-30))
