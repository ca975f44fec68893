# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reference frame shows: which pixels are skin, what surface lies under them, and the sheet over them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from .errors import MicrofaceError
from .motion.field import MotionField, Template, sample, sample_roughly
from .motion.paint import beside
from .motion.region import choose_pixels, seams, skin_mask
from .motion.rigid import RigidMotion
from .motion.sheet import SPACING, SplineSheet
from .motion.window import highpass
from .solve.reference import Reference, pixel_normals, visible_skin

Array = NDArray[np.float64]
Picture = NDArray[np.float32]

FEWEST_PIXELS = 200


class Sight:
    """What a reference frame shows: the trusted pixels, the surface under them, and the sheet over them."""

    def __init__(
        self, reference: Reference, landmarks: Array, picture: Picture, painted: NDArray[np.bool_] | None = None
    ) -> None:
        """Look.

        Args:
            reference: the head in the frame.
            landmarks: (478, 2) work px.
            picture: (H, W) its work picture.
            painted: (H, W) what the user painted out of it; None = nothing.
        """
        self.reference = reference
        self.vertices = reference.vertices()
        self.triangle, self.weight, seen = visible_skin(reference, self.vertices)
        self.normals = pixel_normals(self.vertices, reference.head.faces, self.triangle, self.weight)
        self.mask = skin_mask(landmarks, reference.width, reference.height) & seen
        if painted is not None:
            self.mask &= ~painted
        self.albedo = picture
        y, x = np.nonzero(self.mask)
        if len(y) < FEWEST_PIXELS:
            raise MicrofaceError(
                "no_skin", "The head could not be laid over the face in the reference frame.",
                "Name frames in which the face looks at the camera with --neutral A:B.",
            )  # fmt: skip
        low, high = np.array([x.min(), y.min()]) - 1.0, np.array([x.max(), y.max()]) + 1.0
        self.sheet = SplineSheet(low, high, SPACING * reference.scale, seams(landmarks))

    def field(self, picture: Picture, count: int, blur: float = 0.0) -> tuple[MotionField, Array]:
        """The fit against a high-passed picture (blurred further by `blur` px) and its surface points (M, 3).

        The fit of a blurred one takes pictures as they are, the other one their spline coefficients.
        """
        if blur > 0:
            picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur), dtype=np.float32)
        points, density = choose_pixels(self.mask, count)
        x, y = points.astype(int).T
        value = picture[y, x].astype(float)
        slope = np.stack([cv2.Scharr(picture, cv2.CV_32F, a, 1 - a)[y, x] / 32 for a in (1, 0)], 1).astype(float)
        template = Template(points, value, slope, self._light(points, value), np.ones(len(points)))
        return MotionField(template, self.sheet, density, sample_roughly if blur else sample), self._under(points)

    def _under(self, points: Array) -> Array:
        """Surface points (M, 3), camera space, under pixels (M, 2); beside the head, the depth of its mean."""
        x, y = points.astype(int).T
        corner = self.reference.head.faces[np.maximum(self.triangle[y, x], 0)]
        at = np.einsum("mkc,mk->mc", self.vertices[corner], self.weight[y, x].astype(float))
        beside = self.triangle[y, x] < 0
        camera = self.reference.camera
        depth = float(at[~beside, 2].mean())
        at[beside] = (
            np.c_[(points[beside] - camera[:2, 2]) / camera[[0, 1], [0, 1]], np.ones(int(beside.sum()))] * depth
        )
        return at

    def _light(self, points: Array, value: Array) -> Array:
        """Columns (M, 15): offset and gain polynomials of second degree, and albedo times normal (Lambert)."""
        scale = self.reference.scale
        x, y = (points - points.mean(0)).T / (120 * scale)
        polynomials = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
        column, row = points.astype(int).T
        lit = [(self.albedo * self.normals[..., k]).astype(np.float32) for k in range(3)]
        shade = [highpass(one, scale)[row, column] / 10 for one in lit]
        return np.concatenate([polynomials, polynomials * value[:, None] / 50, np.stack(shade, 1)], 1)

    def average(
        self,
        picture: Picture,
        fine: list[Picture],
        motion: RigidMotion,
        coefficients: Array,
        painted: NDArray[np.bool_] | None = None,
    ) -> Picture:
        """The picture with the mask's pixels (and a rim for the gradient) replaced by the registered mean.

        What is painted out (K, H, W) of a frame is no part of it; where it is so in all, the picture stays as it is.
        """
        wide = cv2.dilate(self.mask.astype(np.uint8), np.ones((5, 5))) > 0
        y, x = np.nonzero(wide)
        points = np.stack([x, y], 1).astype(float)
        phi, n = self.sheet.design(points), self.sheet.size
        views = motion.views(self._under(points), self.reference.camera)
        moved = views.apply(np.stack([np.stack([phi @ c[:n], phi @ c[n:]], 1) for c in coefficients]))
        out = picture.copy()
        value, seen = np.stack([sample(*pair) for pair in zip(fine, moved, strict=True)]), beside(painted, moved)
        if seen is None:
            out[y, x] = value.mean(0)
            return out
        known = seen.any(0)
        out[y[known], x[known]] = np.average(value[:, known], axis=0, weights=seen[:, known])
        return out
