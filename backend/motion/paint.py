# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user painted out of the footage: pixels that are never looked at."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import MicrofaceError
from ..types import Clip, Floats
from ..video import frames, open_clip

Mask = NDArray[np.bool_]
Picture = NDArray[np.float32]

HALF = 127.5  #: grey level above which a pixel is painted out
SHAPE = 0.02  #: relative difference of the sides' ratio: rounding to whole pixels
REMEDY = "Give one grey picture for all frames, or one for each frame of the video: white is painted out."


class Paint:
    """The painted pixels of every frame of some footage, packed: memory hardly grows with their number.

    Attributes:
        size: width and height of the footage, px.
        sha256: of the pictures.
    """

    def __init__(self, path: str | Path, clip: Clip) -> None:
        """Read grey pictures: a folder or a video with one for each frame, or one picture for all.

        Raises:
            MicrofaceError: ``bad_mask`` when they do not fit the footage; as `open_clip` and `frames`.
        """
        pictures = open_clip(path)
        self.size, self.sha256 = (clip.width, clip.height), pictures.sha256
        self._shape, self._count = (pictures.height, pictures.width), len(pictures.time_s)
        if self._count > 1 and len(range(0, self._count, clip.step)) != len(clip.time_s):
            text = f"The mask {path} has {self._count} pictures, {clip.path.name} another number of frames."
            raise MicrofaceError("bad_mask", text, REMEDY)
        if abs(pictures.width * clip.height / (pictures.height * clip.width) - 1) > SHAPE:
            sizes = f"{pictures.width} x {pictures.height} px, {clip.path.name} {clip.width} x {clip.height} px"
            raise MicrofaceError("bad_mask", f"The mask {path} has {sizes}.", "Make both of one shape.")
        self._packed = [
            zlib.compress(np.packbits(frame.luma > HALF).tobytes(), 1) for frame in frames(pictures, step=clip.step)
        ]

    def picture(self, frame: int) -> Mask:
        """(H, W) in the footage's own pixels; those whose edge is painted count."""
        packed = self._packed[0 if self._count == 1 else frame]
        bits = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=self._shape[0] * self._shape[1])
        own = bits.reshape(self._shape)
        if self._shape == self.size[::-1]:
            return own.astype(bool)
        return np.asarray(cv2.resize(own * np.uint8(255), self.size, interpolation=cv2.INTER_AREA) > 0)

    def share(self, frames: NDArray[np.int64], landmarks: Floats) -> NDArray[np.float64]:
        """(N,) of the landmarks (N, L, >= 2) px of frames (N,), NaN = no face, that are painted out."""
        out = np.zeros(len(frames))
        for n in np.flatnonzero(np.isfinite(landmarks[:, 0, 0])).tolist():
            out[n] = under(self.picture(int(frames[n]))[None], landmarks[n : n + 1, :, :2]).mean()
        return out


def under(painted: Mask, at: Floats) -> Mask:
    """(B, M) which of the points (B, M, 2) px lie on painted pixels (B, H, W)."""
    inside = np.array(painted.shape[:0:-1]) - 1
    column, row = np.moveaxis(np.clip(np.round(at), 0, inside).astype(int), -1, 0)
    return np.asarray(painted[np.arange(len(at))[:, None], row, column])


def beside(painted: Mask | None, at: Floats) -> Mask | None:
    """(B, M) which of the points (B, M, 2) px are to be looked at; None = all, where nothing is painted out."""
    return None if painted is None else ~under(painted, at)


def filled(picture: Picture, painted: Mask, sigma: float) -> Picture:
    """The picture (H, W) with its painted pixels (H, W) as light as what is around them.

    What is painted out shines through every filter; its filling shines like the skin beside it.

    Args:
        sigma: px of the Gaussian that smooths the filling.
    """
    if not painted.any() or painted.all():
        return picture
    _, nearest = cv2.distanceTransformWithLabels(
        painted.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    value = np.zeros(int(nearest.max()) + 1, np.float32)
    value[nearest[~painted]] = picture[~painted]
    whole = np.where(painted, value[nearest], picture)
    smooth = cv2.GaussianBlur(whole, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(np.where(painted, smooth, picture), np.float32)
