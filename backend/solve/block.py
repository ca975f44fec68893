# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve of one block of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Columns
from .posterior import Posterior, State, start

Array = NDArray[np.float64]

PASSES = 3  #: linearisations
STEPS = 8  #: EM steps in each
FACTOR_RANK = 4  #: columns of the low-rank posterior kept per frame


@dataclass(frozen=True)
class BlockResult:
    """Estimates of T frames, in the units of `Columns` and `Surface`.

    Attributes:
        pose: (T, 6) rad and m about the surface's centre; pose_std (T, 6).
        units: (T, U) 1 = full strength, jaw turns in units of JAW_LIMIT; units_std (T, U); factor (T, U, r).
        detail: (T, F) px; detail_variance (F,) px^2, posterior, mean over the block.
        depth: (D,) m.
        noise: luma standard deviation of the evidence, model error included.
    """

    pose: Array
    pose_std: Array
    units: Array
    units_std: Array
    factor: Array
    detail: Array
    detail_variance: Array
    depth: Array
    noise: float


def _first_pose(columns: Columns, evidence: Array, depth: Array) -> Array:
    """Pose (T, 6) with the face held rigid: exact for large turns by relinearising."""
    layout = columns.layout
    pose = np.zeros((len(evidence), 6))
    none = np.zeros((len(evidence), layout.expressions))
    for _ in range(5):
        model = columns.to_sheet(columns.displacement(pose, depth, none))
        pull = columns.coefficients[:, :6].T @ evidence.T - columns.informed[:, :6].T @ model.T
        pose += np.linalg.solve(columns.normal[:6, :6], pull).T
    return pose


def solve_block(
    columns: Columns, evidence: Array, fps: float, residual_variance: float, depth: Array | None = None
) -> BlockResult:
    """Pose, expression and detail of all frames of a block together.

    Args:
        columns: normal equations of the template.
        evidence: (T, 2n) of the block's frames.
        fps: frames per second.
        residual_variance: of the template fit, luma^2.
        depth: (D,) m, known from another block; None to find it here.
    """
    surface, layout = columns.surface, columns.layout
    frames = len(evidence)
    state = start(layout, surface.group, frames, fps, residual_variance * 12)
    if depth is not None:
        state.depth = depth
    state.pose = _first_pose(columns, evidence, state.depth)
    units = int((surface.group == 0).sum())
    model = Posterior(layout, columns.normal, surface.group, units, frames, fps, residual_variance)
    for turn in range(PASSES):
        totals = state.totals(layout)
        right = columns.evidence(evidence, state.pose, state.depth, state.expression, totals)
        for step in range(STEPS):
            learn_time = turn >= 1 and step >= 3 and frames > 8
            state = model.step(state, right, learn_depth=depth is None and step >= 1, learn_time=learn_time)
    return _result(columns, state)


def _result(columns: Columns, state: State) -> BlockResult:
    surface, basis = columns.surface, state.basis
    mix = surface.unit_mixing()
    detail = surface.group > 0
    share = [(basis.modes[basis.level == k] ** 2).sum(0) for k in range(len(state.covariance))]
    quiet = (basis.modes[basis.level < 0] ** 2).sum(0)
    frames, count = len(state.pose), len(mix)
    covariance = np.zeros((frames, count, count))
    pose_variance = quiet[:, None] * np.diag(state.quiet_covariance)
    detail_variance = np.zeros(int(detail.sum()))
    for part, full in zip(share, state.covariance, strict=True):
        covariance += part[:, None, None] * (mix @ full[6:, 6:] @ mix.T)
        pose_variance += part[:, None] * np.diag(full)[:6]
        detail_variance += part.mean() * np.diag(full)[6:][detail]
    value, vector = np.linalg.eigh(covariance)
    rank = min(FACTOR_RANK, count)
    factor = vector[:, :, -rank:] * np.sqrt(np.maximum(value[:, None, -rank:], 0))
    return BlockResult(
        pose=state.pose / columns.pose_scale,
        pose_std=np.sqrt(pose_variance) / columns.pose_scale,
        units=state.expression @ mix.T,
        units_std=np.sqrt(np.maximum(np.einsum("tuu->tu", covariance), 0)),
        factor=factor,
        detail=state.expression[:, detail],
        detail_variance=detail_variance,
        depth=state.depth,
        noise=float(np.sqrt(state.noise)),
    )
