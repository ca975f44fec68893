# SPDX-License-Identifier: GPL-3.0-or-later
"""A head as lines over a picture, and as a shaded surface."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ...models.head.raster import project, shade, vertex_normals
from ..types import Floats
from .view import View

LINE = (120, 255, 215)
HIDDEN = (255, 110, 90)  #: lines where something hides the face: they are believed, not measured
BACKGROUND = (30, 32, 36)
COLOURS = {
    "skin": (214, 188, 172),
    "mouth": (120, 62, 60),
    "eye": (236, 234, 230),
    "iris": (92, 112, 128),
    "pupil": (24, 24, 26),
    "cornea": (-1, -1, -1),
    "teeth": (232, 226, 212),
    "gums": (170, 96, 96),
    "tongue": (176, 96, 98),
    "lashes": (-1, -1, -1),  # thinner than a pixel
}
_SUBPIXEL = 4  # bits
_COARSE = 0.7  # the surface is drawn at this part of the panel's size and enlarged: half the time, and smoother edges


class Wireframe:
    """The lines of the face's polygons."""

    def __init__(self, head: HeadModel) -> None:
        skin = head.polygons[head.part == head.part_names.index("skin")]
        inside = skin[head.face_mask[skin].all(1) & (skin[:, 3] >= 0)]
        sides = np.concatenate([inside[:, [k, (k + 1) % 4]] for k in range(4)])
        self._edges = np.unique(np.sort(sides, axis=1), axis=0)
        self._faces = head.faces

    def draw(
        self,
        picture: NDArray[np.uint8],
        vertices: Floats,
        camera: Floats,
        view: View,
        hidden: NDArray[np.bool_] | None = None,
    ) -> NDArray[np.uint8]:
        """Draw over a copy of the panel's picture the lines that face the camera.

        Args:
            picture: (H, W, 3) uint8, the panel.
            vertices: (V, 3) m, camera space.
            camera: K (3, 3) of the whole picture.
            view: of the panel.
            hidden: (V,) vertices that are not measured in this frame; their lines get another colour.
        """
        towards = (vertex_normals(vertices, self._faces) * vertices).sum(1) < 0
        seen = self._edges[towards[self._edges].all(1)]
        points = project(vertices, view.matrix @ camera)[:, :2]
        lines = np.round(points[seen] * 2**_SUBPIXEL).astype(np.int32)
        over = picture.copy()
        away = np.zeros(len(seen), bool) if hidden is None else hidden[seen].any(1)
        cv2.polylines(over, list(lines[~away]), False, LINE, 1, cv2.LINE_AA, _SUBPIXEL)
        cv2.polylines(over, list(lines[away]), False, HIDDEN, 1, cv2.LINE_AA, _SUBPIXEL)
        return np.asarray(cv2.addWeighted(over, 0.55, picture, 0.45, 0))


class Surface:
    """The whole head, shaded."""

    def __init__(self, head: HeadModel) -> None:
        self._faces = head.faces
        self._colours = np.array([COLOURS.get(name, COLOURS["skin"]) for name in head.part_names])[head.face_part]

    def draw(self, vertices: Floats, camera: Floats, view: View) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, the panel."""
        size = (round(view.width * _COARSE), round(view.height * _COARSE))
        coarse = View(view.left, view.top, view.scale * size[1] / view.height, *size)
        picture = shade(vertices, self._faces, self._colours, coarse.matrix @ camera, size, background=BACKGROUND)
        return np.asarray(cv2.resize(picture, (view.width, view.height), interpolation=cv2.INTER_CUBIC))
