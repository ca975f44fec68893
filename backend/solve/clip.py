# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve over a clip of any length: blocks that overlap and are faded into one another below the noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from ..motion.footage import DenseMotion
from ..template import Neutral
from ..types import HeadFit
from .block import FACTOR_RANK, Block, BlockResult, solve_block
from .columns import Columns
from .macro import macro_expression

Array = NDArray[np.float64]

BLOCK = 256  #: frames solved together
OVERLAP = 64  #: frames two blocks share
OCCLUDED_AT = 0.42  #: share of the template's texture not shown: something hides the face (a broad smile: 0.35)
EDGE_AT = 0.08  #: the same, beside a frame that is hidden or shows no face: what hides the face comes and goes
EDGE_FRAMES = 3  #: and takes so many frames for it; a smile before a cut goes on for longer
SHORTEST = 3  #: a run of frames shorter than this is bridged, not solved


@dataclass
class Solved:
    """Estimates of T frames; NaN where nothing was measured. Units as in `BlockResult`."""

    turn: Array
    place: Array
    pose_std: Array
    units: NDArray[np.float32]
    units_std: NDArray[np.float32]
    factor: NDArray[np.float32]
    detail: NDArray[np.float32]
    detail_variance: Array
    depth: Array
    hidden: NDArray[np.bool_]


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


def solve_clip(
    neutral: Neutral,
    motion: DenseMotion,
    fit: HeadFit,
    tracked: NDArray[np.int64],
    rest: NDArray[np.int64],
    fps: float,
) -> Iterator[tuple[float, Solved]]:
    """Solve all frames. Yields (fraction done, the result so far) after each block.

    Args:
        neutral: the template.
        motion: of every frame against it.
        fit: coarse poses and expressions of the frames `tracked` (N,), of which those at `rest` (K,) are neutral.
        fps: frames per second.
    """
    columns = Columns(neutral.surface, neutral.field)
    seen = np.isfinite(motion.residual)
    hidden = covered(motion.residual / neutral.texture)
    pieces = [(block, run) for run in runs(seen) for block in blocks(*run)]
    out = _empty(columns, len(seen), hidden)
    depth: Array | None = None

    def macro(block: tuple[int, int]) -> Array:
        return macro_expression(neutral.surface, fit, tracked, rest, motion.first + np.arange(*block))

    # The calm block with the most head motion knows the depth best; all others use it, so that nothing jumps between them.
    order = sorted(pieces, key=lambda piece: (macro(piece[0]).any(), -_travel(columns, motion, piece[0])))
    for number, (block, run) in enumerate(order):
        span = slice(*block)
        measured = Block(motion.rows(*block), motion.coarse[span], macro(block), hidden[span])
        result = solve_block(columns, measured, fps, neutral.residual_variance, depth)
        depth = result.depth if depth is None else depth
        _add(out, result, block, fade(block, run))
        yield (number + 1) / len(order), out


def _travel(columns: Columns, motion: DenseMotion, block: tuple[int, int]) -> float:
    """How much the head turns and shifts over a block, px^2 times frames: the parallax to expect."""
    pose = columns.as_pose(motion.coarse[slice(*block)])
    return float(pose.var(0).sum()) * len(pose)


def _empty(columns: Columns, frames: int, hidden: NDArray[np.bool_]) -> Solved:
    units = len(columns.surface.unit_names)
    details = int((columns.surface.group > 0).sum())

    def blank(*shape: int) -> Array:
        return np.full((frames, *shape), np.nan)

    def compact(*shape: int) -> NDArray[np.float32]:
        """Half the memory for what is long and needs no more digits."""
        return np.full((frames, *shape), np.nan, np.float32)

    rank = min(FACTOR_RANK, units)
    return Solved(
        blank(3, 3), blank(3), blank(6), compact(units), compact(units), compact(units, rank), compact(details),
        np.zeros(details), np.zeros(columns.layout.depths), hidden,
    )  # fmt: skip


def _add(out: Solved, result: BlockResult, block: tuple[int, int], weight: Array) -> None:
    """Fade a block in. Deviations fade like the values: the overlap is no better known than its blocks."""
    rows = slice(*block)
    for name in ("turn", "place", "pose_std", "units", "units_std", "factor", "detail"):
        total, part = getattr(out, name)[rows], getattr(result, name)
        shaped = weight.reshape(-1, *[1] * (part.ndim - 1))
        total[:] = np.where(np.isnan(total), 0, total) + shaped * part
    out.detail_variance = np.maximum(out.detail_variance, result.detail_variance)
    out.depth = result.depth
