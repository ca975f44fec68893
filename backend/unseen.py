# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to know of each motion while something hides a part of the face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from .assembly import Performance
from .solve.causes import Causes
from .solve.clip import Solved
from .solve.hidden import carried
from .solve.state import START_PX
from .solve.surface import Surface
from .types import Floats, Ints

LEAST_SEEN = 0.25  #: share of a cause that must be seen for it to be measured: it moves skin beside what hides the rest
SHOWN = 0.9  #: share of a cause that must be seen for an event: the rest is guessed from beside what hides it
SMEARED_S = 0.05  #: s, by the solve, which knows nothing faster than 10 Hz

Array = NDArray[np.float64]
Covered = NDArray[np.bool_]


def seen_shares(motion: Floats, patch: Ints, covered: Covered) -> Array:
    """(T, K) share of the visible motion of each of K causes that nothing hides; 1 where nothing of it can be seen at all.

    Args:
        motion: (K, V, 3) m.
        patch: (V,) that each vertex belongs to, -1 = none that is seen.
        covered: (T, P) patches that something hides.
    """
    energy = np.zeros((covered.shape[1], len(motion)))
    shown = patch >= 0
    np.add.at(energy, patch[shown], np.square(motion[:, shown], dtype=float).sum(2).T)
    hidden = covered[covered.any(1)] @ (energy / np.maximum(energy.sum(0), 1e-30))
    out = np.ones((len(covered), len(motion)))
    out[covered.any(1)] = np.clip(1 - hidden, 0, 1)
    return out


def bridged(solved: Solved, causes: Causes, patch: Ints) -> Solved:
    """The estimates with straight lines where a unit or a detail is for the most part hidden: what is left of it misleads."""
    if not solved.covered.any():
        return solved
    columns = causes.units, causes.detail
    units, detail = (
        carried(values, seen_shares(motion, patch, solved.covered) < LEAST_SEEN).astype(np.float32)
        for values, motion in zip((solved.units, solved.detail), columns, strict=True)
    )
    return replace(solved, units=units, detail=detail)


def lost(shares: Array, least: float, fps: float) -> Covered:
    """(T, K) frames, of shares (T, K) seen, in which a cause is not believed: less than `least` is seen, or is a moment away."""
    frames = int(np.ceil(SMEARED_S * fps))
    return np.asarray(binary_dilation(shares < least, np.ones((2 * frames + 1, 1), bool)))


def widened(std: Floats, values: Floats, share: Array, least: Array | float) -> Array:
    """Factor (T, K) on deviations (T, K): information shrinks with the share that is seen.

    With nothing seen the deviation is that of a guess: `least` and what the cause does in this clip, both squared and added.

    Args:
        std: (T, K) with everything seen; NaN where nothing was measured.
        values: (T, K).
        share: (T, K).
        least: (K,) in the units of `values`.
    """
    variance = np.maximum(np.square(std, dtype=float), 1e-18)
    usual = np.square(np.nan_to_num(np.asarray(values, float))).mean(0)
    guess = np.maximum(np.square(least) + usual, variance)
    return np.asarray(np.sqrt(1 / (share + (1 - share) * variance / guess)))


def doubted(acted: Performance, surface: Surface, patch: Ints, covered: Covered) -> tuple[Performance, Array]:
    """The performance with deviations as wide as what is hidden asks for, and how much of every unit (T, E) is seen."""
    head = surface.reference.head
    units = seen_shares(head.expression, patch, covered)
    if not covered.any():
        return acted, units
    shares = (units, seen_shares(surface.causes.units, patch, covered),
              seen_shares(acted.detail_basis, patch, covered))  # fmt: skip
    wider = widened(acted.expression_std, acted.expression, shares[0], _least(head.expression, surface))
    pose_std, jaw = acted.pose_std.copy(), head.joint_names.index("jaw")
    moved = widened(acted.motion_std_px, acted.motion_px, shares[1], START_PX)
    for axis, name in enumerate(("jaw_pitch", "jaw_yaw")):
        if name in surface.causes.unit_names:
            pose_std[:, jaw, axis] *= moved[:, surface.causes.unit_names.index(name)]
    detail = widened(acted.detail_std, acted.detail, shares[2], _least(acted.detail_basis, surface))
    return replace(
        acted, expression_std=acted.expression_std * wider, expression_factor=acted.expression_factor * wider[:, :, None],
        pose_std=pose_std, detail_std=acted.detail_std * detail, motion_std_px=acted.motion_std_px * moved,
    ), units  # fmt: skip


def _least(motion: Floats, surface: Surface) -> Array:
    """(K,) strength at which each motion (K, V, 3) m is START_PX large at its most moved vertex."""
    largest = np.linalg.norm(motion[:, surface.seen], axis=2).max(1, initial=0) * surface.px_per_m
    return np.asarray(START_PX / np.maximum(largest, START_PX))
