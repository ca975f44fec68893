# SPDX-License-Identifier: GPL-3.0-or-later
"""The named units of one head on the surface of another, and its jaw where the other has none.

Both heads are laid on each other by a similarity and then by a thin-plate spline between their landmarks, with open
jaws, so that a lip meets its own lip. Every vertex of the other head's skin then takes the motion of the place of this
head that lies on it, turned and scaled by the similarity. What is farther away than a lip is thick stays still. The
motion is then made to suit the head (`settle.py`, `overlap.py`), and its eyes turn in the units that turn eyes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator

from .model import JOINT_NAMES, HeadModel, named
from .overlap import parted
from .settle import settled
from .surface_points import closest_points
from .units import UNIT_NAMES

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

JAW = JOINT_NAMES.index("jaw")
EYES = (JOINT_NAMES.index("eye_left"), JOINT_NAMES.index("eye_right"))
IRISES = 468  # the first landmark that is not on the skin
OPEN = 0.25  # rad: lips 1 cm apart
STIFFNESS = 1e-6  # of the spline, m: landmarks of different people need not meet exactly
NEAR, FAR = 0.01, 0.02  # m: full motion up to the one, none beyond the other
CLOSE, SOME = 0.005, 0.02  # m within which a place is trusted, and the least trust in one
LEAST = 20  # common landmarks


def with_named_units(
    head: HeadModel, source: HeadModel, told: Callable[[float], None] = lambda share: None
) -> HeadModel:
    """The head with the source's named units behind its own expressions; as it is when it has named ones.

    Args:
        head: of any topology, with landmarks.
        source: a head whose units are named, with landmarks.
        told: hears now and then which share of the work is done; what it raises ends it.

    Raises:
        ValueError: they have too few landmarks in common.
    """
    if set(UNIT_NAMES) & set(head.expression_names):
        return head
    laid = _laid_on(head, source)
    carried = laid.carried(source.expression) @ laid.turn.T
    units = parted(head, source, settled(head, source, carried, laid.trust), told)
    units += _turned_eyes(head, source, laid.turn)
    still = np.zeros((len(units), *head.joint_template.shape))
    moved = np.concatenate([head.joint_expression, still]) if len(head.joint_expression) else head.joint_expression
    whole = replace(
        head,
        expression=np.concatenate([head.expression, units]),
        expression_names=(*head.expression_names, *source.expression_names),
        joint_expression=moved,
    )
    return named(whole if head.weights[:, JAW].any() else _with_jaw(whole, source, laid))


@dataclass(frozen=True)
class Laid:
    """Where each vertex of a head's skin lies on the other head."""

    turn: Array  #: (3, 3) rotation times scale from the other head
    centre: Array  #: (2, 3) m, places of both heads that correspond: the other's, the head's
    count: int  #: vertices of the head
    rows: NDArray[np.int64]  #: (N,) its vertices of skin
    corner: NDArray[np.int32]  #: (N, 3) vertices of the other
    weight: Array  #: (N, 3) barycentric, fading to 0 where the other is too far away
    trust: Array  #: (V,) how well it lies there, 0 to 1

    def carried(self, values: Floats) -> Array:
        """Values (E, V', C) of the other's vertices on the head's, (E, V, C); 0 off the skin."""
        out = np.zeros((len(values), self.count, values.shape[-1]))
        for number, each in enumerate(values):
            out[number, self.rows] = np.einsum("nk,nkc->nc", self.weight, each[self.corner])
        return out


def _with_jaw(head: HeadModel, source: HeadModel, laid: Laid) -> HeadModel:
    """The head with the source's jaw: what it carries is taken from the joints that carried it."""
    share = np.clip(laid.carried(source.weights[None, :, JAW, None])[0], 0, 1)
    weights = head.weights * (1 - share)
    weights[:, JAW] = share[:, 0]
    joints = head.joint_template.copy()
    joints[JAW] = (source.joint_template[JAW] - laid.centre[0]) @ laid.turn.T + laid.centre[1]
    return replace(head, weights=weights, joint_template=joints)


def _turned_eyes(head: HeadModel, source: HeadModel, turn: Array) -> Array:
    """Motion (E, V, 3) of the eyeballs: the linear map that a unit is on the source's eye, on the head's."""
    out = np.zeros((len(source.expression), *head.template.shape))
    for joint in EYES:
        theirs, mine = (np.flatnonzero(each.weights[:, joint] > 0.5) for each in (source, head))
        if not len(theirs) or not len(mine):
            continue
        start, to = (
            np.column_stack([(each.template[rows] - each.joint_template[joint]) @ back, np.ones(len(rows))])
            for each, rows, back in ((source, theirs, np.eye(3)), (head, mine, np.linalg.inv(turn).T))
        )
        linear = np.linalg.pinv(start) @ source.expression[:, theirs]
        out[:, mine] = to @ linear @ turn.T
    return out


def _laid_on(head: HeadModel, source: HeadModel) -> Laid:
    """Lay the source on the head, both with open jaws when both have jaws."""
    angle = OPEN if head.weights[:, JAW].any() else 0.0
    here, there = (_opened(each, angle) for each in (head, source))
    common = np.intersect1d(head.landmark_index, source.landmark_index)
    common = common[common < IRISES]
    if len(common) < LEAST:
        raise ValueError(f"only {len(common)} landmarks in common")
    to, start = (
        each.landmark_points(vertices)[[each.landmark_index.tolist().index(k) for k in common]]
        for each, vertices in ((head, here), (source, there))
    )
    turn, centre = similarity(start, to), np.stack([start.mean(0), to.mean(0)])
    near, whole = ((points - centre[0]) @ turn.T + centre[1] for points in (start, there))
    over = RBFInterpolator(near, to, kernel="thin_plate_spline", smoothing=STIFFNESS)(whole)
    theirs = skin_faces(source)
    rows = np.unique(skin_faces(head)).astype(np.int64)
    triangle, weight = closest_points(here[rows], over[theirs])
    gap = np.linalg.norm(np.einsum("nk,nkc->nc", weight, over[theirs[triangle]]) - here[rows], axis=1)
    follow = np.clip((FAR - gap) / (FAR - NEAR), 0, 1)
    trust = np.ones(len(here))
    trust[rows] = np.maximum(np.exp(-((gap / CLOSE) ** 2)), SOME)
    return Laid(turn, centre, len(here), rows, theirs[triangle], weight * follow[:, None], trust)


def _opened(head: HeadModel, angle: float) -> Array:
    """The mean adult with the jaw turned."""
    pose = np.outer(np.equal(head.joint_names, "jaw"), [angle, 0, 0])
    return head.pose(head.template, head.joint_template, pose)


def similarity(start: Array, to: Array) -> Array:
    """Rotation times scale (3, 3) that carries points best from `start` to `to`, about their means (Umeyama 1991)."""
    a, b = start - start.mean(0), to - to.mean(0)
    left, size, right = np.linalg.svd(b.T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    return np.asarray((left * sign) @ right * (size * sign).sum() / (a**2).sum())


def skin_faces(head: HeadModel) -> NDArray[np.int32]:
    """(F', 3) the triangles of skin."""
    return head.faces[np.array(head.part_names)[head.face_part] == "skin"]
