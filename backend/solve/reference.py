# SPDX-License-Identifier: GPL-3.0-or-later
"""The head in the reference frame, and what of it the picture shows there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ...models.head.model import HeadModel
from ...models.head.raster import project, rasterise
from ..types import FLIP

Array = NDArray[np.float64]

STEEPEST = 0.3  #: cosine of surface normal and line of sight below which a pixel is not used


@dataclass(frozen=True)
class Reference:
    """The head in the reference frame.

    Attributes:
        head: the model.
        shape: (S,) identity.
        offset: (V, 3) m, head space, this person's form beyond it.
        pose: (3,) axis-angle of the root; translation (3,) m.
        camera: K (3, 3) of the work picture.
        width, height: of the work picture, px.
        scale: face width / 240 px.
    """

    head: HeadModel
    shape: Array
    offset: Array
    pose: Array
    translation: Array
    camera: Array
    width: int
    height: int
    scale: float

    @property
    def turn(self) -> Array:
        """Head space to camera space, (3, 3)."""
        return FLIP @ Rotation.from_rotvec(self.pose).as_matrix()

    def vertices(self) -> Array:
        """All vertices (V, 3) at rest in the reference pose, camera space."""
        pose = np.zeros((len(self.head.joint_names), 3))
        pose[0] = self.pose
        none = np.zeros(len(self.head.expression))
        return self.head.vertices(self.shape, none, pose, self.translation, self.offset)


def visible_skin(
    reference: Reference, vertices: Array
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.bool_]]:
    """Triangle (H, W), barycentric (H, W, 3) and usable pixels (H, W): skin of the face that is not seen at a grazing angle."""
    head = reference.head
    triangle, weight = rasterise(project(vertices, reference.camera), head.faces, reference.width, reference.height)
    corner = vertices[head.faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    sight = corner.mean(1)
    cosine = np.abs((normal * sight).sum(1)) / (np.linalg.norm(normal, axis=1) * np.linalg.norm(sight, axis=1) + 1e-15)
    skin = (head.face_part == head.part_names.index("skin")) & (cosine > STEEPEST)
    usable = np.where(triangle >= 0, skin[np.maximum(triangle, 0)], False)
    usable = cv2.morphologyEx(usable.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))) > 0
    return triangle, weight, np.asarray(usable)


def pixel_normals(
    vertices: Array, faces: NDArray[np.int32], triangle: NDArray[np.int32], weight: NDArray[np.float32]
) -> Array:
    """Smooth unit normals (H, W, 3) of the visible surface, 0 where there is none."""
    corner = vertices[faces]
    flat = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(normal, faces[:, k], flat)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-15)
    image = np.einsum("hwkc,hwk->hwc", normal[faces[np.maximum(triangle, 0)]], weight).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), 1.5)
    return np.asarray(image / np.maximum(np.linalg.norm(image, axis=2, keepdims=True), 1e-6), dtype=float)
