# SPDX-License-Identifier: GPL-3.0-or-later
"""From where the camera sees the head: which views of it need a template of their own, and which template serves a frame.

A view is a point (4,): the unit vector from the head to the camera in head axes, and the logarithm of the distance, scaled so that
distances between views are angles (rad). Roll costs nothing: the motion sheet turns with the head in the picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..models.head.model import HeadModel
from .types import FLIP, Floats

Array = NDArray[np.float64]

REACH = np.radians(12)  #: a template serves views as near as this
STEP = np.radians(18)  #: to the next template at most: frames half way are then within REACH of both
CLOSER = 1.25  #: change of distance that counts as much as a turn by REACH
FEWEST = 3  #: tracked frames, a tenth of a second: less is not worth a template
MOST = 12  #: templates
LOOKED_AT = 200  #: places tried for the next template
SWITCH = 4.0  #: cost of changing the template: a tenth of a second at twice REACH, half a second near it


def viewpoints(head: HeadModel, shape: Floats, pose: Floats, translation: Floats) -> Array:
    """Views (N, 4) of a head in poses (N, 3) and translations (N, 3); NaN where they are."""
    joint, centre = head.joints(shape)[0], head.landmark_points(head.neutral(shape)).mean(0)
    out = np.full((len(pose), 4), np.nan)
    seen = np.isfinite(pose[:, 0])
    turn = Rotation.from_rotvec(pose[seen])
    away = (turn.apply(centre - joint) + joint) @ FLIP + translation[seen]
    distance = np.linalg.norm(away, axis=1, keepdims=True)
    out[seen, :3] = turn.inv().apply(-(away / distance) @ FLIP)
    out[seen, 3] = np.log(distance[:, 0]) * REACH / np.log(CLOSER)
    return out


def distances(places: Floats, views: Floats) -> Array:
    """(K, N) rad from each of K places (K, 4) to N views (N, 4); infinite where a view is unknown."""
    apart = np.linalg.norm(np.asarray(places)[:, None] - np.asarray(views)[None], axis=2)
    return np.nan_to_num(apart, nan=np.inf)


def further_views(views: Array, rest: Array) -> list[int]:
    """Frames (indices into `views`) whose view needs a template beside that of `rest` (4,): where most frames are near.

    Each stands at most STEP from one before, so that there are frames both can measure.
    """
    chosen: list[int] = []
    nearest = distances(rest[None], views)[0]
    while len(chosen) < MOST - 1:
        far = np.flatnonzero((nearest > REACH) & np.isfinite(nearest))
        if len(far) < FEWEST:
            break
        near = far[nearest[far] <= max(STEP, float(nearest[far].min()))]
        tried = near[np.unique(np.linspace(0, len(near) - 1, min(LOOKED_AT, len(near))).round().astype(int))]
        company = (distances(views[tried], views[far]) < REACH).sum(1)
        chosen.append(int(tried[np.argmax(company)]))
        nearest = np.minimum(nearest, distances(views[chosen[-1:]], views)[0])
    return chosen


def serving(distance: Array) -> NDArray[np.int64]:
    """Which of K templates serves each of N frames (K, N) rad: the nearest, but changed as seldom as worth while (Viterbi)."""
    cost = np.where(np.isfinite(distance), (distance / REACH) ** 2, 0.0)
    total, came = cost[:, 0], np.zeros(cost.shape, np.int64)
    for n in range(1, cost.shape[1]):
        best = int(np.argmin(total))
        came[:, n] = np.where(total <= total[best] + SWITCH, np.arange(len(cost)), best)
        total = np.minimum(total, total[best] + SWITCH) + cost[:, n]
    out = np.zeros(cost.shape[1], np.int64)
    out[-1] = np.argmin(total)
    for n in range(cost.shape[1] - 1, 0, -1):
        out[n - 1] = came[out[n], n]
    return out
