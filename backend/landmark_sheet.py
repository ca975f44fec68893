# SPDX-License-Identifier: GPL-3.0-or-later
"""Where to begin: a smooth sheet through the landmarks' motion beyond the head's coarse motion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from ..models.head.raster import project
from .motion.rigid import RigidMotion
from .motion.sheet import SplineSheet
from .solve.reference import Reference

Array = NDArray[np.float64]

TRUST = 1.0  #: bending prior of a sheet that comes from landmarks


class LandmarkSheet:
    """The sheet of one template, factored once.

    Args:
        sheet: of the template.
        reference: the head under it.
        rest: (478, 2) work px, landmarks in the reference frame.
    """

    def __init__(self, sheet: SplineSheet, reference: Reference, rest: Array) -> None:
        head = reference.head
        keep = np.flatnonzero(head.landmark_index < 468)
        self._index, self._camera = head.landmark_index[keep], reference.camera
        self._at = head.landmark_points(reference.vertices())[keep]
        self._beyond = rest[self._index] - project(self._at, self._camera)[:, :2]
        self._phi = sheet.design(rest[self._index]).astype(float)
        gram = np.asarray((self._phi.T @ self._phi).todense()) + TRUST * sheet.bending() + 1e-4 * np.eye(sheet.size)
        self._factor = cho_factor(gram, lower=True)

    def motion(self, landmarks: Array, coarse: RigidMotion) -> Array:
        """Sheet coefficients (B, 2n) px of B frames.

        Args:
            landmarks: (B, 478, 2) work px.
            coarse: the head's, of the B frames.
        """
        views = coarse.views(self._at, self._camera)
        beyond = landmarks[:, self._index] - views.base - self._beyond
        move = beyond @ np.linalg.inv(views.affine).transpose(0, 2, 1)
        return np.concatenate([cho_solve(self._factor, self._phi.T @ move[..., k].T).T for k in (0, 1)], 1)
