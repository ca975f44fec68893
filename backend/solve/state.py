# SPDX-License-Identifier: GPL-3.0-or-later
"""The unknowns of one block: which column is which, what is known of them beforehand, and what is believed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .temporal import SLOW_FIRST, TimeBasis, smooth_covariance, time_basis

Array = NDArray[np.float64]

START_PX = 0.3  #: a unit begins small, the evidence lets it grow
DETAIL_PX = 0.05
POSE = slice(0, 6)
MOVING = (0, 1, 3, 4)  #: pose columns whose flow changes with depth: turns about x, y and shifts along x, y


@dataclass
class Layout:
    """Columns of the normal equations: pose 6 | depth D x 4 | expression X."""

    depths: int
    expressions: int

    @property
    def depth(self) -> list[NDArray[np.int64]]:
        """Columns of each of the four depth-times-pose products, (4) x (D,)."""
        return [6 + np.arange(self.depths) * 4 + j for j in range(4)]

    @property
    def expression(self) -> NDArray[np.int64]:
        """(X,)."""
        return 6 + 4 * self.depths + np.arange(self.expressions)


@dataclass
class State:
    """What is believed of a block."""

    pose: Array  #: (T, 6) in px RMS of each column
    depth: Array  #: (D,) m
    expression: Array  #: (T, X) px
    variance: Array  #: (X,) px^2
    noise: float  #: variance of the evidence
    basis: TimeBasis
    covariance: list[Array] = field(
        default_factory=list
    )  #: (K) x (6 + X, 6 + X) posterior of a mode of each level, lower triangle
    quiet_covariance: Array = field(default_factory=lambda: np.zeros((6, 6)))

    def totals(self, layout: Layout, coarse: Array) -> Array:
        """All unknowns (P, T), the products of depth and whole pose (coarse (T, 6) and fine) included."""
        out = np.zeros((6 + 4 * layout.depths + layout.expressions, len(self.pose)))
        out[POSE] = self.pose.T
        for j, column in zip(MOVING, layout.depth, strict=True):
            out[column] = self.depth[:, None] * (coarse + self.pose)[:, j]
        out[layout.expression] = self.expression.T
        return out


def start(layout: Layout, group: NDArray[np.int64], frames: int, fps: float, noise: float) -> State:
    """A block at rest. `group` (X,): 0 for units, 1.. for the scales of detail."""
    variance = np.where(group == 0, START_PX**2, DETAIL_PX**2)
    basis = time_basis(smooth_covariance(frames, fps), fps, SLOW_FIRST)
    still = np.zeros((frames, 6)), np.zeros(layout.depths), np.zeros((frames, layout.expressions))
    return State(*still, variance.astype(float), noise, basis)


@dataclass(frozen=True)
class Prior:
    """What is known of a block before its dense motion is looked at. X expression columns, T frames.

    Attributes:
        group: (X,) 0 for units, 1.. for the scales of detail.
        trust: (X,) factor on the evidence for a column's variance.
        limit: (X,) px beyond `macro`, and lowest (X,) px in all: the most that dense motion alone may claim.
        pose_limit: (6,) px, of the pose beyond the coarse motion.
        coarse: (T, 6) the head's coarse motion as pose columns: its parallax shows the depth too.
        macro: (T, X) px, large expressions from the landmarks: the mean.
    """

    group: NDArray[np.int64]
    trust: Array
    limit: Array
    lowest: Array
    pose_limit: Array
    coarse: Array
    macro: Array
