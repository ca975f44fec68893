# SPDX-License-Identifier: GPL-3.0-or-later
"""The neutral reference: which frames show the face at rest, and their registered average.

Twenty averaged frames cut the fixed bias of every later measurement by four; the rest lies in which frame counts as rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from .motion.field import MotionField, Template, sample
from .motion.region import choose_pixels, seams, skin_mask
from .motion.sheet import SPACING, SplineSheet
from .motion.window import Window, highpass, spline_coefficients
from .solve.surface import Reference, Surface, pixel_normals, visible_skin
from .types import Clip, HeadFit, Tracks

Array = NDArray[np.float64]
Picture = NDArray[np.float32]

CANDIDATES = 40  #: frames at rest that are looked at closely
AVERAGED = 24  #: of these, frames that make the template
PIXELS = 12000  #: used for the fine fit, of some 45000 of a 240 px face
COARSE_PIXELS = 5000
COARSE_BLUR = 2.5  #: px at 240: brings a start that is a few pixels off into reach
LANDMARK_TRUST = 1.0  #: bending prior of the first field, which comes from landmarks


@dataclass(frozen=True)
class Neutral:
    """The template and everything measured against it.

    Attributes:
        window: the work picture.
        surface: the head under the template's pixels.
        field, coarse: the fits against the fine and the blurred template.
        landmarks: (478, 2) work px in the reference frame.
        frames: frame numbers averaged.
        residual_variance: luma^2, of the fine fit.
    """

    window: Window
    surface: Surface
    field: MotionField
    coarse: MotionField
    landmarks: Array
    frames: NDArray[np.int64]
    residual_variance: float

    def start(self, landmarks: Array) -> Array:
        """First field (B, 2n) from the landmarks (B, 478, 2) source px of B frames."""
        return landmark_field(self.field.sheet, self.landmarks, self.window.to_work(landmarks))

    def measure(self, lumas: list[Picture], landmarks: Array) -> tuple[Array, Array]:
        """Dense motion of B frames against the template.

        Args:
            lumas: B source pictures.
            landmarks: (B, 478, 2) source px, roughly right.

        Returns:
            sheet coefficients (B, 2n) px, and the residual's mean square (B,) luma^2.
        """
        work = [self.window.cut(luma) for luma in lumas]
        blur = COARSE_BLUR * self.window.scale
        rough = [spline_coefficients(highpass(w, self.window.scale, blur)) for w in work]
        fine = [spline_coefficients(highpass(w, self.window.scale)) for w in work]
        first = self.coarse.fit(rough, self.start(landmarks), steps=2)
        c = self.field.fit(fine, first, steps=3)
        residual = self.field.residual(fine, c) ** 2
        return c, (residual * self.field.template.weight).sum(1) / self.field.template.weight.sum()


def landmark_field(sheet: SplineSheet, reference: Array, landmarks: Array) -> Array:
    """Smooth field (B, 2n) through landmark motion: reference (478, 2) to landmarks (B, 478, 2), work px."""
    phi = sheet.design(reference[:468]).astype(float)
    gram = np.asarray((phi.T @ phi).todense()) + LANDMARK_TRUST * sheet.bending() + 1e-4 * np.eye(sheet.size)
    factor = cho_factor(gram, lower=True)
    motion = landmarks[:, :468] - reference[:468]
    return np.concatenate([cho_solve(factor, phi.T @ motion[..., k].T).T for k in (0, 1)], 1)


def rest_score(tracks: Tracks, fit: HeadFit) -> Array:
    """How far each tracked frame (N,) is from rest: coarse expression, its change, and the head's turn from its usual pose."""
    expression = np.nan_to_num(fit.expression)
    usual = np.nanmedian(fit.pose, axis=0)
    turn = np.linalg.norm(fit.pose - usual, axis=1) / np.radians(15)
    size = np.sqrt((expression**2).sum(1)) / 0.5
    around = np.array([expression[max(0, n - 2) : n + 3].std(0) for n in range(len(expression))])
    score = size + np.sqrt((around**2).sum(1)) / 0.2 + turn
    return np.where(np.isfinite(fit.pose[:, 0]), score, np.inf)


