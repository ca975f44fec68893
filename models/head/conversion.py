# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's own expressions said in its named units, and back, with what neither can say of the other.

FLAME's coefficients and the named units move the same skin. One is turned into the other by least squares over the face:

    x = argmin  mean_v |sum_k x_k d_kv - m_v|^2 + RIDGE^2 |x|^2

m is the motion to be said, d_k the motions to say it with; the jaw's three turns, linear at rest, may be among these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import FLIP, JOINT_NAMES, HeadModel
from .units import UNIT_NAMES

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

JAW = JOINT_NAMES.index("jaw")
RIDGE = 1e-5  # m: a whole unit is not spent on less than a hundredth of a millimetre over the face


@dataclass(frozen=True)
class Said:
    """Motions in other words."""

    value: Array  #: (T, N) strengths
    jaw: Array  #: (T, 3) axis-angle, rad; 0 where the jaw was not asked for
    residual_mm: Array  #: (T,) root mean square over the face of what is left
    share: Array  #: (T,) that, of the motion's own size; 0 for no motion


def named_columns(head: HeadModel) -> list[int]:
    """Which of a head's expressions are named units."""
    return [k for k, name in enumerate(head.expression_names) if name in UNIT_NAMES]


def own_columns(head: HeadModel) -> list[int]:
    """Which of a head's expressions are its own, such as FLAME's coefficients."""
    return [k for k, name in enumerate(head.expression_names) if name not in UNIT_NAMES]


def said(head: HeadModel, value: Floats, start: list[int], to: list[int], *, jaw: bool = False) -> Said:
    """Strengths of some expressions of a head said in others of it.

    Args:
        head: with a face.
        value: (T, M) strengths.
        start: (M,) the expressions they belong to.
        to: (N,) the expressions to say it in.
        jaw: whether the jaw may help: a jaw that opens is a joint's motion on FLAME.
    """
    face = np.flatnonzero(head.face_mask)
    basis, given = (head.expression[columns][:, face].reshape(len(columns), 3 * len(face)) for columns in (to, start))
    if jaw:
        basis = np.concatenate([basis, _jaw_turns(head, face)])
    motion = np.asarray(value, np.float64) @ given
    found = np.linalg.solve(basis @ basis.T + len(face) * RIDGE**2 * np.eye(len(basis)), basis @ motion.T).T
    left, size = (np.sqrt((part**2).sum(1) / len(face)) for part in (motion - found @ basis, motion))
    turned = found[:, len(to) :] if jaw else np.zeros((len(found), 3))
    return Said(found[:, : len(to)], turned, 1000 * left, left / np.where(size > 0, size, 1))


def _jaw_turns(head: HeadModel, rows: NDArray[np.int64]) -> Array:
    """(3, 3 R) m per rad: how the jaw's turns about the axes move vertices of the mean adult at rest."""
    shape, expression = np.zeros(len(head.identity)), np.zeros(len(head.expression))
    rest = head.jacobians(shape, expression, np.zeros((len(head.joint_names), 3)), np.zeros(3), rows=rows)
    return np.asarray(np.einsum("ab,nbx->xna", FLIP, rest.pose[:, :, JAW]).reshape(3, -1))
