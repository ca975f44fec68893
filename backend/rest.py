# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames show the face at rest, as far as the landmarks can tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from .types import Floats, HeadFit, Tracks

CANDIDATES = 40  #: frames at rest that are looked at closely
REST_NOISE = 3.0  #: deviations of the coarse expression within which a frame still counts as rest
REST_MARGIN = 0.1  #: of a unit's full strength
CALMEST = 0.1  #: share of the frames that are about as calm as any
AS_CALM = 0.25  #: of a unit's full strength; a strand of hair makes landmarks 0.15 calmer, a large expression is 0.35 and more


def rest_frames(tracks: Tracks, rest: NDArray[np.int64]) -> NDArray[np.int64]:
    """Up to CANDIDATES frame numbers at rest, the calmest tracked one first.

    High-speed footage is tracked sparsely: frames between two neighbouring resting ones rest as well.
    """
    calm = np.zeros(len(tracks.frame), bool)
    calm[rest] = True
    spans = [
        np.arange(a, b) for a, b, c, d in zip(tracks.frame, tracks.frame[1:], calm, calm[1:], strict=False) if c and d
    ]
    every = np.unique(np.concatenate([tracks.frame[rest], *spans]))
    even = every[np.unique(np.linspace(0, len(every) - 1, min(CANDIDATES, len(every))).round().astype(int))]
    return np.r_[tracks.frame[rest[0]], even[even != tracks.frame[rest[0]]]].astype(np.int64)


def rest_candidates(
    tracks: Tracks, fit: HeadFit, neutral: tuple[int, int] | None, restless: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Tracked frames (indices into `tracks`) that may show rest, calmest first.

    Rest is where the landmarks' coarse expression is as small as it ever gets, within its own noise; of these frames the ones
    that move least and are turned least from the usual pose come first.

    Args:
        tracks, fit: of the clip.
        neutral: frames [A, B) the user says are at rest.
        restless: (N,) tracked frames that something disturbs: they do not show it, if others are about as calm. Where they are
            not, what looks strange is the face at rest in footage of a large expression.
    """
    seen = np.flatnonzero(np.isfinite(fit.pose[:, 0]))
    size = _size(fit, seen)
    if restless is not None and (alone := seen[~restless[seen]]).size:
        own = _size(fit, alone)
        if np.quantile(own, CALMEST) <= np.quantile(size, CALMEST) + AS_CALM:
            seen, size = alone, own
    noise = float(np.median(np.abs(np.diff(size)))) * 1.5 if len(size) > 1 else 0.0
    resting = size <= np.quantile(size, CALMEST) + max(REST_NOISE * noise, REST_MARGIN)
    if neutral is not None:
        inside = (tracks.frame[seen] >= neutral[0]) & (tracks.frame[seen] < neutral[1])
        resting = inside if inside.any() else resting
    turn = np.linalg.norm(fit.pose[seen] - np.median(fit.pose[seen], axis=0), axis=1) / np.radians(15)
    change = [fit.expression[seen][max(0, n - 2) : n + 3].std(0) for n in range(len(seen))]
    moving = np.where(resting, turn + np.linalg.norm(change, axis=1) / 0.2, np.inf)
    calmest = np.argsort(moving, kind="stable")[: min(CANDIDATES, int(resting.sum()))]
    return np.asarray(seen[calmest], dtype=np.int64)


def _size(fit: HeadFit, seen: NDArray[np.int64]) -> Floats:
    """(n,) of the coarse expression in tracked frames `seen` (n,)."""
    size = np.sqrt((fit.expression[seen] ** 2).sum(1))
    return np.asarray(median_filter(size, size=min(5, len(size)), mode="nearest"))
