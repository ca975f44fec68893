# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve of one block of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from ..motion.rigid import RigidMotion
from ..motion.window import BLUR
from .columns import Columns
from .hidden import HiddenPart
from .leftover import Leftover, leftover
from .posterior import Posterior, error_variance
from .state import Prior, State, start

Array = NDArray[np.float64]

PASSES = 3  #: linearisations
STEPS = 8  #: EM steps in each
MACRO_SHARE = 0.3  #: of the limits that dense motion keeps where the landmarks see a large expression
MACRO_ERROR = 10.0  #: factor on the misfit of a block with a large expression, whose errors are systematic
FACTOR_RANK = 4  #: columns of the low-rank posterior kept per frame
RIVAL_ERROR = 0.25  #: of the error counted on, for another answer to compare with
RIVAL_STEPS = 2  #: EM steps to it
LEAST_TIMED = 8  #: frames, of which more are needed to learn a course in time


@dataclass(frozen=True)
class Block:
    """What was measured in T consecutive frames.

    Attributes:
        motion: (T, 2n) sheet coefficients, px.
        coarse: the head's coarse motion they are measured on top of.
        macro: (T, X) px, large expressions from the landmarks.
        hidden: (T,) frames whose picture is not to be believed: they follow from their neighbours.
        masked: (T, 2n) share of what every coefficient is seen by that something hides in the other frames.
    """

    motion: Array
    coarse: RigidMotion
    macro: Array
    hidden: NDArray[np.bool_]
    masked: NDArray[np.float32]


@dataclass(frozen=True)
class BlockResult:
    """Estimates of T frames, in the units of `Columns` and `Surface`.

    Attributes:
        turn: (T, 3, 3) and place (T, 3) m: a reference point X stands at turn @ (X - surface.centre) + place.
        pose_std: (T, 6) rad and m.
        units: (T, U) 1 = full strength, jaw turns in units of JAW_LIMIT; units_std (T, U); factor (T, U, r).
        detail: (T, F) px; detail_variance (F,) px^2, posterior, mean over the block.
        units_swing, detail_swing: as units and detail, how far they go if less error is counted on.
        depth: (D,) m.
        noise: luma standard deviation of the evidence, model error included.
    """

    turn: Array
    place: Array
    pose_std: Array
    units: Array
    units_std: Array
    factor: Array
    detail: Array
    detail_variance: Array
    units_swing: Array
    detail_swing: Array
    depth: Array
    noise: float


def _first_pose(columns: Columns, block: Block, part: HiddenPart, prior: Prior, depth: Array) -> Array:
    """Pose (T, 6) beyond the coarse motion, with the large expressions held."""
    pose = np.zeros((len(block.motion), 6))
    evidence = columns.field.evidence(block.motion)
    still = np.zeros((len(columns.normal), len(pose)))
    for _ in range(3):
        model = columns.to_sheet(columns.displacement(block.coarse, pose, depth, block.macro))
        pull = columns.coefficients[:, :6].T @ evidence.T - columns.informed[:, :6].T @ model.T
        pull += part.completion(model, still)[:6]
        pose += np.linalg.solve(columns.normal[:6, :6], pull).T
        pose = np.clip(pose, -prior.pose_limit, prior.pose_limit)
    return pose


def solve_block(
    columns: Columns, block: Block, fps: float, residual_variance: float, depth: Array | None = None
) -> BlockResult:
    """Pose, expression and detail of all frames of a block together.

    Args:
        columns: normal equations of the template.
        block: what was measured.
        fps: frames per second.
        residual_variance: of the template fit, luma^2.
        depth: (D,) m, known from another block; None to find it here.
    """
    surface, layout = columns.surface, columns.layout
    frames = len(block.motion)
    large = bool(block.macro.any())
    prior = _prior(columns, block, MACRO_SHARE if large else 1.0)
    floor = evidence_variance(residual_variance)
    state = start(layout, surface.causes.group, frames, fps, error_variance(floor))
    if depth is not None:
        state.depth = depth
    state.expression = block.macro.copy()
    part = HiddenPart(columns, block.motion, block.masked, block.hidden)
    state.pose = _first_pose(columns, block, part, prior, state.depth)
    model = Posterior(layout, columns.normal, prior, fps, floor)
    evidence = columns.field.evidence(block.motion)
    # Folding skin looks like parallax: a block with a large expression learns no depth, and its misfit weighs more.
    for turn in range(PASSES):
        moved = columns.to_sheet(columns.displacement(block.coarse, state.pose, state.depth, state.expression))
        if turn:
            left = _left_over(columns, block, moved, fps)
            model.misfit = left.misfit * (MACRO_ERROR if large else 1.0)
            # Nothing is still in a large expression, and what hides the face pulls at what is beside it.
            model.alike = None if large or block.masked.any() else left.alike
            # A misfit beyond the picture's error is mostly slow, and is counted on already.
            model.slow = left.slow * min(1.0, error_variance(floor) / max(model.misfit, 1e-9))
        then = state.totals(layout, prior.coarse)
        here = _Linearised(columns, block, part, model, moved, then, columns.evidence(evidence, moved, then))
        for step in range(STEPS):
            state = here.step(state, learn_time=turn >= 1 and step >= 3)
        if turn == 0 and depth is None and not large:  # before it is known what moves by itself, all motion is parallax
            model.expect_depth(state)
    rival = replace(state, noise=RIVAL_ERROR * state.noise)
    model.counted = RIVAL_ERROR
    for _ in range(RIVAL_STEPS):
        rival = here.step(rival, learn_time=True)
    return _result(columns, block, state, rival)


