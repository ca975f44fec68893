# SPDX-License-Identifier: GPL-3.0-or-later
"""The head at rest plus its motion times a factor, at the pose the head mostly has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ...models.head.raster import project
from ..types import BRIDGED, Event, Take

STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30)
VISIBLE = 0.045  # of the face's width: what the largest event becomes
_FULL = 1.2  # a unit is not driven beyond this by magnification alone
_PLAIN = ("eyeBlink", "eyeLook")  # large already, and a lid has an end
_MOVING = ("jaw",)  # joints that are magnified; the eyes move as they are, the head stands still


@dataclass(frozen=True)
class Performance:
    """A take, seen from where its head stands still."""

    take: Take
    head: HeadModel
    rest_expression: NDArray[np.float64]  #: (E,)
    rest_pose: NDArray[np.float64]  #: (J, 3)
    rest_detail: NDArray[np.float64]  #: (D,)
    pose: NDArray[np.float64]  #: (J, 3) the head's usual one
    translation: NDArray[np.float64]  #: (3,)

    def vertices(self, index: int | None, factor: float) -> NDArray[np.float64]:
        """(V, 3) camera space m at a frame, motion times `factor`; None: at rest."""
        expression, pose, detail = self.rest_expression, self.pose, self.rest_detail
        if index is not None and self.take.valid[index] <= BRIDGED:
            expression = self._expression(index, factor)
            pose = self._pose(index, factor)
            detail = self.rest_detail + factor * (self.take.detail[index] - self.rest_detail)
        offset = self.take.shape_offset + np.tensordot(detail, self.take.detail_basis.astype(np.float64), 1)
        return self.head.vertices(self.take.shape, expression, pose, self.translation, offset)

    def _expression(self, index: int, factor: float) -> NDArray[np.float64]:
        true = self.take.expression[index].astype(np.float64)
        large = self.rest_expression + factor * (true - self.rest_expression)
        limit = np.maximum(_FULL, np.abs(true))
        plain = np.array([name.startswith(_PLAIN) for name in self.take.expression_names])
        return np.where(plain, true, np.clip(large, -limit, limit))

    def _pose(self, index: int, factor: float) -> NDArray[np.float64]:
        pose = self.pose.copy()
        for joint, name in enumerate(self.take.joint_names):
            if name not in ("root", "neck"):
                motion = self.take.pose[index, joint] - self.rest_pose[joint]
                pose[joint] = self.rest_pose[joint] + (factor if name in _MOVING else 1.0) * motion
        return pose

    def factor(self) -> float:
        """The step that makes the largest expression event clearly visible; 1 when there is none."""
        events = [event for event in self.take.events if event.kind in ("micro", "macro")]
        rest = self._face(None)
        width = float(np.ptp(rest[:, 0]))
        largest = max((float(np.linalg.norm(self._face(self._row(e)) - rest, axis=1).max()) for e in events), default=0)
        return visible_factor(largest, width)

    def _row(self, event: Event) -> int:
        return int(np.argmin(np.abs(self.take.time_s - event.apex_s)))

    def _face(self, index: int | None) -> NDArray[np.float64]:
        """(M, 2) px of the face's vertices, unmagnified."""
        return project(self.vertices(index, 1.0)[self.head.face_mask], self.take.camera)[:, :2]

    def course_px(self) -> NDArray[np.float64]:
        """(T,) px: RMS motion of the face by its units and detail, not by the head; NaN where nothing was measured."""
        points = np.flatnonzero(self.head.face_mask)[::8]
        basis = np.concatenate([self.head.expression[:, points], self.take.detail_basis[:, points]])
        weights = np.concatenate([self.take.expression, self.take.detail], axis=1)
        rest = np.concatenate([self.rest_expression, self.rest_detail])
        motion = (weights - rest) @ basis[:, :, :2].reshape(len(basis), -1)
        scale = self.take.camera[0, 0] / self.translation[2]
        return np.asarray(scale * np.sqrt((motion**2).sum(1) / len(points)))


def visible_factor(largest: float, width: float) -> float:
    """The step by which a motion becomes clearly visible on a face of some width, both in one unit; 1 without motion."""
    wanted = VISIBLE * width / largest if largest > 0 else 1.0
    return float(max((step for step in STEPS if step <= wanted), default=1))


def performance(take: Take, head: HeadModel) -> Performance:
    """Find the rest and the usual pose of a take."""
    usable = np.flatnonzero(take.valid <= BRIDGED)
    at_rest = np.intersect1d(take.template_frames, usable)
    rest = at_rest if len(at_rest) else usable
    rest_pose = np.median(take.pose[rest], axis=0).astype(np.float64)
    pose = rest_pose.copy()
    pose[0] = np.median(take.pose[usable, 0], axis=0)
    return Performance(
        take=take,
        head=head,
        rest_expression=np.median(take.expression[rest], axis=0).astype(np.float64),
        rest_pose=rest_pose,
        rest_detail=np.median(take.detail[rest], axis=0).astype(np.float64),
        pose=pose,
        translation=np.median(take.translation[usable], axis=0),
    )
