# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve over a shot of any length: blocks that overlap and are faded into one another below the noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..anchor import Anchor
from ..motion.footage import DenseMotion
from ..motion.rigid import RigidMotion
from ..neutral import Neutral
from ..spans import Span
from ..types import HeadFit
from .block import FACTOR_RANK, Block, BlockResult, solve_block
from .columns import Columns
from .macro import macro_expression, without_blinks
from .piece import Piece, doubted_rows, pieces_of
from .surface import Surface

Array = NDArray[np.float64]


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
    units_swing: NDArray[np.float32]
    detail_swing: NDArray[np.float32]
    depth: Array
    hidden: NDArray[np.bool_]
    covered: NDArray[np.bool_]  #: (T, cells) of the template at rest, that something hides


def solve_clip(
    anchors: Sequence[Anchor],
    spans: Sequence[Span],
    motions: Sequence[DenseMotion],
    fit: HeadFit,
    tracked: NDArray[np.int64],
    fps: float,
    shut: NDArray[np.bool_],
) -> Iterator[tuple[float, Solved]]:
    """Solve all frames. Yields (fraction done, the result so far) after each block.

    Args:
        anchors: the templates, that of rest first: the result is in the units of its surface.
        spans, motions: rows of the shot each measures, and their motion.
        fit: coarse poses and expressions of the frames `tracked` (N,).
        fps: frames per second.
        shut: (T,) rows in which the lids move: no large expression to start from.
    """
    surface = anchors[0].neutral.surface
    out = _empty(anchors[0].neutral, spans[-1].stop)
    doubted = doubted_rows(fit, tracked, spans[-1].stop)
    pieces = [piece for pair in zip(spans, motions, strict=True) for piece in pieces_of(*pair, anchors, doubted)]
    for piece in pieces:
        _note_hidden(out, piece, anchors)
    done = 0

    def macro(piece: Piece) -> Array:
        seen = macro_expression(surface, fit, tracked, piece.motion.first + np.arange(*piece.block))
        return without_blinks(seen, surface, shut[piece.rows])

    # The view at rest finds the depth, if it serves any frame. In a short span beside a large expression it would find nonsense.
    disturbed = len(spans) > 1 and any(macro(piece).any() for piece in pieces)
    depth = None if not disturbed and any(piece.span.anchor == 0 for piece in pieces) else out.depth
    for number, anchor in enumerate(anchors):
        own = [piece for piece in pieces if piece.span.anchor == number]
        if not own:
            continue
        columns, ahead = Columns(anchor.neutral.surface, anchor.neutral.field), anchor.since(anchors[0])
        # The calm block with the most head motion knows the depth best; all others use it, so that nothing jumps between them.
        own.sort(key=lambda piece: (macro(piece).any(), -_travel(columns, piece)))
        for piece in own:
            rows = slice(*piece.block)
            masked = anchor.neutral.mask.nodes(piece.covered[rows])
            block = Block(
                piece.motion.rows(*piece.block), piece.motion.coarse[rows], macro(piece), piece.hidden[rows], masked
            )
            result = solve_block(columns, block, fps, anchor.neutral.residual_variance, depth)
            depth = result.depth if depth is None else depth
            _add(out, _since_rest(result, surface, columns.surface, ahead) if number else result, piece)
            done += 1
            yield done / len(pieces), out


def _since_rest(result: BlockResult, rest: Surface, surface: Surface, ahead: RigidMotion) -> BlockResult:
    """A result about the surface of a further anchor, told about that of rest, from which `ahead` leads there."""
    arm = ahead.of(rest.centre[None])[0, 0] - surface.centre
    return replace(result, turn=result.turn @ ahead.turn[0], place=result.turn @ arm + result.place)


def _travel(columns: Columns, piece: Piece) -> float:
    """How much the head turns and shifts over a block, px^2 times frames: the parallax to expect."""
    pose = columns.as_pose(piece.motion.coarse[slice(*piece.block)])
    return float(pose.var(0).sum()) * len(pose)


def _empty(rest: Neutral, frames: int) -> Solved:
    surface = rest.surface
    units, details = len(surface.causes.unit_names), surface.causes.detail_count

    def blank(*shape: int) -> Array:
        return np.full((frames, *shape), np.nan)

    def compact(*shape: int) -> NDArray[np.float32]:
        """Half the memory for what is long and needs no more digits."""
        return np.full((frames, *shape), np.nan, np.float32)

    rank = min(FACTOR_RANK, units)
    return Solved(
        blank(3, 3), blank(3), blank(6), compact(units), compact(units), compact(units, rank), compact(details),
        np.zeros(details), compact(units), compact(details), np.zeros(surface.depth_bump.shape[1]), np.zeros(frames, bool),
        np.zeros((frames, len(rest.mask.texture)), bool),
    )  # fmt: skip


def _note_hidden(out: Solved, piece: Piece, anchors: Sequence[Anchor]) -> None:
    """Where two spans share a frame the weightier one says what is hidden."""
    rows = slice(*piece.block)
    mainly = piece.span.weight[rows] >= 0.5
    out.hidden[piece.rows] |= mainly & piece.hidden[rows]
    cells = piece.covered[rows]
    if not cells.any():
        return
    if piece.span.anchor:
        cells = cells @ _shared(anchors[piece.span.anchor].neutral, anchors[0].neutral) >= 0.5
    out.covered[piece.rows] |= mainly[:, None] & cells


def _shared(view: Neutral, rest: Neutral) -> Array:
    """(cells, cells at rest) share of a cell at rest's skin that a cell of another view shows."""
    here, there = view.surface.owners(view.mask.cell), rest.surface.owners(rest.mask.cell)
    both = (here >= 0) & (there >= 0)
    out = np.zeros((len(view.mask.texture), len(rest.mask.texture)))
    np.add.at(out, (here[both], there[both]), 1)
    return np.asarray(out / np.maximum(out.sum(0), 1))


def _add(out: Solved, result: BlockResult, piece: Piece) -> None:
    """Fade a block in. Deviations fade like the values: the overlap is no better known than its blocks."""
    rows, weight = piece.rows, piece.weight
    for name in ("turn", "place", "pose_std", "units", "units_std", "factor", "detail", "units_swing", "detail_swing"):
        total, part = getattr(out, name)[rows], getattr(result, name)
        shaped = weight.reshape(-1, *[1] * (part.ndim - 1))
        total[:] = np.where(np.isnan(total), 0, total) + shaped * part
    out.detail_variance = np.maximum(out.detail_variance, result.detail_variance)
    out.depth = result.depth
