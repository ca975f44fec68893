# SPDX-License-Identifier: GPL-3.0-or-later
"""The 3D causes of motion written as coefficients of the motion sheet: the bridge from dense motion to the solve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.transform import Rotation

from ..motion.field import MotionField
from ..motion.rigid import RigidMotion
from .state import MOVING, Layout
from .surface import Surface

Array = NDArray[np.float64]

LARGEST_TURN, LARGEST_SHIFT = 0.06, 0.03  #: rad and m: the landmarks' pose is never further off
ANCHORS = 4000  #: surface points at which the model's motion is compared with the sheet


class Columns:
    """Normal equations of the solve for one template.

    Attributes:
        layout: of the columns.
        coefficients: (2n, P) sheet coefficients of every column.
        normal: (P, P) their information.
        pose_scale: (6,) px RMS of a unit (rad, m) of each pose column; pose_limit (6,) px.
    """

    def __init__(self, surface: Surface, field: MotionField) -> None:
        self.surface, self.field = surface, field
        total = len(surface.points)
        self._anchor = np.arange(0, total, max(1, total // ANCHORS))
        phi = field.design[self._anchor].astype(float)
        gram = np.asarray((phi.T @ phi).todense())
        gram += 1e-3 * np.trace(gram) / len(gram) * (field.sheet.bending() + 1e-3 * np.eye(len(gram)))
        self._phi, self._gram = phi, cho_factor(gram, lower=True)
        at, ray = surface.points[self._anchor], surface.ray[self._anchor]
        pose = surface.rigid_flow(at)
        self.pose_scale = np.sqrt((pose**2).sum(2).mean(1))
        step = 1e-4
        self.pose_limit = np.repeat([LARGEST_TURN, LARGEST_SHIFT], 3) * self.pose_scale
        nearer, farther = surface.rigid_flow(at - step * ray), surface.rigid_flow(at + step * ray)
        parallax = (farther - nearer)[list(MOVING)] / (2 * step) / self.pose_scale[list(MOVING), None, None]
        bump = surface.depth_bump[self._anchor]
        depth = np.einsum("jma,md->djma", parallax, bump).reshape(-1, len(at), 2)
        self._moves = surface.moves(self._anchor)
        expression = surface.flow(self._moves, at)
        flow = np.concatenate([pose / self.pose_scale[:, None, None], depth, expression])
        self.layout = Layout(bump.shape[1], len(expression))
        self.coefficients = self.to_sheet(flow).T
        self.informed = field.information @ self.coefficients
        self.normal = self.coefficients.T @ self.informed

    def to_sheet(self, flow: Array) -> Array:
        """Image motion at the anchors (K, A, 2) px -> sheet coefficients (K, 2n)."""
        halves = [cho_solve(self._gram, self._phi.T @ flow[..., k].T).T for k in (0, 1)]
        return np.concatenate(halves, 1)

    def displacement(self, coarse: RigidMotion, pose: Array, depth: Array, expression: Array) -> Array:
        """Exact sheet motion (T, A, 2) px of the anchors.

        Args:
            coarse: the motion the sheet is measured on top of.
            pose: (T, 6) scaled, turns and shifts of the head before the coarse motion.
            depth: (D,) m. expression: (T, X) px.
        """
        s, a = self.surface, self._anchor
        base = s.points[a] + s.ray[a] * (s.depth_bump[a] @ depth)[:, None]
        own = Rotation.from_rotvec(pose[:, :3] / self.pose_scale[:3]).as_matrix()
        turn = coarse.turn @ own
        place = np.einsum("tab,tb->ta", coarse.turn, s.centre + pose[:, 3:] / self.pose_scale[3:]) + coarse.shift
        at = np.tile(base - s.centre, (len(pose), 1, 1))
        if expression.any():
            at += (expression @ self._moves.reshape(len(self._moves), -1)).reshape(at.shape)
        at = at @ turn.transpose(0, 2, 1)
        at += place[:, None]
        views = coarse.views(s.sighted[a], s.reference.camera, s.sighted.mean(0))
        return (s.project(at) - views.base) @ np.linalg.inv(views.affine).transpose(0, 2, 1)

    def as_pose(self, coarse: RigidMotion) -> Array:
        """The coarse motion (T) as pose columns (T, 6), scaled."""
        turn = Rotation.from_matrix(coarse.turn).as_rotvec()
        shift = coarse.turn @ self.surface.centre + coarse.shift - self.surface.centre
        return np.concatenate([turn, shift], 1) * self.pose_scale

    def evidence(self, evidence: Array, model: Array, totals: Array) -> Array:
        """Right-hand side (P, T) about the totals, linearised where the block now stands.

        Args:
            evidence: (T, 2n) from `MotionField.evidence`.
            model: (T, 2n) sheet coefficients of the present estimate's motion.
            totals: (P, T) the present estimate.
        """
        pulled = self.coefficients.T @ evidence.T - self.informed.T @ model.T
        return np.asarray(pulled + self.normal @ totals)