@dataclass(frozen=True)
class _Linearised:
    """A block about a present estimate: its motion (T, 2n) px, its unknowns (P, T), and the evidence about these (P, T)."""

    columns: Columns
    block: Block
    part: HiddenPart
    model: Posterior
    moved: Array
    then: Array
    right: Array

    def step(self, state: State, *, learn_time: bool) -> State:
        """One EM step. It believes what it is given of a hidden frame: left alone, that would never leave its start."""
        self.part.carry(state)
        now = state.totals(self.columns.layout, self.model.prior.coarse)
        given = self.right + self.part.completion(self.moved, now - self.then)
        given[:, self.block.hidden] = self.columns.normal @ now[:, self.block.hidden]
        return self.model.step(state, given, learn_time=learn_time and len(state.pose) > LEAST_TIMED)


def _prior(columns: Columns, block: Block, share: float) -> Prior:
    """What is known before the dense motion is looked at; it may add `share` of the usual limits."""
    causes = columns.surface.causes
    return Prior(
        causes.group, causes.trust(), share * causes.limits(), causes.lowest(), share * columns.pose_limit,
        columns.as_pose(block.coarse), block.macro,
    )  # fmt: skip


def evidence_variance(residual_variance: float) -> float:
    """Of the evidence, by the template fit's residual (luma^2), half of which is taken for white noise, half for the template's.

    It went through BLUR: white noise leaves that smaller by 4 pi BLUR^2, and moves the sheet as much as before.
    """
    return 2 * np.pi * BLUR**2 * residual_variance


def _left_over(columns: Columns, block: Block, moved: Array, fps: float) -> Leftover:
    """What the model, which moves the sheet by (T, 2n), leaves over of what is seen."""
    seen = ~block.hidden
    left = (block.motion - moved) * (1 - block.masked) * seen[:, None]
    return leftover(columns, left, int(seen.sum()), fps)


def _result(columns: Columns, block: Block, state: State, rival: State) -> BlockResult:
    surface, basis = columns.surface, state.basis
    mix = surface.causes.mixing()
    detail = surface.causes.group > 0
    swing = rival.expression - state.expression
    share = [(basis.back[basis.level == k] ** 2).sum(0) for k in range(len(state.covariance))]
    quiet = (basis.back[basis.level < 0] ** 2).sum(0)
    frames, count = len(state.pose), len(mix)
    covariance = np.zeros((frames, count, count))
    pose_variance = quiet[:, None] * np.diag(state.quiet_covariance)
    detail_variance = np.zeros(int(detail.sum()))
    for part, lower in zip(share, state.covariance, strict=True):
        full = np.tril(lower) + np.tril(lower, -1).T
        covariance += part[:, None, None] * (mix @ full[6:, 6:] @ mix.T)
        pose_variance += part[:, None] * np.diag(full)[:6]
        detail_variance += part.mean() * np.diag(full)[6:][detail]
    pose = state.pose / columns.pose_scale
    turn = Rotation.from_rotvec(pose[:, :3]).as_matrix()
    value, vector = np.linalg.eigh(covariance)
    rank = min(FACTOR_RANK, count)
    factor = vector[:, :, -rank:] * np.sqrt(np.maximum(value[:, None, -rank:], 0))
    return BlockResult(
        turn=block.coarse.turn @ turn,
        place=np.einsum("tab,tb->ta", block.coarse.turn, surface.centre + pose[:, 3:]) + block.coarse.shift,
        pose_std=np.sqrt(pose_variance) / columns.pose_scale,
        units=state.expression @ mix.T,
        units_std=np.sqrt(np.maximum(np.einsum("tuu->tu", covariance), 0)),
        factor=factor,
        detail=state.expression[:, detail],
        detail_variance=detail_variance,
        units_swing=swing @ mix.T,
        detail_swing=swing[:, detail],
        depth=state.depth,
        noise=float(np.sqrt(state.noise)),
    )
