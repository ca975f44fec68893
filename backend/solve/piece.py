# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces that a shot is solved in: blocks of frames that overlap, and what of them something hides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from ..anchor import Anchor
from ..motion.footage import DenseMotion
from ..motion.mask import lingering
from ..spans import Span
from ..types import HeadFit

Array = NDArray[np.float64]

BLOCK = 256  #: frames solved together
OVERLAP = 64  #: frames two blocks share
OCCLUDED_AT = 0.42  #: share of the template's texture not shown: something hides the face (a broad smile: 0.35)
EDGE_AT = 0.08  #: the same, beside a frame that is hidden or shows no face, and where the pose is doubted: a hand comes and goes
MOSTLY_HIDDEN = 0.6  #: share of the template's texture in hidden cells at which the rest says too little
EDGE_FRAMES = 3  #: and takes so many frames for it; a smile before a cut goes on for longer


def runs(good: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Runs [start, stop) of True."""
    edge = np.flatnonzero(np.diff(np.r_[0, good.astype(np.int8), 0]))
    return [(int(a), int(b)) for a, b in edge.reshape(-1, 2)]


def blocks(start: int, stop: int) -> list[tuple[int, int]]:
    """Blocks [a, b) that cover a run, each sharing OVERLAP frames with the next."""
    if stop - start <= BLOCK + OVERLAP:
        return [(start, stop)]
    first = list(range(start, stop - OVERLAP - 1, BLOCK - OVERLAP))
    out = [(a, min(a + BLOCK, stop)) for a in first]
    return out if out[-1][1] == stop else [*out[:-1], (out[-1][0], stop)]


def fade(block: tuple[int, int], run: tuple[int, int]) -> Array:
    """Weight (b - a,) of a block's frames: raised cosines over the overlaps, which add up to 1."""
    a, b = block
    weight = np.ones(b - a)
    ramp = (1 - np.cos(np.pi * (np.arange(OVERLAP) + 0.5) / OVERLAP)) / 2
    if a > run[0]:
        weight[:OVERLAP] = ramp
    if b < run[1]:
        weight[-OVERLAP:] = ramp[::-1]
    return weight


def covered(missing: Array) -> NDArray[np.bool_]:
    """Frames (T,) in which something hides the face, from the share of the template's texture each fails to show, NaN = no face."""
    share = np.nan_to_num(missing, nan=np.inf)
    grown = binary_dilation(share > OCCLUDED_AT, mask=share > EDGE_AT, iterations=EDGE_FRAMES)
    return np.asarray(grown & np.isfinite(missing))


class Piece(NamedTuple):
    """A block of frames: rows `block` of a span, in the run of seen rows `run`; the span's hidden rows and cells."""

    span: Span
    motion: DenseMotion
    hidden: NDArray[np.bool_]
    covered: NDArray[np.bool_]
    block: tuple[int, int]
    run: tuple[int, int]

    @property
    def weight(self) -> Array:
        return self.span.weight[slice(*self.block)] * fade(self.block, self.run)

    @property
    def rows(self) -> slice:
        """Of the shot."""
        return slice(self.span.start + self.block[0], self.span.start + self.block[1])


def doubted_rows(fit: HeadFit, tracked: NDArray[np.int64], count: int) -> NDArray[np.bool_]:
    """Rows (count,) of the shot whose nearest tracked frame has a pose that is not believed: what hides the face was seen there."""
    middle = (tracked[1:] + tracked[:-1]) / 2
    return ~np.isfinite(fit.pose[np.searchsorted(middle, tracked[0] + np.arange(count)), 0])


def pieces_of(span: Span, motion: DenseMotion, anchors: Sequence[Anchor], doubted: NDArray[np.bool_]) -> list[Piece]:
    """Those of a span that show a face; rows `doubted` (T,) of the shot are hidden if they look the least like it."""
    neutral = anchors[span.anchor].neutral
    left, gone = motion.residual / neutral.texture, motion.hidden @ neutral.mask.texture
    # Cells that are hidden explain a doubt, and do not hide the whole frame unless they are most of it.
    whole = (gone > MOSTLY_HIDDEN) | (left > OCCLUDED_AT)
    share = np.where(whole, 1.0, np.minimum(gone + (1 - gone) * left, OCCLUDED_AT))
    hidden = covered(share) | (doubted[span.start : span.stop] & (left > EDGE_AT))
    cells = lingering(motion.hidden)
    return [
        Piece(span, motion, hidden, cells, block, run)
        for run in runs(np.isfinite(motion.residual))
        for block in blocks(*run)
    ]
