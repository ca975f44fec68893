# SPDX-License-Identifier: GPL-3.0-or-later
"""Large expressions from the landmarks: where the solve starts from, exactly zero for anything small.

A smile moves the mouth by ten pixels and folds the skin; no linear solve finds that from rest. The landmarks see it well.
What they say is shrunk to zero within their own noise, so micro-expressions are never theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ...models.head.units import REGIONS, region
from ..types import HeadFit
from .hidden import carried
from .surface import Surface

Array = NDArray[np.float64]

STEADY = 1.5  #: tracked frames, smoothing
SURE = 3.0  #: deviations of the landmarks' own jitter
LEAST = 0.2  #: of full strength: less than this is left to the dense motion
JAW_UNITS = {"jaw_pitch": ("jawOpen",), "jaw_yaw": ("jawLeft", "jawRight")}


def macro_expression(surface: Surface, fit: HeadFit, tracked: NDArray[np.int64], frames: NDArray[np.int64]) -> Array:
    """Strength (T, X) px of every column of the solve for the frames (T,); nothing for detail.

    Args:
        surface: holds the columns.
        fit: its change of expression in the tracked frames.
        tracked: (N,) their frame numbers.
    """
    seen = np.flatnonzero(np.isfinite(fit.change).all(1))
    out = np.zeros((len(frames), len(surface.causes.basis)))
    if len(seen) < 2:
        return out
    above = fit.change[seen]
    jitter = np.median(np.abs(np.diff(above, axis=0)), axis=0) / 0.6745 / np.sqrt(2)
    smooth = gaussian_filter1d(above, STEADY, axis=0, mode="nearest")
    smooth *= _sure(np.abs(smooth), SURE * jitter, surface.reference.head.expression_names)
    at = np.stack([np.interp(frames, tracked[seen], column) for column in smooth.T], 1)
    names = surface.reference.head.expression_names
    for column, name in enumerate(surface.causes.unit_names):
        if name in names:
            out[:, column] = at[:, names.index(name)] / surface.causes.unit_scale[column]
        else:
            for unit in JAW_UNITS[name]:
                out[:, column] += at[:, names.index(unit)] * _jaw_share(surface, unit, column)
    return out


def _jaw_share(surface: Surface, unit: str, column: int) -> float:
    """Strength (px) of the jaw's column that moves the visible face like a jaw unit at full strength, least squares."""
    head = surface.reference.head
    target = (head.expression[head.expression_names.index(unit)] @ surface.reference.turn.T)[surface.seen].ravel()
    own = surface.causes.basis[column][surface.seen].ravel()
    return float(own @ target / (own @ own))


def without_blinks(macro: Array, surface: Surface, shut: NDArray[np.bool_]) -> Array:
    """Strengths (T, X) in which the eyes do in frames in which the lids move (T,) what they do beside them.

    A blink is no expression to solve for (`blink.py`): the block it is in stays one of small motions.
    """
    hidden = np.zeros(macro.shape, bool)
    eyes = [column for column, name in enumerate(surface.causes.unit_names) if region(name) == "eyes"]
    hidden[:, eyes] = shut[:, None]
    return carried(macro, hidden)


def _sure(size: Array, jitter: Array, names: tuple[str, ...]) -> Array:
    """Share (N, E) of the units to believe: none up to the least size, all from twice that on, and likewise for the jitter.

    In a part of the face with a large expression the smaller units belong to it: there only the jitter counts.

    Args:
        size: (N, E) of full strength; jitter: (E,) what may be noise.
    """
    clear = np.clip(size / np.maximum(jitter, 1e-9) - 1, 0, 1)
    sure = np.clip(size / LEAST - 1, 0, 1) * clear
    for part in REGIONS:
        units = [k for k, name in enumerate(names) if region(name) == part]
        sure[:, units] = np.maximum(sure[:, units], clear[:, units] * sure[:, units].max(1, keepdims=True))
    return sure