def rest_candidates(clip: Clip, tracks: Tracks, fit: HeadFit, neutral: tuple[int, int] | None) -> NDArray[np.int64]:
    """Tracked frames (indices into `tracks`) that may show rest, calmest first."""
    score = rest_score(tracks, fit)
    if neutral is not None:
        score = np.where((tracks.frame >= neutral[0]) & (tracks.frame < neutral[1]), score, np.inf)
    usable = int(np.isfinite(score).sum())
    calm = np.argsort(score, kind="stable")[: max(min(usable, 3), min(CANDIDATES, usable // 2 if neutral is None else usable))]
    return calm.astype(np.int64)


def build_neutral(
    reference: Reference,
    window: Window,
    frames: NDArray[np.int64],
    lumas: list[Picture],
    landmarks: Array,
    first: int,
) -> Neutral:
    """Register the candidates to one another, settle on the most usual one, average those that look like it.

    Args:
        reference: the head in the frame `first`.
        window: the work picture.
        frames: (K,) frame numbers of the candidates.
        lumas: K source pictures.
        landmarks: (K, 478, 2) source px.
        first: which candidate the reference stands on.
    """
    work = [highpass(window.cut(luma), window.scale) for luma in lumas]
    local = window.to_work(landmarks)
    vertices = reference.vertices()
    triangle, weight, seen = visible_skin(reference, vertices)
    normals = pixel_normals(vertices, reference.head.faces, triangle, weight)
    mask = skin_mask(local[first], reference.width, reference.height) & seen
    sheet = _sheet(mask, local[first], window.scale)
    albedo = window.cut(lumas[first])
    make = lambda picture, count, blur: _field(picture, mask, sheet, albedo, normals, window.scale, count, blur)  # noqa: E731
    coefficients = [spline_coefficients(w) for w in work]
    picture = work[first]
    start = landmark_field(sheet, local[first], local)
    rough = [spline_coefficients(highpass(window.cut(luma), window.scale, COARSE_BLUR * window.scale)) for luma in lumas]
    start = make(work[first], COARSE_PIXELS, COARSE_BLUR * window.scale).fit(rough, start, steps=2)
    field = make(picture, PIXELS, 0.0)
    motion = field.fit(coefficients, start, steps=4)
    like = _like(field, motion, first)
    picture = _average(picture, mask, sheet, [coefficients[k] for k in like], motion[like])
    field = make(picture, PIXELS, 0.0)
    motion = field.fit(coefficients, motion, steps=2)
    residual = field.residual(coefficients, motion)
    field = _reweighted(field, residual[like])
    coarse = make(picture, COARSE_PIXELS, COARSE_BLUR * window.scale)
    variance = float(np.median((residual[like] ** 2 * field.template.weight).sum(1) / field.template.weight.sum()))
    surface = Surface(reference, field.template.points, triangle, weight)
    return Neutral(window, surface, field, coarse, local[first], np.sort(frames[like]), variance)


def most_usual(motion: Array, field: MotionField) -> int:
    """The candidate (index) whose face differs least from the others' in form: their medoid, head motion taken out."""
    return int(np.argmin(np.median(_distances(field, motion), axis=1)))


def _distances(field: MotionField, motion: Array) -> Array:
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


def _like(field: MotionField, motion: Array, first: int) -> NDArray[np.int64]:
    """The candidates most like the reference, itself included."""
    return np.argsort(_distances(field, motion)[first], kind="stable")[:AVERAGED].astype(np.int64)


def _sheet(mask: NDArray[np.bool_], landmarks: Array, scale: float) -> SplineSheet:
    y, x = np.nonzero(mask)
    spacing = SPACING * scale
    low, high = np.array([x.min(), y.min()]) - 1.0, np.array([x.max(), y.max()]) + 1.0
    return SplineSheet(low, high, spacing, seams(landmarks))


def _field(
    picture: Picture,
    mask: NDArray[np.bool_],
    sheet: SplineSheet,
    albedo: Picture,
    normals: Array,
    scale: float,
    count: int,
    blur: float,
) -> MotionField:
    """The fit against a high-passed picture (blurred further by `blur` px)."""
    if blur > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), dtype=np.float32)
    points, density = choose_pixels(mask, picture, count)
    x, y = points.astype(int).T
    value = picture[y, x].astype(float)
    slope = np.stack([cv2.Scharr(picture, cv2.CV_32F, a, 1 - a)[y, x] / 32 for a in (1, 0)], 1).astype(float)
    light = _light(points, value, albedo, normals, scale)
    return MotionField(Template(points, value, slope, light, np.ones(len(points))), sheet, density)


def _light(points: Array, value: Array, albedo: Picture, normals: Array, scale: float) -> Array:
    """Columns (M, 15): offset and gain polynomials of second degree, and albedo times normal (Lambert)."""
    x, y = (points - points.mean(0)).T / (120 * scale)
    polynomials = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    column, row = points.astype(int).T
    shade = [highpass((albedo * normals[..., k]).astype(np.float32), scale)[row, column] / 10 for k in range(3)]
    return np.concatenate([polynomials, polynomials * value[:, None] / 50, np.stack(shade, 1)], 1)


def _average(
    picture: Picture, mask: NDArray[np.bool_], sheet: SplineSheet, coefficients: list[Picture], motion: Array
) -> Picture:
    """The picture with the mask's pixels (and a rim for the gradient) replaced by the registered mean."""
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5))) > 0
    y, x = np.nonzero(wide)
    points = np.stack([x, y], 1).astype(float)
    phi, n = sheet.design(points), sheet.size
    total = np.zeros(len(points))
    for one, c in zip(coefficients, motion, strict=True):
        total += sample(one, points + np.stack([phi @ c[:n], phi @ c[n:]], 1))
    out = picture.copy()
    out[y, x] = total / len(coefficients)
    return out


def _reweighted(field: MotionField, residual: Array) -> MotionField:
    """Less weight for pixels that never fit: highlights, hair, the rim."""
    variance = (residual**2).mean(0)
    usual = float(np.median(variance)) + 1e-12
    weight = (usual / (0.5 * usual + 0.5 * variance)) ** 3
    return MotionField(replace(field.template, weight=np.clip(weight, 0, 4.0)), field.sheet, field.density)


def reference_of(reference: Reference, fit: HeadFit, tracks: Tracks, index: int) -> Reference:
    """The head placed in another tracked frame."""
    return replace(reference, pose=fit.pose[index], translation=fit.translation[index])


def turn_between(first: Array, second: Array) -> float:
    """Angle between two axis-angle rotations, rad."""
    return float((Rotation.from_rotvec(first).inv() * Rotation.from_rotvec(second)).magnitude())
