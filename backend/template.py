# SPDX-License-Identifier: GPL-3.0-or-later
"""The neutral reference is made: the registered average of the frames that look like rest.

Twenty averaged frames cut the fixed bias of every later measurement by four; the rest lies in which frame counts as rest.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .landmark_sheet import LandmarkSheet
from .motion.field import MotionField
from .motion.paint import beside
from .motion.rigid import RigidMotion
from .motion.window import Window, highpass, highpass_spline
from .neutral import COARSE_BLUR, Mask, Neutral, Picture
from .sight import Sight
from .solve.reference import Reference
from .solve.surface import Surface
from .usual import COARSE_PIXELS, distances

Array = NDArray[np.float64]

AVERAGED = 24  #: of these, frames that make the template
PIXELS = 14000  #: used for the fine fit, of some 50000 of a 240 px face
LEAST_NOISE = 0.3  #: luma: 8 bit rounding alone
AS_NEAR = 1.2
ALIKE = 0.6  #: share of the candidates that are taken to be at rest


def build_neutral(
    reference: Reference,
    window: Window,
    frames: NDArray[np.int64],
    pictures: list[Picture],
    landmarks: Array,
    motion: RigidMotion,
    first: int,
    painted: Mask | None = None,
    rest: Surface | None = None,
) -> Neutral:
    """Register the candidates to the reference and average those that look like it.

    Args:
        reference: the head in the frame `first`.
        window: the work picture.
        frames: (K,) frame numbers of the candidates.
        pictures: K work pictures.
        landmarks: (K, 478, 2) work px.
        motion: of the candidates against the reference.
        first: which candidate the reference stands on.
        painted: (K, H, W) what the user painted out of them; None = nothing.
        rest: the head in the template at rest, when this one is for another view of it.
    """
    sight = Sight(reference, landmarks[first], pictures[first], None if painted is None else painted[first])
    scale = window.scale
    work = [highpass(picture, scale) for picture in pictures]
    fine = [highpass_spline(picture, scale) for picture in pictures]
    rough = [highpass(p, scale, COARSE_BLUR * scale) for p in pictures]
    start = LandmarkSheet(sight.sheet, reference, landmarks[first]).motion(landmarks, motion)
    coarse, at = sight.field(work[first], COARSE_PIXELS, COARSE_BLUR * scale)
    views = motion.views(at, reference.camera)
    start = coarse.fit(rough, views, start, 2, beside(painted, views.apply(coarse.displacement(start))))
    field, at = sight.field(work[first], PIXELS)
    views = motion.views(at, reference.camera)
    sheet_motion = field.fit(fine, views, start, 4, beside(painted, views.apply(field.displacement(start))))
    like = _alike(distances(field, sheet_motion)[first])
    own = None if painted is None else painted[like]
    picture = sight.average(work[first], [fine[k] for k in like], motion[like], sheet_motion[like], own)
    field, at = sight.field(picture, PIXELS)
    views = motion.views(at, reference.camera)
    seen = beside(painted, views.apply(field.displacement(sheet_motion)))
    fitted = field.fit(fine, views, sheet_motion, 2, seen)
    residual = field.without_light(field.difference(fine, views, fitted), seen)[like]
    shown = np.ones(residual.shape) if seen is None else seen[like].astype(float)
    field = _reweighted(field, residual, shown)
    coarse, coarse_points = sight.field(picture, COARSE_PIXELS, COARSE_BLUR * scale)
    weight = field.template.weight * shown
    spread = (residual**2 * weight).sum(1) / np.maximum(weight.sum(1), 1e-12)
    variance = max(float(np.median(spread)), LEAST_NOISE**2)
    surface = Surface(reference, field.template.points, sight.triangle, sight.weight, rest)
    picture, averaged = pictures[first], np.sort(frames[like])
    return Neutral(window, picture, surface, field, coarse, coarse_points, landmarks[first], averaged, variance)


def _alike(distance: Array) -> NDArray[np.int64]:
    """Up to AVERAGED frames, spread in time, among those about as near to the reference in form as most (ALIKE) of them are."""
    reach = AS_NEAR * np.sort(distance)[min(AVERAGED, int(ALIKE * len(distance)))]
    near = np.flatnonzero(distance <= reach)
    return near[np.unique(np.linspace(0, len(near) - 1, min(AVERAGED, len(near))).round().astype(int))]


def _reweighted(field: MotionField, residual: Array, shown: Array) -> MotionField:
    """Less weight for pixels that never fit, where they are shown (K, M): highlights, hair, the rim."""
    variance = (residual**2 * shown).sum(0) / np.maximum(shown.sum(0), 1)
    usual = float(np.median(variance)) + 1e-12
    weight = (usual / (0.5 * usual + 0.5 * variance)) ** 3
    return MotionField(replace(field.template, weight=np.clip(weight, 0, 4.0)), field.sheet, field.density)
