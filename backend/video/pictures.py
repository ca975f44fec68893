# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoded pictures as float luma and 8-bit RGB.

Luma is on the full scale whatever the file uses: black 0 and white 255, as in the RGB picture. Limited-range video
(16..235) is stretched by 255/219; deeper samples are divided, not rounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

#: Formats whose first plane is luma in native byte order; all others go through RGB.
_LUMA_PLANE = re.compile(r"(yuv[aj]?4[0-9]{2}p|gray)(9|1[0-6])?(le)?|nv[0-9]{2}")
_REC601 = np.array([0.299, 0.587, 0.114], np.float32)
_LIMITED, _FULL = 1, 2  # AVColorRange
#: Without these flags RGB is up to 2.6 levels darker than luma.
_EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@dataclass(frozen=True)
class VideoPicture:
    """A frame of a video file.

    Args:
        frame: as decoded.
        turns: quarter turns, counter-clockwise, that put it upright.
    """

    frame: av.VideoFrame
    turns: int

    def luma(self) -> NDArray[np.float32]:
        """(H, W) float32, 0..255."""
        plane = self._luma_plane() if _LUMA_PLANE.fullmatch(self.frame.format.name) else self._luma_of_rgb()
        return np.ascontiguousarray(np.rot90(plane, self.turns))

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8."""
        return np.ascontiguousarray(np.rot90(self._converted("rgb24"), self.turns))

    def _luma_plane(self) -> NDArray[np.float32]:
        plane, depth = self.frame.planes[0], bit_depth(self.frame)
        samples = np.frombuffer(memoryview(plane), np.dtype("u1" if depth == 8 else "<u2"))
        stride = plane.line_size // samples.itemsize
        rows = samples.reshape(-1, stride)[: self.frame.height, : self.frame.width]
        luma: NDArray[np.float32] = rows.astype(np.float32)
        if self._is_full_range():
            luma *= 255.0 / (2**depth - 1)
        else:
            luma *= 255.0 / (219 * 2 ** (depth - 8))
            luma -= 16 * 255.0 / 219
        return luma

    def _luma_of_rgb(self) -> NDArray[np.float32]:
        deep = bit_depth(self.frame) > 8
        rgb = self._converted("rgb48le" if deep else "rgb24")
        return np.asarray(rgb.astype(np.float32) @ (_REC601 / np.float32(257 if deep else 1)))

    def _converted(self, pixel_format: str) -> NDArray[Any]:
        source = _FULL if self._is_full_range() else _LIMITED
        return self.frame.to_ndarray(
            format=pixel_format, src_color_range=source, dst_color_range=_FULL, interpolation=_EXACT, threads=1
        )

    def _is_full_range(self) -> bool:
        """Unless the file says otherwise grey, RGB and `yuvj` formats are full range and YUV is limited."""
        name = self.frame.format.name
        if name.startswith("yuvj") or self.frame.format.is_rgb:
            return True
        return self.frame.color_range == _FULL or (name.startswith("gray") and self.frame.color_range != _LIMITED)


def bit_depth(frame: av.VideoFrame) -> int:
    """Bits of the first component, 8 to 16."""
    return min(max(component.bits for component in frame.format.components), 16) if frame.format.components else 8


@dataclass(frozen=True)
class StillPicture:
    """An image file's samples.

    Args:
        samples: (H, W) grey or (H, W, 3) BGR, uint8 or uint16.
    """

    samples: NDArray[np.uint8] | NDArray[np.uint16]

    def luma(self) -> NDArray[np.float32]:
        """(H, W) float32, 0..255."""
        scale = np.float32(1 if self.samples.dtype == np.uint8 else 1 / 257)
        if self.samples.ndim == 2:
            return np.asarray(self.samples.astype(np.float32) * scale)
        return np.asarray(self.samples.astype(np.float32) @ (_REC601[::-1] * scale))

    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8."""
        eight = self.samples if self.samples.dtype == np.uint8 else np.round(self.samples / 257.0).astype(np.uint8)
        if eight.ndim == 2:
            return np.repeat(eight[..., None], 3, axis=2)
        return np.ascontiguousarray(eight[..., ::-1])
