# SPDX-License-Identifier: GPL-3.0-or-later
"""Blinks as the tracker's lids show them: the solve leaves out what a lid sweeps over, and knows nothing so fast."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..models.head.raster import project
from .assembly import Performance
from .lids import LIDS, closing
from .motion.sweep import beyond_lids
from .neutral import Neutral
from .solve.hidden import carried
from .types import Floats, Tracks

Array = NDArray[np.float64]

READ = 0.8  #: of the gap that the tracker sees close when an eye shuts: 0.7 to 0.9 on film, 0.5 to 0.8 on painted lids
READ_SHARE = 0.4  #: of a closing that may be wrong
FADE = 4.0  #: px at 240 over which what a blink's unit does ends beside the lid


def closings(tracks: Tracks, rest: NDArray[np.int64], shut: NDArray[np.bool_]) -> tuple[Array, Array]:
    """(T, 2) strength of `LIDS` in the rows of a shot in which they move (T,), 0 in the others, and its deviation.

    It counts from where the lids were before and are after: narrowed eyes are no blink.
    """
    closed, gap, jitter = closing(tracks, tracks.frame[0] + np.arange(len(shut)), rest)
    beyond = closed - carried(closed, np.repeat(shut[:, None], 2, 1))
    strength = np.nan_to_num(np.clip(beyond / (READ * gap), 0, 1))
    return strength, np.hypot(READ_SHARE * strength, jitter / gap)


def played(acted: Performance, neutral: Neutral, strength: Array, std: Array) -> Performance:
    """The performance with its blinks, `closings` (T, 2) and their deviation.

    A blink's unit also moves skin beside the lid. That is seen and has been measured, so there the unit is taken back by a detail
    of its own for each lid that moves.
    """
    head = neutral.surface.reference.head
    if not set(LIDS) <= set(head.expression_names):
        return acted
    number = [head.expression_names.index(name) for name in LIDS]
    moved = strength > 0
    expression, deviation = acted.expression.copy(), acted.expression_std.copy()
    expression[:, number] = np.where(moved, np.minimum(expression[:, number] + strength, 1), expression[:, number])
    deviation[:, number] = np.where(moved, np.maximum(deviation[:, number], std), deviation[:, number])
    added = (expression - acted.expression)[:, number][:, moved.any(0)]
    beside = -head.expression[number] * beside_lids(neutral)[..., None]
    return replace(
        acted, expression=expression, expression_std=deviation,
        detail_basis=np.concatenate([acted.detail_basis, beside[moved.any(0)]]),
        detail=np.c_[acted.detail, added], detail_std=np.c_[acted.detail_std, np.zeros_like(added) * added],
    )  # fmt: skip


def beside_lids(neutral: Neutral) -> Floats:
    """(2, V) share of each lid's unit that lies beside the lid: none where it sweeps, all of it FADE px away."""
    surface, scale = neutral.surface, neutral.window.scale
    image = project(surface.vertices, surface.reference.camera)[:, :2]
    return np.clip(beyond_lids(image, neutral.landmarks, scale) / (FADE * scale), 0, 1)
