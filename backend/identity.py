# SPDX-License-Identifier: GPL-3.0-or-later
"""Landmarks of spread-out frames -> whose head, and which camera.

Gauss-Newton with robust weights: shape, focal length and per frame a pose and an expression. The landmarks' own error is some
1 % of the face width, so they fix where things are, never how they move.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .face_points import Points, linearise, robust
from .frame_fit import apply, sparse, start

Array = NDArray[np.float64]

FRAMES = 10  #: frames that fix the identity
SHAPE_PRIOR = 0.3  #: sigma
FOCAL_PRIOR = (1.6, 0.4)  #: focal length / longer side of the picture: median and sigma of its logarithm


def fit_identity(
    points: Points, seen: Array, centre: Array, sigma: float, longer: int, known: float | None
) -> tuple[Array, float, Array]:
    """Shape (S,), log focal length and the shape's deviation (S,), from K frames (K, L, 3)."""
    s = len(points.identity)
    log_focal = float(np.log(known or FOCAL_PRIOR[0] * longer))
    prior_log, spread = log_focal, (1e-4 if known else FOCAL_PRIOR[1])
    shape = np.zeros(s)
    frames = [start(points, one, float(np.exp(log_focal)), centre) for one in seen]
    inverse = np.eye(s + 1)
    for step in range(14):
        # Schur complement: each frame's own unknowns are eliminated, shape and focal length remain.
        free = 1.0 if step >= 2 else 0.0
        left, right, later = np.zeros((s + 1, s + 1)), np.zeros(s + 1), []
        for frame, one in zip(frames, seen, strict=True):
            person = points.base + np.tensordot(shape, points.identity, 1)
            r, own, jac = linearise(points, person, frame, float(np.exp(log_focal)), centre, one[:, :2])
            d_shape = ((jac @ frame.rotation) @ points.identity.transpose(1, 2, 0)).reshape(len(r), -1)
            d_focal = (one[:, :2] - centre).reshape(-1, 1) - r[:, None]
            w = robust(r, points.trust, sigma * (3 if step < 4 else 1))
            common = np.concatenate([d_shape, d_focal], 1) * free
            a = own.T @ (w[:, None] * own)
            prior = sparse(frame.expression) if free else np.full(len(frame.expression), 1e6)
            a[6:, 6:] += np.diag(prior)
            g = own.T @ (w * r)
            g[6:] -= prior * frame.expression
            cross = own.T @ (w[:, None] * common)
            solved = np.linalg.solve(a, np.c_[g, cross])
            left += common.T @ (w[:, None] * common) - cross.T @ solved[:, 1:]
            right += common.T @ (w * r) - cross.T @ solved[:, 0]
            later.append(solved)
        left += np.diag(np.r_[np.full(s, 1 / SHAPE_PRIOR**2), 1 / spread**2])
        right -= np.r_[shape / SHAPE_PRIOR**2, (log_focal - prior_log) / spread**2]
        inverse = np.linalg.inv(left)
        change = np.clip(inverse @ right, -1.0, 1.0) * free
        # Landmark errors are shared by all frames: the identity is known no better than one frame allows.
        shape = np.clip(shape + change[:-1], -3.5, 3.5)
        log_focal += float(np.clip(change[-1], -0.2, 0.2))
        for frame, solved in zip(frames, later, strict=True):
            apply(frame, solved[:, 0] - solved[:, 1:] @ change)
    return shape, log_focal, np.sqrt(np.minimum(np.diag(inverse)[:-1] * len(seen), 1.0))
