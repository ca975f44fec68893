# SPDX-License-Identifier: GPL-3.0-or-later
"""How far every control of a rig is to be set in every frame, so that its surface moves as wanted:

    min_w  sum_t s_t mean_p |B_p w_t - d_pt|^2 + l1 sum_tk r_k |w_tk| + tau^2 sum_tk (r_k (w_tk - w_t-1,k) / dt_t)^2

within the bounds of each control. r_k is the motion (rms over the face, m) that a control makes at value 1: so a control
costs by what it moves, whatever its units. The l1 term chooses the controls that a clip needs; these are then solved
again without it, so that nothing is lost of what they do. tau is far below the 40 ms of the fastest onset: it steadies
only what the surface hardly tells, such as two controls that do nearly the same.

Solved by the alternating direction method of multipliers (Boyd et al., Foundations and Trends in Machine Learning 3(1),
2011); its linear step is one banded Cholesky factor over all frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Rows = NDArray[np.integer[Any]]

TAU_S = 0.0015  #: of a well-told control a 40 ms onset keeps 98.6 %
SPARSITY = 0.001  #: l1: a control must explain this share of the motion, rms over the whole face, to be used
NEEDED = 0.001  #: of the motion: what a control must move, somewhere in the clip, to be kept
RIDGE = 1e-6  #: of a control's own square: two controls that do the same share the work
EFFORT = 0.003  #: the same, times the square of the effort that the control asks for
PENALTY = 0.1  #: of the method of multipliers, for columns of norm 1
OVER = 1.6  #: its over-relaxation
SELECTING, SOLVING = 40, 120  #: most rounds
ENOUGH = 1e-4  #: of the clip's motion: changes that no longer count
BLOCK = 1000  #: most frames solved at once
ROOM = 4e7  #: numbers that may lie in memory at once: many controls make blocks shorter
MANY = 200  #: controls from which only the most telling are solved for
OVERLAP = 50  #: frames on either side that a block shares with its neighbours


@dataclass(frozen=True)
class Problem:
    """Normal equations of a clip, controls scaled so that each moves the face by 1 m rms at value 1."""

    gram: Array  #: (Q, K, K) one per state of the face, by what of it is covered
    state: Rows  #: (T,) which of them
    wanted: Array  #: (T, K) m, B^T d
    trust: Array  #: (T,) 1 in a usual frame, 0 where there is nothing
    time_s: Array  #: (T,)
    low: Array  #: (K,) m
    high: Array  #: (K,) m
    level: float  #: m, rms motion of the face in the lively frames
    effort: Array  #: (K,) what is added to RIDGE


def solve(
    basis: Floats,
    motion: Floats,
    time_s: Floats,
    low: Floats,
    high: Floats,
    *,
    weight: Floats | None = None,
    scale: Floats | None = None,
    state: Rows | None = None,
    trust: Floats | None = None,
    effort: Floats | None = None,
) -> Array:
    """Values of the controls.

    Args:
        basis: (K, N, 3) m that each control moves the points at value 1.
        motion: (T, N, 3) m that the points are to move; not read where trust is 0.
        time_s: (T,) increasing.
        low: (K,) least value of each control, counted from rest; at most 0.
        high: (K,) largest value; at least 0.
        weight: (Q, N) how much each point counts, in each state of the face; equal when left out.
        scale: (N,) factors on the motion of the points; 1 when left out.
        state: (T,) the state of each frame; 0 when left out.
        trust: (T,) how much each frame counts; 1 when left out.
        effort: (K,) how many times further a control must go than its easiest neighbour on the same bone to move the
            face as far; none when left out.

    Returns:
        (T, K) values; 0 for a control that moves none of the points.
    """
    frames = len(time_s)
    size, problem = _problem(
        np.asarray(basis, np.float64),
        motion,
        np.asarray(time_s, np.float64),
        np.ones((1, np.shape(basis)[1])) if weight is None else np.asarray(weight, np.float64),
        np.ones(np.shape(basis)[1]) if scale is None else np.asarray(scale, np.float64),
        np.zeros(frames, np.int64) if state is None else state,
        np.ones(frames) if trust is None else np.asarray(trust, np.float64),
        (np.asarray(low, np.float64), np.asarray(high, np.float64)),
        np.zeros(len(basis)) if effort is None else EFFORT * np.asarray(effort, np.float64) ** 2,
    )
    moved = np.zeros((frames, len(size)))
    live = _most_telling(problem, np.flatnonzero(size))
    if problem.level and len(live):
        first = _in_blocks(_part(problem, live), SPARSITY * problem.level, SELECTING)
        kept = np.abs(first).max(0) > NEEDED * problem.level
        if kept.any():
            moved[:, live[kept]] = _in_blocks(_part(problem, live[kept]), 0.0, SOLVING)
    return moved / np.where(size, size, 1)


def _problem(
    basis: Array,
    motion: Floats,
    time_s: Array,
    weight: Array,
    scale: Array,
    state: Rows,
    trust: Array,
    bounds: tuple[Array, Array],
    effort: Array,
) -> tuple[Array, Problem]:
    """What a control moves (K,) m at value 1, 0 when nothing, and the problem in these units."""
    share = weight / np.maximum(weight.sum(1, keepdims=True), 1e-30)
    size = np.sqrt(np.einsum("kna,n->k", basis**2, share.mean(0)))
    size[size < 1e-6 * size.max(initial=0)] = 0
    scaled = basis / np.where(size, size, 1)[:, None, None]
    flat = scaled.reshape(len(basis), -1)
    gram = np.stack([(flat * np.repeat(one, 3)) @ flat.T for one in share])
    trusted = np.flatnonzero(trust > 0)
    wanted, square = np.zeros((len(time_s), len(basis))), np.zeros(len(time_s))
    for one in np.unique(state[trusted]):
        row = trusted[state[trusted] == one]
        moved = np.reshape(motion, (len(time_s), -1))[row].astype(np.float64)
        wanted[row] = moved @ (flat * np.repeat(share[one] * scale, 3)).T
        square[row] = moved**2 @ np.repeat(share[one] * scale**2, 3)
    level = float(np.sqrt(np.quantile(square[trusted], 0.95))) if len(trusted) else 0.0
    low, high = (bound * size for bound in bounds)
    return size, Problem(gram, np.asarray(state), wanted, trust, time_s, low, high, level, effort)


def _most_telling(problem: Problem, live: Rows) -> Rows:
    """Of more than MANY controls those that a greedy search takes first: each the one that tells most of what is left
    (simultaneous orthogonal matching pursuit, Tropp and others, Signal Processing 86(3), 2006)."""
    if len(live) <= MANY:
        return live
    part = _part(problem, live)
    gram, (turn, size, _) = part.gram.mean(0), np.linalg.svd((part.trust[:, None] * part.wanted).T, full_matrices=False)
    pull = turn * size
    taken: list[int] = []
    left = pull
    for _ in range(MANY):
        told = (left**2).sum(1)
        told[taken] = -1
        taken.append(int(told.argmax()))
        own = gram[np.ix_(taken, taken)] + RIDGE * np.eye(len(taken))
        left = pull - gram[:, taken] @ np.linalg.solve(own, pull[taken])
    return live[np.sort(taken)]


def _part(problem: Problem, columns: Rows, rows: slice = slice(None)) -> Problem:
    """Some controls and frames of a problem."""
    return Problem(
        problem.gram[:, columns[:, None], columns],
        problem.state[rows],
        problem.wanted[rows][:, columns],
        problem.trust[rows],
        problem.time_s[rows],
        problem.low[columns],
        problem.high[columns],
        problem.level,
        problem.effort[columns],
    )


def _in_blocks(problem: Problem, cost: float, rounds: int) -> Array:
    """Long clips block by block; a frame does not feel what lies OVERLAP frames away."""
    frames, controls = problem.wanted.shape
    every, out = np.arange(controls), np.zeros((frames, controls))
    block = int(np.clip(ROOM / max(controls, 1) ** 2, OVERLAP, BLOCK))
    for start in range(0, frames, block):
        first, end = max(start - OVERLAP, 0), min(start + block, frames)
        rows = slice(first, min(end + OVERLAP, frames))
        out[start:end] = _multipliers(_part(problem, every, rows), cost, rounds)[start - first : end - first]
    return out


def _multipliers(problem: Problem, cost: float, rounds: int) -> Array:
    """Minimise by turns the quadratic part (banded) and the rest (a shrinkage, then a clip)."""
    factor = _factor(problem)
    pull = problem.trust[:, None] * problem.wanted
    chosen, price = np.zeros_like(pull), np.zeros_like(pull)
    for _ in range(rounds):
        free = cho_solve_banded((factor, True), (pull + PENALTY * (chosen - price)).ravel(), check_finite=False)
        free = OVER * free.reshape(pull.shape) + (1 - OVER) * chosen
        before, chosen = chosen, _shrunk(free + price, cost / (2 * PENALTY)).clip(problem.low, problem.high)
        price += free - chosen
        change = max(np.abs(chosen - before).max(), np.abs(free - chosen).max())
        if change < ENOUGH * problem.level:
            break
    return chosen


def _shrunk(values: Array, by: float) -> Array:
    return np.sign(values) * np.maximum(np.abs(values) - by, 0) if by else values


def _factor(problem: Problem) -> Array:
    """Lower Cholesky factor of the quadratic part, banded, frames behind one another."""
    frames, controls = problem.wanted.shape
    band = np.zeros((controls + 1, frames, controls))
    for offset in range(controls):
        column = np.arange(controls - offset)
        diagonal = problem.gram[:, column + offset, column]
        band[offset, :, : controls - offset] = problem.trust[:, None] * diagonal[problem.state]
    band[0] += RIDGE + PENALTY + problem.effort
    tie = (TAU_S / np.diff(problem.time_s)) ** 2
    band[0, 1:] += tie[:, None]
    band[0, :-1] += tie[:, None]
    band[controls, :-1] = -tie[:, None]
    return np.asarray(cholesky_banded(band.reshape(controls + 1, -1), lower=True, check_finite=False))
