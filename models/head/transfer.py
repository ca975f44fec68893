# SPDX-License-Identifier: GPL-3.0-or-later
"""The named units of one head on the surface of another.

Both heads are laid on each other by a similarity and then by a thin-plate spline between their landmarks, with open
jaws, so that a lip meets its own lip. Every vertex of the other head's skin then takes the motion of the place of this
head that lies on it, turned and scaled by the similarity. What is farther away than a lip is thick stays still.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from .model import HeadModel, named
from .surface_points import closest_points
from .units import UNIT_NAMES

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

IRISES = 468  # the first landmark that is not on the skin
OPEN = 0.25  # rad: lips 1 cm apart
STIFFNESS = 1e-6  # of the spline, m: landmarks of different people need not meet exactly
NEAR, FAR = 0.01, 0.02  # m: full motion up to the one, none beyond the other
LEAST = 20  # common landmarks


def with_named_units(head: HeadModel, source: HeadModel) -> HeadModel:
    """The head with the source's named units behind its own expressions; as it is when it has named ones.

    Args:
        head: of any topology, with landmarks.
        source: a head whose units are named, with landmarks.

    Raises:
        ValueError: they have too few landmarks in common.
    """
    if set(UNIT_NAMES) & set(head.expression_names):
        return head
    units = transferred(head, source)
    still = np.zeros((len(units), *head.joint_template.shape))
    moved = np.concatenate([head.joint_expression, still]) if len(head.joint_expression) else head.joint_expression
    return named(
        replace(
            head,
            expression=np.concatenate([head.expression, units]),
            expression_names=(*head.expression_names, *source.expression_names),
            joint_expression=moved,
        )
    )


def transferred(head: HeadModel, source: HeadModel) -> Array:
    """The source's units on the head, (E, V, 3) m."""
    here, turn, laid = _laid_on(head, source)
    skin, theirs = _skin_faces(head), _skin_faces(source)
    rows = np.unique(skin)
    triangle, weight = closest_points(here[rows], laid[theirs])
    place = np.einsum("nk,nkc->nc", weight, laid[theirs[triangle]])
    follow = np.clip((FAR - np.linalg.norm(place - here[rows], axis=1)) / (FAR - NEAR), 0, 1)
    out = np.zeros((len(source.expression), len(here), 3))
    for number, unit in enumerate(source.expression):
        out[number, rows] = follow[:, None] * np.einsum("nk,nkc->nc", weight, unit[theirs[triangle]]) @ turn.T
    return out


def _laid_on(head: HeadModel, source: HeadModel) -> tuple[Array, Array, Array]:
    """The head (V, 3) with an open jaw, turn and scale (3, 3) from source to head, and the source laid on the head."""
    here, there = (_opened(each) for each in (head, source))
    common = np.intersect1d(head.landmark_index, source.landmark_index)
    common = common[common < IRISES]
    if len(common) < LEAST:
        raise ValueError(f"only {len(common)} landmarks in common")
    to, start = (
        each.landmark_points(vertices)[[each.landmark_index.tolist().index(k) for k in common]]
        for each, vertices in ((head, here), (source, there))
    )
    turn = _similarity(start, to)
    near = (start - start.mean(0)) @ turn.T + to.mean(0)
    spline = RBFInterpolator(near, to, kernel="thin_plate_spline", smoothing=STIFFNESS)
    return here, turn, spline((there - start.mean(0)) @ turn.T + to.mean(0))


def _opened(head: HeadModel) -> Array:
    """The mean adult with an open jaw."""
    pose = np.outer(np.equal(head.joint_names, "jaw"), [OPEN, 0, 0])
    return head.pose(head.template, head.joint_template, pose)


def _similarity(start: Array, to: Array) -> Array:
    """Rotation times scale (3, 3) that carries points best from `start` to `to`, about their means (Umeyama 1991)."""
    a, b = start - start.mean(0), to - to.mean(0)
    left, size, right = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    return np.asarray((left * sign) @ right * (size * sign).sum() / (a**2).sum())


def _skin_faces(head: HeadModel) -> NDArray[np.int32]:
    return head.faces[np.array(head.part_names)[head.face_part] == "skin"]
