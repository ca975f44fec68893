# SPDX-License-Identifier: GPL-3.0-or-later
"""One linear-Gaussian model of a whole block of frames, its hyperparameters by evidence.

    evidence_t = N (pose_t, pose_t x depth, expression_t) + noise,   noise ~ N(0, sigma^2 N)
    expression_e. ~ N(0, v_e K)   v_e: one variance a unit or bump (few at once, each pulling its own way)
                                  K: temporal covariance, partly learned
    depth ~ N(0, (8 mm)^2 times the share of the head's turning that is not the expression's)         pose: no prior

The pose columns over the corrected depth are bilinear: depth is found by variable projection, all else marginalised.
The constants were chosen on the few development clips (BENCHMARKS.md says what that means for the figures).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.linalg.lapack import dpotri

from ..crew import in_order
from .state import MOVING, POSE, Layout, Prior, State
from .temporal import BANDWIDTH_HZ, SLOW_FIRST, smooth_covariance, time_basis

Array = NDArray[np.float64]

PICTURE_ERROR = 10.0  #: variance the picture's noise is multiplied by: codec, relighting
STEADY_ERROR = (
    8.0  #: luma^2 of variance that does not shrink with the noise: steps of the codec, skin that no column explains
)
GUARDED = (
    6.0  #: times the error seen in what is left over, and twice the white one, the solve counts on: it misses as much
)
LEAST_VARIANCE, LEAST_UNIT = 1e-8, 1e-7  #: px^2, of a bump and of a unit that has vanished
FASTEST = 0.1  #: a variance's factor in one step that is still squared
LEARNED_AGAINST = 2.0  #: weight of the smooth temporal covariance against the learned one
DEPTH_PRIOR_M = 0.008  #: of a head that turns much
LEAK = 0.125  #: of an expression's motion, RMS, passes for turns of a still head
FEWEST_QUIET = 8  #: quiet modes that say something about the noise
PARALLAX_MODES = 24  #: temporal modes with the most head motion, which fix the depth


def error_variance(picture: float) -> float:
    """What the solve counts on, luma^2, where the picture alone makes the evidence err with variance `picture`."""
    return PICTURE_ERROR * picture + STEADY_ERROR


def overrelaxed(was: Array, asked: Array) -> Array:
    """Variances beyond those that expectation maximisation asks for, by as much again as it asks for, on a logarithmic scale.

    It is slow: what has not vanished yet shares in the motion of its neighbours. (Salakhutdinov and Roweis, Adaptive
    overrelaxed bound optimization methods, ICML 2003.) Units and bumps alike: of two that see the same motion the one that
    hurries takes it from the other.
    """
    return np.asarray(asked * np.clip(asked / was, FASTEST, 1 / FASTEST))


class Posterior:
    """EM over one block: expectation in temporal modes, maximisation of variances, noise, depth and temporal covariance."""

    def __init__(self, layout: Layout, normal: Array, prior: Prior, fps: float, floor: float) -> None:
        """Set the block up.

        Args:
            layout: of the columns.
            normal: N (P, P).
            prior: what is known beforehand.
            fps: of the block.
            floor: variance of the evidence by the template fit's residual, used where the block has no quiet modes.
        """
        self.layout, self.normal, self.prior, self.floor = layout, normal, prior, floor
        self.fps = fps
        self.units = int((prior.group == 0).sum())  # these teach the temporal covariance
        self.misfit = 0.0  #: variance of the evidence that the model leaves unexplained, known after a linearisation
        self.alike: float | None = None  #: of that what looks like expression, where it can be told
        self.slow = SLOW_FIRST  #: power of the slow part of the measurement's error, measured with the misfit
        self.counted = 1.0  #: factor on the error counted on
        self.depth_variance = 0.0  #: m^2, prior; 0 until it is to be learned
        self.smooth = smooth_covariance(len(prior.coarse), fps)
        column = layout.depth
        self._cross = [[normal[np.ix_(column[i], column[j])] for j in range(4)] for i in range(4)]

    def step(self, state: State, evidence: Array, *, learn_time: bool) -> State:
        """One EM step. `evidence` (P, T) is about the totals; what is known beforehand is taken out."""
        evidence = evidence - self.normal[:, self.layout.expression] @ self.prior.macro.T
        for j, column in zip(MOVING, self.layout.depth, strict=True):
            evidence = evidence - self.normal[:, column] @ (state.depth[:, None] * self.prior.coarse[:, j])
        reduced, coupling, right = self._reduce(state, evidence)
        x, state = self._expect(state, reduced, right)
        if self.depth_variance:
            state.depth = self._depth(state, reduced, coupling, right, evidence, x)
        inverse_time = x @ state.basis.back
        state.pose = np.clip(inverse_time[POSE].T, -self.prior.pose_limit, self.prior.pose_limit)
        state.expression = np.maximum(
            self.prior.macro + np.clip(inverse_time[6:].T, -self.prior.limit, self.prior.limit), self.prior.lowest
        )
        if learn_time:
            state.basis = time_basis(self._temporal(state), self.fps, self.slow)
        return state

    def _reduce(self, state: State, evidence: Array) -> tuple[Array, Array, Array]:
        """Normal equations of pose over the corrected depth and expression: (n, n), coupling to all columns (n, P), (n, T)."""
        mix = np.zeros((len(self.normal), 6))
        mix[POSE] = np.eye(6)
        for j, column in zip(MOVING, self.layout.depth, strict=True):
            mix[column, j] = state.depth
        e = self.layout.expression
        coupling = np.r_[mix.T @ self.normal, self.normal[e]]
        reduced = np.c_[coupling @ mix, coupling[:, e]]
        right = np.r_[mix.T @ evidence, evidence[e]] @ state.basis.modes.T
        return (reduced + reduced.T) / 2, coupling, right

    def _expect(self, state: State, reduced: Array, right: Array) -> tuple[Array, State]:
        """Posterior means (n, T) in temporal modes; updates variances, noise and posterior covariances."""
        n, basis = len(reduced), state.basis
        x = np.zeros_like(right)
        ridge = 1e-6 * np.trace(reduced) / n
        quiet = basis.level < 0
        x[POSE, quiet] = np.linalg.solve(reduced[POSE, POSE], right[POSE, quiet])
        signed = self._signed(state)

        def solved(number: int) -> tuple[Array, Any, Array, Array]:
            """Means of the modes of one level, its factor and covariance, and what it says of the variances."""
            mode, variance = basis.level == number, basis.level_variance[number]
            prior = np.full(n, ridge * 1e-2)
            prior[6:] = state.noise / (state.variance * variance)
            factor = cho_factor(reduced + np.diag(prior), lower=True, check_finite=False)
            mean = cho_solve(factor, right[:, mode], check_finite=False)
            covariance = state.noise * dpotri(factor[0], lower=1)[0]
            spread = np.diag(covariance)[6:, None] + signed[:, None] * mean[6:] ** 2
            return mean, factor, covariance, (spread / basis.variance[mode]).sum(1)

        gathered, state.covariance, self._factors = np.zeros(n - 6), [], []
        for number, (mean, factor, covariance, said) in enumerate(in_order(solved, range(len(basis.level_variance)))):
            x[:, basis.level == number] = mean
            gathered += said
            state.covariance.append(covariance)
            self._factors.append(factor)
        count = int((basis.level >= 0).sum())
        state.quiet_covariance = state.noise * np.linalg.inv(reduced[POSE, POSE])
        if count:
            state.variance = self._variances(state.variance, gathered / count)
        state.noise = self._noise(reduced, right[:, quiet & (basis.frequency > BANDWIDTH_HZ)])
        return x, state

    def _signed(self, state: State) -> Array:
        """(X,) factor on a unit's evidence: in a large expression muscles pull, so a unit that runs backwards is not the one.

        At micro size a unit may run backwards: resting tone relaxes.
        """
        share = (np.maximum(state.expression, 0) ** 2).sum(0) / np.maximum((state.expression**2).sum(0), 1e-12)
        return np.where((self.prior.group == 0) & self.prior.macro.any(), np.minimum(2 * share, 1.0), 1.0)

    def _variances(self, was: Array, mean_square: Array) -> Array:
        """One variance a unit, one a bump of detail, its two directions alike.

        Most of a face is still at any time. Only because still bumps go to nothing does still skin hold the head: with one
        variance for all of them, half of a raised brow counts as a nod.
        """
        detail = self.prior.group > 0
        asked = self.prior.trust * mean_square
        asked[detail] = np.repeat(mean_square[detail].reshape(-1, 2).mean(1), 2)
        variance = np.maximum(overrelaxed(was, asked), LEAST_VARIANCE)
        return np.where(detail, variance, np.clip(variance, LEAST_UNIT, (self.prior.limit / 3) ** 2))

    def _noise(self, reduced: Array, quiet: Array) -> float:
        """Chi-square per unknown of the modes too fast for expression, or the picture's residual; and what never shrinks."""
        level = self.floor
        if quiet.shape[1] >= FEWEST_QUIET:
            stable = reduced + 1e-9 * np.trace(reduced) * np.eye(len(reduced))
            level = float(np.einsum("it,it->t", quiet, np.linalg.solve(stable, quiet)).mean() / len(reduced))
        picture = error_variance(level)
        if self.alike is not None:
            # Two guesses of the same, each wrong by a factor that differs from clip to clip: their geometric mean.
            picture = float(np.sqrt(picture * GUARDED * (self.alike + 2 * level)))
        return self.counted * max(picture, self.misfit)

    def _depth(self, state: State, reduced: Array, coupling: Array, right: Array, evidence: Array, x: Array) -> Array:
        """Depth (D,) by variable projection over the modes with the most head motion."""
        basis, column = state.basis, self.layout.depth
        live = np.flatnonzero(basis.level >= 0)
        pose = x[POSE] + self.prior.coarse.T @ basis.modes.T
        motion = (pose[list(MOVING)] ** 2).sum(0)
        chosen = live[np.argsort(-motion[live])[:PARALLAX_MODES]]
        size = self.layout.depths
        left = np.eye(size) * state.noise / self.depth_variance
        pull = np.zeros(size)
        raw = evidence @ basis.modes[chosen].T
        for k, mode in enumerate(chosen):
            a = pose[list(MOVING), mode]
            mixed = sum((a[j] * coupling[:, column[j]] for j in range(4)), np.zeros((len(reduced), size)))
            square = sum((a[i] * a[j] * self._cross[i][j] for i in range(4) for j in range(4)), np.zeros((size, size)))
            target = right[:, mode] + mixed @ state.depth
            solved = cho_solve(self._factors[basis.level[mode]], np.c_[mixed, target], check_finite=False)
            left += square - mixed.T @ solved[:, :-1]
            own = sum((a[j] * raw[column[j], k] for j in range(4)), np.zeros(size))
            pull += own + square @ state.depth - mixed.T @ solved[:, -1]
        return np.asarray(np.linalg.solve(left, pull))

    def expect_depth(self, state: State) -> None:
        """From here on learn the depth, by turning beyond what an expression leaks into it: that would pass for parallax."""
        turning = float((self.prior.coarse + state.pose)[:, :2].var(0).sum())
        leaked = LEAK**2 * float(state.expression.var(0).sum())
        self.depth_variance = DEPTH_PRIOR_M**2 * max(1 - leaked / max(turning, 1e-9), 1e-4)

    def _temporal(self, state: State) -> Array:
        """Temporal covariance (T, T): the smooth one plus what the units of this block did."""
        unit = ((state.expression - self.prior.macro) / np.sqrt(state.variance))[:, : self.units]
        learned = LEARNED_AGAINST * self.smooth + unit @ unit.T
        return np.asarray(learned * np.trace(self.smooth) / np.trace(learned))
