# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin around a head's lips, and how many of its triangles cross while a unit moves them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .crossing import crossing_along, crossing_pairs
from .embedding import INNER_LIPS
from .model import HeadModel

Array = NDArray[np.float64]

STRENGTHS = np.concatenate([np.arange(16, 80) / 800, np.arange(40, 401) / 400])  # finer where lips begin to slide
AROUND = 0.015  # m about the inner lips: what counts as the mouth
STILL = 1e-5  # m: what moves less counts as not moving


@dataclass(frozen=True)
class Mouth:
    """The skin around a head's lips, at rest."""

    template: Array  #: (V, 3) m
    faces: NDArray[np.int32]  #: (F, 3)
    resting: int  #: pairs that cross at rest

    @classmethod
    def of(cls, head: HeadModel, motion: Array | float = 0.0) -> Mouth:
        """Of a head with landmarks on its inner lips, wherever a motion (V, 3) takes these; no triangles without landmarks."""
        skin = head.faces[np.array(head.part_names)[head.face_part] == "skin"]
        inner = np.isin(head.landmark_index, INNER_LIPS)
        lips = np.concatenate([head.landmark_points(head.template + end)[inner] for end in (0, motion)])
        middle = head.template[skin].mean(1)
        low, high = lips.min(0, initial=np.inf) - AROUND, lips.max(0, initial=-np.inf) + AROUND
        faces = skin[((middle > low) & (middle < high)).all(1)]
        return cls(head.template, faces, len(crossing_pairs(head.template, faces)))

    def moved_by(self, motion: Array) -> bool:
        """Whether a motion (V, 3) m moves it."""
        return bool(np.abs(motion[self.faces]).max(initial=0) >= STILL)

    def crossing(self, motion: Array, strengths: Array) -> Iterator[NDArray[np.int64]]:
        """The pairs (P, 2) of faces that cross at each of the strengths (S,) of a motion (V, 3)."""
        return crossing_along(self.template, motion, self.faces, strengths)

    def more(self, motion: Array) -> NDArray[np.int64]:
        """How many pairs more than at rest cross at each of STRENGTHS."""
        if not self.moved_by(motion):
            return np.zeros(len(STRENGTHS), np.int64)
        return np.array([len(pairs) for pairs in self.crossing(motion, STRENGTHS)]) - self.resting
