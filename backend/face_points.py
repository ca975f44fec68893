# SPDX-License-Identifier: GPL-3.0-or-later
"""The head reduced to its landmarks: where they stand for a pose and an expression, and how they move with both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from ..models.head.units import COMPANIONS, GAZE_UNITS, MINOR, NEVER_SOLVED, RIVALS, measured, mirrored
from .types import FLIP

Array = NDArray[np.float64]

OUTLINE_TRUST = 0.3  #: the outline slides over the skin as the head turns
#: the tracker's face oval
OUTLINE = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
           136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)  # fmt: skip


@dataclass(frozen=True)
class Points:
    """The head reduced to its landmarks: camera-oriented axes (FLIP applied), metres."""

    index: NDArray[np.int64]  #: (L,) tracker landmark
    base: Array  #: (L, 3)
    identity: Array  #: (S, L, 3)
    expression: Array  #: (E', L, 3) units the landmarks can tell apart, both sides at once
    spread: Array  #: (E', E) which of the head's units each moves
    trust: Array  #: (L,)
    company: Array  #: (E', E') share of each unit (column) that another one (row) is expected to bring along
    rival: Array  #: (E', E') 1 where a unit (row) is easily mistaken for another (column) or works against it


def landmark_points(head: HeadModel) -> Points:
    keep = np.flatnonzero(head.landmark_index < 468)
    corner, weight = head.faces[head.landmark_triangle[keep]], head.landmark_weight[keep]

    def pick(vertices: Array) -> Array:
        return np.asarray(np.einsum("...lkc,lk->...lc", vertices[..., corner, :], weight) @ FLIP)

    names = head.expression_names
    hidden = (*GAZE_UNITS, *NEVER_SOLVED, *MINOR)
    seen = [k for k in measured(names) if names[k] not in hidden and mirrored(names[k]) not in names[:k]]
    spread = np.zeros((len(seen), len(names)))
    for row, k in enumerate(seen):
        spread[row, [k, names.index(mirrored(names[k]))]] = 1
    index = head.landmark_index[keep].astype(np.int64)
    trust = np.where(np.isin(index, OUTLINE), OUTLINE_TRUST, 1.0)
    expression = np.tensordot(spread, pick(head.expression), 1)
    company, rival = _relations([names[k] for k in seen])
    return Points(index, pick(head.template), pick(head.identity), expression, spread, trust, company, rival)


def _relations(names: list[str]) -> tuple[Array, Array]:
    """What FACS knows of these units: see `Points`."""
    company, rival = np.zeros((2, len(names), len(names)))
    for row, name in enumerate(names):
        leader, share = COMPANIONS.get(name, ("", 0.0))
        if leader in names:
            company[row, names.index(leader)] = share
        if RIVALS.get(name) in names:
            rival[row, names.index(RIVALS[name])] = 1
    return company, rival


@dataclass
class FaceState:
    """State of one frame during the fit."""

    rotation: Array  #: (3, 3) camera-oriented
    translation: Array  #: (3,)
    expression: Array  #: (E',)


def _project_jacobian(points: Array, focal: float) -> Array:
    """d pixel / d camera point: (L, 2, 3)."""
    z = points[:, 2]
    out = np.zeros((len(points), 2, 3))
    out[:, 0, 0] = out[:, 1, 1] = focal / z
    out[:, :, 2] = -focal * points[:, :2] / z[:, None] ** 2
    return out


def _cross_matrices(points: Array) -> Array:
    """-[p]x of points (L, 3): d(R p)/d(left rotation), (L, 3, 3)."""
    out = np.zeros((len(points), 3, 3))
    x, y, z = points.T
    out[:, 0, 1], out[:, 0, 2] = z, -y
    out[:, 1, 0], out[:, 1, 2] = -z, x
    out[:, 2, 0], out[:, 2, 1] = y, -x
    return out


def linearise(
    points: Points, person: Array, frame: FaceState, focal: float, centre: Array, seen: Array
) -> tuple[Array, Array, Array]:
    """Residual (2L,), its derivative by the frame's own unknowns (2L, 6 + E'), and by camera-space points (L, 2, 3).

    Args:
        person: (L, 3) the landmarks of this person at rest.
    """
    rest = person + np.tensordot(frame.expression, points.expression, 1)
    turned = rest @ frame.rotation.T
    at = turned + frame.translation
    pixel = focal * at[:, :2] / at[:, 2:] + centre
    jac = _project_jacobian(at, focal)
    rows = 2 * len(at)
    d_expr = ((jac @ frame.rotation) @ points.expression.transpose(1, 2, 0)).reshape(rows, -1)
    d_turn = (jac @ _cross_matrices(turned)).reshape(rows, 3)
    own = np.concatenate([d_turn, jac.reshape(rows, 3), d_expr], 1)
    return (seen - pixel).ravel(), own, jac


def robust(residual: Array, trust: Array, sigma: float, outlier: float = 2.0) -> Array:
    """Weights (2L,) 1 / px^2 with Geman-McClure tails beyond `outlier` times sigma."""
    size = np.linalg.norm(residual.reshape(-1, 2), axis=1) / (outlier * sigma)
    return np.repeat(trust / (1 + size**2) ** 2, 2) / sigma**2
