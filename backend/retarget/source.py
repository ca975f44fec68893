# SPDX-License-Identifier: GPL-3.0-or-later
"""What the skin of a take's head moves by expression alone, and how well that is known: jaw and lids, not head or neck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from ...models.head.model import HeadModel
from ...models.head.units import GAZE_UNITS, UNIT_NAMES
from ..deviation import motion_deviation
from ..exchange.arkit import weights_of
from ..mesh import covered_skin, refuse_other_head
from ..types import BRIDGED, MEASURED, Take

Array = NDArray[np.float64]
Rows = NDArray[np.integer[Any]]

CARRIED = ("root", "neck")  # joints that move the whole head
EYES = ("eye_left", "eye_right")
FLOOR = 5e-5  # m: what the two heads differ by is as uncertain as that, however well the motion was measured
ASKED = 150  # vertices whose deviation is asked for: it changes slowly over the face
BRIDGED_TRUST = 0.1  # of a frame whose motion was carried over from its neighbours
HIDDEN = 0.01  # of the weight of skin that something hides


@dataclass(frozen=True)
class SurfaceMotion:
    """A head at rest, and where its skin goes."""

    head: HeadModel  #: its template is this person at rest
    rows: Rows  #: (N,) vertices whose motion is given
    motion: Array  #: (T, N, 3) m, head space; 0 in frames without a face
    time_s: Array  #: (T,)
    trust: Array  #: (T,) 1 in a measured frame, 0 without a face
    state: Rows  #: (T,) which parts of the face are covered: a row of `certainty`
    certainty: Array  #: (Q, N) how much each vertex counts
    gaze: Mapping[str, Array] = field(default_factory=dict)  #: unit -> (T,), where the eyes tell it
    turns: Mapping[str, Array] = field(
        default_factory=dict
    )  #: eye_left, eye_right, head -> (T, 3) axis-angle, from rest


def at_rest(take: Take, head: HeadModel) -> HeadModel:
    """The head with this person as its template.

    Raises:
        MicrofaceError: ``other_head``.
    """
    refuse_other_head(take, head)
    return replace(head, template=head.neutral(take.shape) + take.shape_offset, joint_template=head.joints(take.shape))


def surface_motion(take: Take, head: HeadModel, rows: Rows) -> SurfaceMotion:
    """Motion of some vertices of the take's head.

    Args:
        take: its frames beyond BRIDGED count for nothing.
        head: the take's.
        rows: (N,) vertices.

    Raises:
        MicrofaceError: ``other_head``.
    """
    person = at_rest(take, head)
    usable = (take.valid <= BRIDGED) & np.isfinite(take.expression).all(1) & np.isfinite(take.pose).all((1, 2))
    motion = np.zeros((len(take.time_s), len(rows), 3))
    small = _rows(person, rows)
    for frame in np.flatnonzero(usable):
        motion[frame] = _moved(take, small, rows, int(frame))
    trust = np.where(usable, np.where(take.valid == MEASURED, 1.0, BRIDGED_TRUST), 0.0)
    covered, state = np.unique(take.covered > 0, axis=0, return_inverse=True)
    hidden = np.stack([covered_skin(take.patch, one)[rows] for one in covered])
    weight = _certainty(take, head, rows, usable) * np.where(hidden, HIDDEN, 1.0)
    return SurfaceMotion(
        person, rows, motion, take.time_s, trust, state.reshape(-1), weight, _gaze(take), _turns(take, trust)
    )


def _gaze(take: Take) -> dict[str, Array]:
    """The weights of the units that turn the eyes; 0 without a result."""
    weights = np.nan_to_num(weights_of(take).value)
    return {name: weights[:, UNIT_NAMES.index(name)] for name in GAZE_UNITS}


def _turns(take: Take, trust: Array) -> dict[str, Array]:
    """Turns of the eyes in the head, and of the head from where it mostly is, in head space; 0 without a result."""
    pose = np.where(trust[:, None, None] > 0, np.nan_to_num(take.pose.astype(np.float64)), 0)
    joints = {name: pose[:, number] for number, name in enumerate(take.joint_names)}
    turns = {name: joints[name] for name in EYES if name in joints}
    head = np.stack([np.eye(3)] * len(pose))
    for name in CARRIED:
        head = head @ Rotation.from_rotvec(joints[name]).as_matrix() if name in joints else head
    if (trust > 0).any():
        mean = Rotation.from_matrix(head[trust > 0]).mean()
        usual = np.median((mean.inv() * Rotation.from_matrix(head[trust > 0])).as_rotvec(), 0)
        rest = mean * Rotation.from_rotvec(usual)
        turns["head"] = np.where(trust[:, None] > 0, (rest.inv() * Rotation.from_matrix(head)).as_rotvec(), 0)
    return turns


def _rows(head: HeadModel, rows: Rows) -> HeadModel:
    """The head reduced to some vertices."""
    return replace(
        head, template=head.template[rows], expression=head.expression[:, rows], identity=head.identity[:, rows],
        weights=head.weights[rows], pose_correctives=head.pose_correctives[:, rows],
    )  # fmt: skip


def _moved(take: Take, person: HeadModel, rows: Rows, frame: int) -> Array:
    """(N, 3) m in one frame: units, detail, jaw and eyes, the head held still."""
    pose = take.pose[frame].astype(np.float64)
    pose[[take.joint_names.index(name) for name in CARRIED if name in take.joint_names]] = 0
    value = take.expression[frame].astype(np.float64)
    acted = person.template + np.tensordot(value, person.expression, 1)
    acted += np.tensordot(take.detail[frame].astype(np.float64), take.detail_basis[:, rows], 1)
    joints = person.joint_template + person.joint_shift(value)
    return person.pose(acted, joints, pose) - person.template


def _certainty(take: Take, head: HeadModel, rows: Rows, usable: NDArray[np.bool_]) -> Array:
    """Weight (N,) of the vertices: one over the variance of their motion in an ordinary frame, 1 in the mean.

    Frames weigh alike, however far the face moves in them: what is doubted in proportion to its size must not be
    smoothed away because of it.
    """
    if not usable.any():
        return np.ones(len(rows))
    asked = np.linspace(0, len(rows) - 1, min(ASKED, len(rows))).astype(np.int64)
    # an imported take knows no deviations: what is unknown counts alike
    deviation = np.nan_to_num(motion_deviation(take, head, np.asarray(rows, np.int64)[asked])[usable])
    precision = np.median(1 / ((deviation**2).mean(2) + FLOOR**2), 0)
    place = head.template[rows]
    near = cKDTree(place[asked]).query(place)[1]
    return np.asarray(precision[near] / precision[near].mean())
