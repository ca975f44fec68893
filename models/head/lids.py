# SPDX-License-Identifier: GPL-3.0-or-later
"""Eyelids that meet on the eyeball when an eye is shut.

The generic head's lids pass each other at full strength; on another head's larger or smaller opening they would pass
each other by another amount. There they meet at full strength, as far from the eye's centre as they are at rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from .model import JOINT_NAMES, HeadModel

Array = NDArray[np.float64]

BLINK = "eyeBlink"
#: The tracker's landmarks along the margins, upper and lower, from the outer corner inwards.
MARGINS = {
    "Left": ((466, 388, 387, 386, 385, 384, 398), (249, 390, 373, 374, 380, 381, 382)),
    "Right": ((246, 161, 160, 159, 158, 157, 173), (7, 163, 144, 145, 153, 154, 155)),
}
#: m between the margins' landmarks of shut eyes: these lie on the lids' skin, not where the lids touch. With 1 mm a hair of
#: the eye was still seen on FLAME for one of three sets of landmarks; with 0.4 mm twice as many triangles cross.
LID = 0.6e-3
LEAST = 2  # pairs of landmarks


@dataclass(frozen=True)
class Meeting:
    """How far a blink goes until the lids touch, and where their margins are then."""

    share: float  #: of the unit's motion
    margin: csr_matrix  #: (P, V) points of the margins from vertices
    motion: Array  #: (P, 3) m, theirs at full strength


def meeting(head: HeadModel, side: str, unit: Array) -> Meeting | None:
    """Where the lids of a side meet in a blink (V, 3) m; None on a head without enough landmarks there."""
    known = set(head.landmark_index.tolist())
    pairs = [pair for pair in zip(*MARGINS[side], strict=True) if known.issuperset(pair)]
    if len(pairs) < LEAST:
        return None
    upper, lower = (_points(head, list(numbers)) for numbers in zip(*pairs, strict=True))
    above, below = upper @ head.template, lower @ head.template
    wide, closed = (above - below)[:, 1], (above + upper @ unit - below - lower @ unit)[:, 1]
    share = float(np.median(np.clip(wide / np.maximum(wide - closed, 1e-9), 0, 1)))
    eye = head.joint_template[JOINT_NAMES.index(f"eye_{side.lower()}")]
    where = below + share * (lower @ unit) - eye
    radius = np.maximum(np.linalg.norm(above - eye, axis=1), np.linalg.norm(below - eye, axis=1))
    where = eye + where * (radius / np.linalg.norm(where, axis=1))[:, None]
    half = np.array([0, LID / 2, 0])
    return Meeting(share, vstack([upper, lower]).tocsr(), np.concatenate([where + half - above, where - half - below]))


def _points(head: HeadModel, numbers: list[int]) -> csr_matrix:
    """(P, V): landmarks from vertices."""
    place = [head.landmark_index.tolist().index(number) for number in numbers]
    corner, weight = head.faces[head.landmark_triangle[place]], head.landmark_weight[place]
    row = np.repeat(np.arange(len(place)), 3)
    return csr_matrix((weight.ravel(), (row, corner.ravel())), (len(place), len(head.template)))
