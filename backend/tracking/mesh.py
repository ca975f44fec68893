# SPDX-License-Identifier: GPL-3.0-or-later
"""478 landmarks of the face inside a square."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...models.assets import asset_path
from ...models.runtime import session
from .roi import Roi, crop

PIXELS = 192  # side of the network's picture
#: Standard deviation of jittered crops: centre and size as fractions of the side, angle in rad. Twice as much or half
#: as much averages less of the error away.
_STRAY = 0.02


class FaceMesh:
    """MediaPipe's attention mesh. One picture in, one answer out: no state, no filter."""

    def __init__(self, device: str = "auto", threads: int = 2) -> None:
        self._session = session(asset_path("face_mesh.onnx"), device, threads)
        self.device = self._session.device
        self.fallback = self._session.fallback

    def landmarks(self, rgb: NDArray[np.uint8], roi: Roi, jitter: int = 1) -> tuple[NDArray[np.float32], float]:
        """Find the landmarks.

        Args:
            rgb: (H, W, 3).
            roi: where the face is.
            jitter: mean over this many crops strewn about `roi`. The net's error depends on how the face falls on its
                pixels; eight crops cut it to two fifths (from 0.21 to 0.085 px on a face of 200 px).

        Returns:
            (478, 3) x, y and relative depth in px (negative = nearer), and the presence of a face 0..1.
        """
        rois = [roi] if jitter == 1 else _strewn(roi, jitter)
        crops = np.stack([crop(rgb, each, PIXELS) for each in rois])
        points, presence = self._session.run(crops, "landmarks", "presence")
        mapped = [_mapped(each, to) for each, to in zip(points, rois, strict=True)]
        return np.mean(mapped, axis=0).astype(np.float32), float(presence.mean())


def _mapped(points: NDArray[np.float32], roi: Roi) -> NDArray[np.float64]:
    """Return landmarks (478, 3) of a crop in image px."""
    to_image = roi.to_image(PIXELS)
    xy = points[:, :2] @ to_image[:, :2].T + to_image[:, 2]
    return np.concatenate([xy, points[:, 2:] * (roi.size / PIXELS)], axis=1)


def _strewn(roi: Roi, count: int) -> list[Roi]:
    """Return `count` squares about `roi`, always the same ones, whose mean is `roi`."""
    noise = np.random.default_rng(0).standard_normal((count, 4))
    noise = (noise - noise.mean(0)) * _STRAY
    return [
        Roi(roi.x + dx * roi.size, roi.y + dy * roi.size, roi.size * (1 + ds), roi.angle + da)
        for dx, dy, ds, da in noise
    ]
