# SPDX-License-Identifier: GPL-3.0-or-later
"""A head in front of a camera, and what a perfect measurement of its motion would be: from HeadModel alone."""

from dataclasses import dataclass

import numpy as np
import pytest
from microface.backend.motion.field import MotionField, Template, Views
from microface.backend.motion.sheet import SPACING, SplineSheet
from microface.backend.solve.reference import Reference, visible_skin
from microface.backend.solve.surface import Surface
from microface.models import assets
from microface.models.head.model import HeadModel, read_head
from scipy.sparse import identity
from scipy.sparse.linalg import factorized


@pytest.fixture(scope="session")
def generic_head() -> HeadModel:
    if not (assets.FOLDER / "generic_head.npz").is_file():
        pytest.skip("generic_head.npz is not built")
    return read_head(assets.FOLDER / "generic_head.npz")


@dataclass(frozen=True)
class Stage:
    """A face 150 px wide with a random texture, and its motion sheet."""

    surface: Surface
    field: MotionField

    def vertices(self, expression: np.ndarray, pose: np.ndarray, translation: np.ndarray) -> np.ndarray:
        """(V, 3) m camera space, of the reference person."""
        reference = self.surface.reference
        return reference.head.vertices(reference.shape, expression, pose, translation, reference.offset)

    def points(self, vertices: np.ndarray) -> np.ndarray:
        """(M, 3) m, under the template's pixels, by the corners of the triangles seen there."""
        return self.surface.interpolate(vertices)

    def sheet_motion(self, points: np.ndarray, views: Views) -> np.ndarray:
        """(T, 2n) px: the sheet that best follows the points (T, M, 3) m in the picture, on top of the views."""
        camera, phi = self.surface.reference.camera, self.field.design.astype(float)
        beyond = points[..., :2] / points[..., 2:] * camera[0, 0] + camera[:2, 2] - views.base
        motion = np.einsum("tab,tmb->tma", np.linalg.inv(views.affine), beyond)
        solve = factorized((phi.T @ phi + 1e-6 * identity(phi.shape[1])).tocsc())
        return np.stack([np.concatenate([solve(phi.T @ one[:, k]) for k in (0, 1)]) for one in motion])

    def noisy(self, motion: np.ndarray, noise: float, seed: int) -> np.ndarray:
        """What the fit gives for a true motion (T, 2n): shrunk by its prior and scattered by a luma noise."""
        field, random = self.field, np.random.default_rng(seed)
        value, vector = np.linalg.eigh(field.information)
        scatter = random.normal(0, noise, motion.shape) * np.sqrt(np.maximum(value, 0)) @ vector.T
        return np.linalg.solve(field.information + field.prior, (motion @ field.information + scatter).T).T


def stand(head: HeadModel) -> Reference:
    """A person who is not the mean, turned a little, 0.7 m from the camera."""
    shape = np.random.default_rng(5).normal(0, 0.5, len(head.identity))
    camera = np.array([[760, 0, 100.0], [0, 760, 120.0], [0, 0, 1]])
    pose, translation = np.array([0.05, -0.08, 0.03]), np.array([0.0, 0.02, 0.72])
    return Reference(head, shape, np.zeros_like(head.template), pose, translation, camera, 200, 240, 150 / 240)


@pytest.fixture(scope="session")
def stage(generic_head: HeadModel) -> Stage:
    reference = stand(generic_head)
    vertices = reference.vertices()
    triangle, weight, seen = visible_skin(reference, vertices)
    face = generic_head.face_mask[generic_head.faces].all(1)
    y, x = np.nonzero(seen & face[np.maximum(triangle, 0)])
    points = np.stack([x, y], 1)[::4].astype(float)
    random = np.random.default_rng(6)
    slope, light = random.normal(0, 12, (len(points), 2)), np.ones((len(points), 1))
    template = Template(points, random.normal(0, 15, len(points)), slope, light, np.ones(len(points)))
    sheet = SplineSheet(points.min(0) - 1, points.max(0) + 1, SPACING * reference.scale)
    return Stage(Surface(reference, points, triangle, weight), MotionField(template, sheet, 1.0))
