# SPDX-License-Identifier: GPL-3.0-or-later
"""A mesh of a head, lit and painted as the first picture of a clip."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from microface.backend.tracking import FaceTracker
from microface.models.head.raster import rasterise, vertex_normals
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter

from .face import Face
from .geometry import Mesh
from .landmarks import CHEEKS, OVAL
from .lattice import Lattice
from .paint import Look, paint
from .plan import Plan

Floats = NDArray[np.float64]
FINER = 2  # samples a pixel and axis
LENS = 0.6  # px, blur of lens and sensor
GREY = np.array([182, 142, 122])  # of the bare head that the tracker is shown


def sculpture(mesh: Mesh, look: Look, plan: Plan) -> Face:
    """A head in front of the camera, as large as the plan says.

    The landmarks are the tracker's on the bare head: they say where to paint brows and where to move; what the clip's
    truth is does not depend on how exact they are.
    """
    guess = _Shot(mesh, plan, 0.15)
    landmarks = find_landmarks(guess.bare())
    width = np.linalg.norm(np.subtract(*landmarks[list(CHEEKS)])) / guess.pixels_a_metre
    middle = ((landmarks.min(0) + landmarks.max(0)) / 2 - guess.principal) / guess.pixels_a_metre
    shot = _Shot(mesh, plan, float(width), (float(middle[0]), float(middle[1])))
    landmarks = find_landmarks(shot.bare())
    finer = landmarks * FINER + (FINER - 1) / 2
    painted = paint(shot.normals, shot.seen, finer, look, plan.face_px * FINER)
    sharp = cv2.resize(painted, (plan.width, plan.height), interpolation=cv2.INTER_AREA)
    picture = cv2.GaussianBlur(sharp, (0, 0), LENS)
    return Face(np.moveaxis(picture, 2, 0).astype(float), shot.sheet(landmarks), landmarks, shot.camera)


def find_landmarks(picture: NDArray[np.uint8]) -> Floats:
    """(478, 2) px of the largest face."""
    tracker = _tracker()
    faces = tracker.detect(picture)
    if not faces:
        raise ValueError("the tracker sees no face")
    roi = faces[0].roi
    for _ in range(2):
        landmarks, _ = tracker.landmarks(picture, roi)
        roi = tracker.roi_of(landmarks)
    return tracker.landmarks(picture, roi, jitter=4)[0][:, :2].astype(float)


@cache
def _tracker() -> FaceTracker:
    return FaceTracker("cpu", 1)


class _Shot:
    """What a camera sees of the mesh, at `FINER` samples a pixel."""

    def __init__(self, mesh: Mesh, plan: Plan, width: float, middle: tuple[float, float] = (0.0, 0.0)) -> None:
        focal = plan.focal * plan.height
        self.principal = np.array([plan.width - 1, plan.height - 1]) / 2
        self.camera = np.array([[focal, 0, self.principal[0]], [0, focal, self.principal[1]], [0, 0, 1]])
        self.pixels_a_metre = plan.face_px / width
        distance = focal / self.pixels_a_metre  # of the cheeks
        front = mesh.vertices[:, 2].max()
        points = mesh.vertices * [1, -1, -1] + [-middle[0], -middle[1], distance + front - 0.07]
        image = np.c_[points[:, :2] / points[:, 2:] * focal + self.principal, points[:, 2]]
        fine = np.c_[image[:, :2] * FINER + (FINER - 1) / 2, image[:, 2]]
        triangle, weight = rasterise(fine, mesh.faces, plan.width * FINER, plan.height * FINER)
        self.plan, self.seen = plan, triangle >= 0
        corner = mesh.faces[triangle[self.seen]]
        normals = vertex_normals(points, mesh.faces)
        share = weight[self.seen].astype(float)
        self.normals = np.zeros((*triangle.shape, 3))
        self.normals[self.seen] = np.einsum("nk,nkc->nc", share, normals[corner])
        self.normals /= np.maximum(np.linalg.norm(self.normals, axis=2, keepdims=True), 1e-9)
        self.depth = np.full(triangle.shape, np.nan)
        self.depth[self.seen] = np.einsum("nk,nk->n", share, points[corner, 2])

    def bare(self) -> NDArray[np.uint8]:
        """(H, W, 3) plain shading."""
        light = 0.25 + 0.5 * np.clip(-self.normals[..., 2], 0, 1) + 0.35 * np.clip(-self.normals[..., 1], 0, 1)
        picture = np.where(self.seen[..., None], GREY * light[..., None], 70).astype(np.float32)
        small = cv2.resize(picture, (self.plan.width, self.plan.height), interpolation=cv2.INTER_AREA)
        return np.clip(small, 0, 255).astype(np.uint8)

    def sheet(self, landmarks: Floats) -> Floats:
        """(h, w) m at the nodes: the face's depth, continued smoothly where it ends."""
        lattice = Lattice(self.plan.width, self.plan.height)
        x, y = np.clip(lattice.nodes * FINER, 0, np.array(self.depth.shape[::-1])[:, None, None] - 1).astype(int)
        depth = self.depth[y, x]
        face = np.zeros(depth.shape, np.uint8)
        middle = landmarks.mean(0)
        outline = (middle + 1.03 * (landmarks[OVAL] - middle)) / lattice.step
        cv2.fillPoly(face, [np.round(outline).astype(np.int32)], 1)
        known = (face > 0) & np.isfinite(depth)
        known &= depth < np.median(depth[known]) + 0.07  # not the neck behind the chin
        away, (row, column) = distance_transform_edt(~known, return_indices=True)
        filled = depth[row, column]
        unit = self.plan.face_px / lattice.step
        smooth = gaussian_filter(filled, 0.06 * unit, mode="nearest") + 0.1 * np.minimum(away / unit, 0.5)
        share = np.clip(away / (0.06 * unit), 0, 1)
        return gaussian_filter(filled * (1 - share) + smooth * share, 0.8, mode="nearest")
