# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the picture that motion is measured in, and the filter in front of the measurement."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

from ..types import Floats, Frame
from .paint import Mask, Paint, filled

REFERENCE_FACE = 240.0  #: px, the face width at which all lengths below are stated
LARGEST_FACE = 360.0  #: px; wider faces are averaged down first: it costs no information and a quarter of the time
BLUR = 0.8  #: px, keeps the cubic spline interpolation of the noise honest
HIGHPASS = 20.0  #: px at REFERENCE_FACE; flicker and shading triple the error without it
PREFILTER_REACH = 6  #: px; beyond it the spline's prefilter is below 2e-4
PAINT_SHINES = 2  #: px, through blur and spline, from what is painted out into the picture beside it


@dataclass(frozen=True)
class Window:
    """A crop of the source picture, averaged down by a whole factor: the work picture.

    Attributes:
        x, y: top left pixel of the crop, source px.
        width, height: size of the crop in source px, multiples of `factor`.
        factor: source pixels per work pixel along each axis.
        scale: face width in the work picture / REFERENCE_FACE.
        paint: what the user painted out; None = nothing.
    """

    x: int
    y: int
    width: int
    height: int
    factor: int
    scale: float
    paint: Paint | None = None

    def to_work(self, points: Floats) -> NDArray[np.float64]:
        """Source px (..., 2) to work px (..., 2); centres of pixels are integers in both."""
        corner = np.array([self.x, self.y]) + (self.factor - 1) / 2
        return (np.asarray(points, float) - corner) / self.factor

    def to_source(self, points: Floats) -> NDArray[np.float64]:
        """Work px (..., 2) to source px (..., 2)."""
        corner = np.array([self.x, self.y]) + (self.factor - 1) / 2
        return np.asarray(points, float) * self.factor + corner

    def camera(self, camera: Floats) -> NDArray[np.float64]:
        """K (3, 3) of the work picture for the K (3, 3) of the source picture."""
        work = np.array(camera, float)
        work[:2] /= self.factor
        work[:2, 2] = self.to_work(np.asarray(camera)[:2, 2])
        return work

    def cut(self, luma: NDArray[np.float32]) -> NDArray[np.float32]:
        """The work picture (height, width) float32 of a source luma (H, W)."""
        crop = luma[self.y : self.y + self.height, self.x : self.x + self.width]
        if self.factor == 1:
            return np.ascontiguousarray(crop, dtype=np.float32)
        size = (self.width // self.factor, self.height // self.factor)
        return np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), dtype=np.float32)

    def work(self, frame: Frame) -> NDArray[np.float32]:
        """The work picture of a frame; what the user painted out is not in it."""
        picture = self.cut(frame.luma)
        if self.paint is None:
            return picture
        return filled(picture, self._painted(self.paint, frame.index), slow_sigma(self.scale) / 2)

    def painted(self, frames: NDArray[np.int64]) -> Mask | None:
        """(B, height, width) work pixels of frames (B,) that the user painted out, and those beside them; None = nothing."""
        if self.paint is None:
            return None
        return np.stack([self._painted(self.paint, int(frame)) for frame in frames])

    def _painted(self, paint: Paint, frame: int) -> Mask:
        cut = self.cut(paint.picture(frame).astype(np.float32))
        return np.asarray(cv2.dilate(cut, np.ones((2 * PAINT_SHINES + 1,) * 2)) > 0)


def window_around(landmarks: Floats, width: int, height: int, paint: Paint | None = None) -> Window:
    """The window that holds the face in every tracked frame.

    Args:
        landmarks: (N, L, >=2) source px; NaN where there is no face.
        width, height: size of the source picture, px.
        paint: what the user painted out.
    """
    points = np.asarray(landmarks, float)[..., :2]
    points = points[np.isfinite(points[:, 0, 0])]
    face = float(np.median(np.ptp(points[..., 0], axis=1)))
    factor = max(1, int(np.ceil(face / LARGEST_FACE)))
    margin = 0.15 * face
    low = np.maximum(np.floor(points.min((0, 1)) - margin), 0).astype(int)
    high = np.minimum(np.ceil(points.max((0, 1)) + margin), [width, height]).astype(int)
    extent = (high - low) // factor * factor
    return Window(
        int(low[0]), int(low[1]), int(extent[0]), int(extent[1]), factor, face / factor / REFERENCE_FACE, paint
    )


def slow_part(image: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Gaussian blur of a wide `sigma` (px), computed on a smaller picture: 1 ms where the direct one takes 6."""
    step = max(1, int(sigma / 4))
    small = cv2.resize(
        image, (max(1, image.shape[1] // step), max(1, image.shape[0] // step)), interpolation=cv2.INTER_AREA
    )
    small = cv2.GaussianBlur(small, (0, 0), sigma / step, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def slow_sigma(scale: float, blur: float = BLUR) -> float:
    """px of the Gaussian that the high-pass takes out."""
    return max(HIGHPASS * scale, 2 * blur)


def highpass(luma: NDArray[np.float32], scale: float, blur: float = BLUR) -> NDArray[np.float32]:
    """Luma without its slow part: immune to flicker and to shading that changes slowly over the face.

    Args:
        luma: (H, W) float32, 0..255.
        scale: face width / REFERENCE_FACE.
        blur: px of the Gaussian in front.
    """
    fine = np.asarray(cv2.GaussianBlur(luma, (0, 0), blur, borderType=cv2.BORDER_REPLICATE), dtype=np.float32)
    return np.asarray(fine - slow_part(fine, slow_sigma(scale, blur)), dtype=np.float32)


def spline_coefficients(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cubic B-spline coefficients (H, W) float32: the only interpolation here without a bias (`cv2.remap` rounds to 1/32 px)."""
    return np.asarray(spline_filter(image, order=3, output=np.float32, mode="mirror"))


def _prefiltered_blur() -> NDArray[np.float32]:
    """The blur and the cubic spline's prefilter, sqrt(3) z^|k| with z = sqrt(3) - 2, as one kernel."""
    prefilter = np.sqrt(3) * (np.sqrt(3) - 2) ** np.abs(np.arange(-PREFILTER_REACH, PREFILTER_REACH + 1))
    size = 2 * round(4 * BLUR) + 1
    kernel = np.convolve(prefilter, cv2.getGaussianKernel(size, BLUR).ravel())
    return np.asarray(kernel / kernel.sum(), np.float32)


def highpass_spline(
    luma: NDArray[np.float32], scale: float, face: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """`spline_coefficients(highpass(luma, scale))` to a hundredth of the noise, in a third of the time.

    Blur and prefilter are one kernel, and what is slow is its own spline. Something that hides a part of the face would shine far
    beyond its edge through what is slow: with `face` (H, W), the same picture without it, that is taken from there.
    """
    kernel = _PREFILTERED_BLUR
    fine = cv2.sepFilter2D(luma, cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(fine - slow_part(luma if face is None else face, slow_sigma(scale)), dtype=np.float32)


_PREFILTERED_BLUR = _prefiltered_blur()
