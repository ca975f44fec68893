# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the skin of each region moves by expression alone: against the same head at rest in the same pose."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ..mesh import refuse_other_head
from ..noise import REGIONS
from ..types import BRIDGED, Take

Array = NDArray[np.float64]


def region_motion(take: Take, head: HeadModel) -> tuple[tuple[str, ...], Array, Array]:
    """Mean path length of a region's landmarks from rest, jaw included, head and eyes excluded.

    Returns:
        Names of the regions (R); (T, R) px in the picture; (T, R) mm in space; NaN without a result.

    Raises:
        MicrofaceError: ``other_head``.
    """
    refuse_other_head(take, head)
    names = tuple(name for name, marks in REGIONS.items() if np.isin(marks, head.landmark_index).any())
    member = [np.flatnonzero(np.isin(head.landmark_index, REGIONS[name])) for name in names]
    row, corner = np.unique(head.faces[head.landmark_triangle], return_inverse=True)
    small = _rows(head, row, corner.reshape(-1, 3))
    px, mm = (np.full((len(take.time_s), len(names)), np.nan) for _ in range(2))
    for index in np.flatnonzero(take.valid <= BRIDGED):
        acted, rest = _points(take, small, row, int(index))
        shift = np.linalg.norm(_picture(take, acted) - _picture(take, rest), axis=1)
        path = 1000 * np.linalg.norm(acted - rest, axis=1)
        px[index], mm[index] = [shift[m].mean() for m in member], [path[m].mean() for m in member]
    return names, px, mm


def _rows(head: HeadModel, row: NDArray[np.intp], corner: NDArray[np.intp]) -> HeadModel:
    """The head reduced to some vertices, its landmarks on them."""
    return replace(
        head, template=head.template[row], identity=head.identity[:, row], expression=head.expression[:, row],
        weights=head.weights[row], pose_correctives=head.pose_correctives[:, row], face_mask=head.face_mask[row],
        faces=corner.astype(np.int32), landmark_triangle=np.arange(len(corner), dtype=np.int32),
    )  # fmt: skip


def _points(take: Take, head: HeadModel, row: NDArray[np.intp], index: int) -> tuple[Array, Array]:
    """Landmarks (L, 3) in camera space m: as acted, and at rest with only head and eyes as they are."""
    basis = take.shape_offset[row].astype(float)
    detail = np.tensordot(take.detail[index].astype(float), take.detail_basis[:, row], 1)
    still = take.pose[index].copy()
    still[head.joint_names.index("jaw")] = 0
    quiet = np.zeros(len(head.expression_names))
    where = take.translation[index]
    acted = head.vertices(take.shape, take.expression[index], take.pose[index], where, basis + detail)
    rest = head.vertices(take.shape, quiet, still, where, basis)
    return head.landmark_points(acted), head.landmark_points(rest)


def _picture(take: Take, points: Array) -> Array:
    """(L, 2) px of points (L, 3) in camera space."""
    seen = points @ take.camera.T
    return np.asarray(seen[:, :2] / seen[:, 2:])
