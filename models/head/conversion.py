# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's own expressions said in its named units, and back, with what neither can say of the other.

FLAME's coefficients and the named units move the same skin. One is turned into the other by least squares over the face:

    x = argmin  mean_v |sum_k x_k d_kv - m_v|^2 + RIDGE^2 |x|^2

m is the motion to be said, d_k the motions to say it with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import HeadModel
from .units import BOUND_BY_JAW, JOINT_OWNED, NEVER_SOLVED, UNIT_NAMES

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

RIDGE = 1e-5  # m: a whole unit is not spent on less than a hundredth of a millimetre over the face


@dataclass(frozen=True)
class Said:
    """Motions in other words."""

    value: Array  #: (T, N) strengths
    residual_mm: Array  #: (T,) root mean square over the face of what is left
    size_mm: Array  #: (T,) and of the motion itself


def unit_columns(names: tuple[str, ...]) -> list[int]:
    """The named units in which a motion of the skin can be said: jaw and gaze are joints', and no mouth closes a shut jaw."""
    other = (*JOINT_OWNED, *BOUND_BY_JAW, *NEVER_SOLVED)
    return [k for k, name in enumerate(names) if name in UNIT_NAMES and name not in other]


def own_columns(names: tuple[str, ...]) -> list[int]:
    """Which of a head's expressions are its own, such as FLAME's coefficients."""
    return [k for k, name in enumerate(names) if name not in UNIT_NAMES]


def said(head: HeadModel, value: Floats, start: list[int], to: list[int]) -> Said:
    """Strengths of some expressions of a head said in others of it.

    Args:
        head: with a face.
        value: (T, M) strengths.
        start: (M,) the expressions they belong to.
        to: (N,) the expressions to say it in.
    """
    face = np.flatnonzero(head.face_mask)
    basis, given = (head.expression[columns][:, face].reshape(len(columns), 3 * len(face)) for columns in (to, start))
    motion = np.asarray(value, np.float64) @ given
    found = np.linalg.solve(basis @ basis.T + len(face) * RIDGE**2 * np.eye(len(basis)), basis @ motion.T).T
    left, size = (1000 * np.sqrt((part**2).sum(1) / len(face)) for part in (motion - found @ basis, motion))
    return Said(found, left, size)
