# SPDX-License-Identifier: GPL-3.0-or-later
"""Films of a painted head that opens its mouth, smiles and turns as far as it likes: a textured mesh, not one sheet.

The head is our geometry bent into another person (`clips/geometry.py`), painted once (`clips/paint.py`); every later picture shows
that paint on the moved mesh. Its motion is that of our head's own units and joints: the clips of `clips/` are for motion that
is not, but their sheet would fold over itself before 15 px. What the paint did not see at rest, such as the inside of the
mouth, has a flat colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from microface.models.head.model import HeadModel
from microface.models.head.raster import project, rasterise, vertex_normals
from numpy.typing import NDArray

from .clips.encoder import write_video
from .clips.faces import BEND, HEADS
from .clips.geometry import bent, generic
from .clips.landmarks import CHEEKS
from .clips.paint import paint
from .clips.performance import AMBIENT, LIGHT
from .clips.sculpture import find_landmarks

Floats = NDArray[np.float64]

WIDTH, HEIGHT, FACE_PX, FOCAL, FPS = 340, 380, 200.0, 800.0, 30.0
FINER = 2  # samples a pixel and axis
NOISE, CRF = 1.5, 12
BACKGROUND, INNER = 96.0, {"mouth": 60.0, "teeth": 190.0, "gums": 110.0}  # grey levels of what is not painted
POINTS = 800


@dataclass(frozen=True)
class Motion:
    """What T frames show."""

    expression: Floats  #: (T, E) 1 = full strength
    jaw: Floats  #: (T,) rad, open
    yaw: Floats  #: (T,) rad


@dataclass(frozen=True)
class Film:
    head: HeadModel
    person: str  #: a name of clips/faces.py
    motion: Motion

    @cached_property
    def camera(self) -> Floats:
        return np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])

    @cached_property
    def vertices(self) -> Floats:
        """(T, V, 3) m, camera space: the truth."""
        _, seed, _ = HEADS[self.person]
        offset = bent(generic(), seed, BEND).vertices - self.head.template
        pose = np.zeros((len(self.motion.yaw), len(self.head.joint_names), 3))
        pose[:, 0, 1] = self.motion.yaw
        pose[:, self.head.joint_names.index("jaw"), 0] = self.motion.jaw
        face = (self.head.template + offset)[self.head.face_mask]
        away = FOCAL * np.ptp(face[:, 0]) / FACE_PX + face[:, 2].mean()
        place = np.r_[-face[:, 0].mean(), face[:, 1].mean(), away]
        none = np.zeros(len(self.head.identity))
        frames = zip(self.motion.expression, pose, strict=True)
        return np.stack([self.head.vertices(none, *frame, place, offset) for frame in frames])

    @cached_property
    def points(self) -> NDArray[np.int64]:
        """(N,) vertices of the face's skin that look at the camera in every frame."""
        some = self.vertices[:: max(1, len(self.vertices) // 8)]
        facing = [-(vertex_normals(v, self.head.faces) * v).sum(1) / np.linalg.norm(v, axis=1) for v in some]
        shown = np.flatnonzero(self.head.face_mask & (np.array(facing) > 0.5).all(0))
        return shown[:: max(1, len(shown) // POINTS)]

    @cached_property
    def _fine(self) -> Floats:
        fine = np.diag([FINER, FINER, 1.0]) @ self.camera
        fine[:2, 2] += (FINER - 1) / 2
        return fine

    @cached_property
    def _drawn(self) -> NDArray[np.int32]:
        clear = [self.head.part_names.index(name) for name in ("cornea", "lashes", "tongue")]
        return self.head.faces[~np.isin(self.head.face_part, clear)]

    @cached_property
    def _flat(self) -> Floats:
        """(F,) grey level of each drawn face, NaN where it is painted."""
        grey = np.array([INNER.get(name, np.nan) for name in self.head.part_names])
        clear = [self.head.part_names.index(name) for name in ("cornea", "lashes", "tongue")]
        return grey[self.head.face_part[~np.isin(self.head.face_part, clear)]]

    def _seen(self, vertices: Floats) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        return rasterise(project(vertices, self._fine), self._drawn, WIDTH * FINER, HEIGHT * FINER)

    @cached_property
    def _paint(self) -> NDArray[np.float32]:
        """(FINER H, FINER W, 3) grey levels: the first frame, by landmarks that the tracker finds on the bare head."""
        triangle, weight = self._seen(self.vertices[0])
        seen, normals = triangle >= 0, np.zeros((*triangle.shape, 3))
        corner = self._drawn[triangle[seen]]
        normals[seen] = np.einsum("nk,nkc->nc", weight[seen], vertex_normals(self.vertices[0], self._drawn)[corner])
        normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
        shade = 0.25 + 0.5 * np.clip(-normals[..., 2:], 0, 1) + 0.35 * np.clip(-normals[..., 1:2], 0, 1)
        bare = np.where(seen[..., None], shade * [182, 142, 122], 70).astype(np.float32)
        landmarks = find_landmarks(_small(bare).round().astype(np.uint8)) * FINER + (FINER - 1) / 2
        unit = float(np.linalg.norm(np.subtract(*landmarks[list(CHEEKS)])))
        return paint(normals, seen, landmarks, HEADS[self.person][2], unit)

    def picture(self, frame: int) -> NDArray[np.float32]:
        """(H, W, 3) grey levels without noise."""
        now, rest = self.vertices[frame], self.vertices[0]
        triangle, weight = self._seen(now)
        seen = triangle >= 0
        corner, share = self._drawn[triangle[seen]], weight[seen].astype(float)
        source = np.zeros((*seen.shape, 2), np.float32)
        source[seen] = project(np.einsum("nk,nkc->nc", share, rest[corner]), self._fine)[:, :2]
        picture = cv2.remap(self._paint, source[..., 0], source[..., 1], cv2.INTER_CUBIC)
        light = [AMBIENT + (1 - AMBIENT) * np.clip(vertex_normals(v, self._drawn) @ LIGHT, 0, 1) for v in (now, rest)]
        picture[seen] *= np.einsum("nk,nk->n", share, (light[0] / light[1])[corner])[:, None]
        flat = np.where(seen, self._flat[triangle], BACKGROUND)
        picture = np.where(np.isnan(flat)[..., None], picture, flat[..., None])
        return _small(picture.astype(np.float32))

    def write(self, path: Path) -> Path:
        write_video(path, self._recorded(), FPS, CRF)
        return path

    def _recorded(self) -> Iterator[NDArray[np.uint8]]:
        random = np.random.default_rng(HEADS[self.person][1])
        for frame in range(len(self.vertices)):
            noisy = self.picture(frame) + random.normal(0, NOISE, (HEIGHT, WIDTH, 1))
            yield np.clip(np.round(noisy), 0, 255).astype(np.uint8)


def _small(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
