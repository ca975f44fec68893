# SPDX-License-Identifier: GPL-3.0-or-later
"""Large expressions from the landmarks: where the solve starts from, exactly zero for anything small.

A smile moves the mouth by ten pixels and folds the skin; no linear solve finds that from rest. The landmarks see it well.
What they say is shrunk to zero within their own noise, so micro-expressions are never theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..types import HeadFit
from .surface import Surface

Array = NDArray[np.float64]

STEADY = 1.5  #: tracked frames, smoothing
SURE = 3.0  #: deviations of the landmarks' own jitter
LEAST = 0.2  #: of full strength: less than this is left to the dense motion
JAW_UNITS = {"jaw_pitch": ("jawOpen",), "jaw_yaw": ("jawLeft", "jawRight")}


def macro_expression(
    surface: Surface, fit: HeadFit, tracked: NDArray[np.int64], rest: NDArray[np.int64], frames: NDArray[np.int64]
) -> Array:
    """Strength (T, X) px of every column of the solve for the frames (T,); nothing for detail.

    Args:
        surface: holds the columns.
        fit: coarse expression of the tracked frames.
        tracked: (N,) their frame numbers.
        rest: (K,) indices of those at rest.
    """
    seen = np.flatnonzero(np.isfinite(fit.expression[:, 0]))
    out = np.zeros((len(frames), len(surface.basis)))
    if len(seen) < 2:
        return out
    above = fit.expression[seen] - fit.expression[rest].mean(0)
    jitter = np.median(np.abs(np.diff(above, axis=0)), axis=0) / 0.6745 / np.sqrt(2)
    smooth = gaussian_filter1d(above, STEADY, axis=0, mode="nearest")
    floor = np.maximum(SURE * jitter, LEAST)
    smooth *= np.maximum(0, 1 - (floor / np.maximum(np.abs(smooth), 1e-9)) ** 2)
    at = np.stack([np.interp(frames, tracked[seen], column) for column in smooth.T], 1)
    names = surface.reference.head.expression_names
    for column, name in enumerate(surface.unit_names):
        if name in names:
            out[:, column] = at[:, names.index(name)] / surface.unit_scale[column]
        else:
            for unit in JAW_UNITS[name]:
                out[:, column] += at[:, names.index(unit)] * surface.jaw_share(unit, column)
    return out
