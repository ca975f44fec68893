# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the frames that may show rest do show it, and nothing before the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .landmark_sheet import LandmarkSheet
from .motion.field import MotionField
from .motion.mask import OccluderMask
from .motion.paint import beside
from .motion.rigid import RigidMotion
from .motion.window import highpass, highpass_spline
from .sight import Sight
from .solve.reference import Reference
from .types import Floats, Ints

Array = NDArray[np.float64]

COARSE_PIXELS = 5000
COMPANY = 0.3  #: share of the candidates that must be near
CLEAR = 0.5  #: share of the candidates that show the same: with fewer, nothing is usual


def usual_frames(
    reference: Reference,
    pictures: list[NDArray[np.float32]],
    landmarks: Array,
    motion: RigidMotion,
    painted: NDArray[np.bool_] | None = None,
) -> tuple[Ints, int]:
    """The candidates that nothing passes before, and which of these is in the densest company of others of its form.

    A face at rest comes back to one form, head motion taken out; an expression passes through many. So rest wins even where it is
    the rarer.

    Args:
        reference: the head in the first candidate.
        pictures: K work pictures; landmarks (K, 478, 2) work px; motion of the K against the reference.
        painted: (K, H, W) what the user painted out; None = nothing.

    Returns:
        indices (n,) of candidates, and a place in them.
    """
    sight = Sight(reference, landmarks[0], pictures[0], None if painted is None else painted[0])
    field, at = sight.field(highpass(pictures[0], reference.scale), COARSE_PIXELS)
    fine = [highpass_spline(p, reference.scale) for p in pictures]
    start = LandmarkSheet(sight.sheet, reference, landmarks[0]).motion(landmarks, motion)
    views = motion.views(at, reference.camera)
    seen = beside(painted, views.apply(field.displacement(start)))
    found = field.fit(fine, views, start, 5, seen)
    moved = np.linalg.norm(field.displacement(start), axis=2) / reference.scale
    residual = field.without_light(field.difference(fine, views, found), seen)
    clear = _clear(OccluderMask(field, landmarks[0]), residual if seen is None else residual * seen, moved)
    return clear, int(np.argmin(np.quantile(distances(field, found[clear]), COMPANY, axis=1)))


def _clear(mask: OccluderMask, residual: Floats, moved: Floats) -> Ints:
    """Of frames with residuals (K, M) those that show no more than folds where most show something else; all, if they are few.

    A strand of hair becomes part of the template, whose frame it hangs before, and then every other frame fails to show it.
    """
    unlike = residual - np.median(residual, axis=0)
    clear = [not mask.find(*frame).any() for frame in zip(unlike[:, None], moved[:, None], strict=True)]
    return np.flatnonzero(clear if np.mean(clear) >= CLEAR else np.ones(len(clear), bool))


def distances(field: MotionField, motion: Floats) -> Array:
    """Distances (K, K) in form: what is left of the difference of two fields after the best plane field."""
    n, nodes = field.sheet.size, np.zeros((field.sheet.size, 3))
    base = np.c_[np.ones(len(field.sheet.nodes)), field.sheet.nodes / field.sheet.spacing]
    nodes[: len(base)] = base
    nodes[field.sheet.second] = base
    plane = np.zeros((2 * n, 6))
    plane[:n, :3] = plane[n:, 3:] = nodes
    informed = field.information @ plane
    project = np.linalg.solve(plane.T @ informed, informed.T)
    free = motion - motion @ project.T @ plane.T
    gram = free @ field.information @ free.T
    square = np.diag(gram)[:, None] + np.diag(gram) - 2 * gram
    return np.asarray(np.sqrt(np.maximum(square, 0)))
