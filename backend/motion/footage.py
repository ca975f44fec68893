# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 5 over a shot: every frame's dense motion, kept on disk so that memory does not grow with the footage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, pairwise
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..anchor import Anchor
from ..crew import in_order
from ..neutral import Whole
from ..spans import Span
from ..types import Frame, HeadFit, Tracks
from .mask import COMING, Doubt, OccluderMask
from .rigid import RigidMotion, at_frames
from .window import Window

Array = NDArray[np.float64]

CHUNK = 32  #: frames fitted together


@dataclass
class DenseMotion:
    """Sheet coefficients of consecutive frames in a scratch file.

    Attributes:
        first: frame number of row 0.
        residual: (T,) mean square of the fit where nothing hides the face, luma^2; NaN where there was no face.
        hidden: (T, cells) what something hides, in the cells of the template's mask.
        coarse: the head's coarse motion (T) the sheet is measured on top of; identity where there was no face.
        size: coefficients a frame.
        offset: of row 0 in the file, bytes.
    """

    first: int
    residual: Array
    hidden: NDArray[np.bool_]
    coarse: RigidMotion
    size: int
    _file: IO[bytes]
    offset: int = 0

    def rows(self, start: int, stop: int) -> Array:
        """Coefficients (stop - start, 2n) px."""
        self._file.seek(self.offset + start * self.size * 4)
        flat = np.fromfile(self._file, np.float32, (stop - start) * self.size)
        return flat.reshape(-1, self.size).astype(float)

    def add(
        self,
        frames: NDArray[np.int64],
        motion: Array,
        residual: Array,
        hidden: NDArray[np.bool_],
        coarse: RigidMotion,
    ) -> None:
        """Note what was measured in frames (B,)."""
        rows = frames - self.first
        self.residual[rows], self.hidden[rows] = residual, hidden
        self.coarse.turn[rows], self.coarse.shift[rows] = coarse.turn, coarse.shift
        for row, one in zip(rows.tolist(), motion.astype(np.float32), strict=True):
            self._file.seek(self.offset + row * self.size * 4)
            one.tofile(self._file)


def landmarks_between(tracks: Tracks, frames: NDArray[np.int64]) -> Array:
    """Landmarks (T, 478, 2) px at any frames: linear between tracked ones, NaN next to a frame without a face."""
    place = np.clip(np.searchsorted(tracks.frame, frames, side="right") - 1, 0, max(len(tracks.frame) - 2, 0))
    after = np.minimum(place + 1, len(tracks.frame) - 1)
    span = np.maximum(tracks.frame[after] - tracks.frame[place], 1)
    share = np.clip((frames - tracks.frame[place]) / span, 0, 1)[:, None, None]
    left, right = (tracks.landmarks[k][:, :, :2].astype(float) for k in (place, after))
    return np.asarray(np.where(share == 0, left, np.where(share == 1, right, (1 - share) * left + share * right)))


class _Chunk(NamedTuple):
    """Some consecutive frames: their numbers (B,), which show a face (B,), landmarks (B, 478, 2) px, work pictures of those."""

    frames: NDArray[np.int64]
    seen: NDArray[np.bool_]
    landmarks: Array
    work: dict[int, NDArray[np.float32]]


def _chunks(frames: Iterable[Frame], tracks: Tracks, window: Window) -> Iterator[_Chunk]:
    source = iter(frames)
    while chunk := list(islice(source, CHUNK)):
        index = np.array([frame.index for frame in chunk])
        landmarks = landmarks_between(tracks, index)
        seen = np.isfinite(landmarks[:, 0, 0])
        work = {frame.index: window.work(frame) for frame, shown in zip(chunk, seen, strict=True) if shown}
        yield _Chunk(index, seen, landmarks, work)


class _Part(NamedTuple):
    """Frames (B,) of a chunk that a span measures, with their pictures, and what they show if nothing hides the face."""

    span: int
    frames: NDArray[np.int64]
    work: list[NDArray[np.float32]]
    coarse: RigidMotion
    shut: NDArray[np.bool_]
    whole: Whole


def _whole(
    chunk: _Chunk,
    anchors: Sequence[Anchor],
    spans: Sequence[Span],
    tracks: Tracks,
    fit: HeadFit,
    shut: NDArray[np.bool_],
) -> list[_Part]:
    row, parts = chunk.frames - int(tracks.frame[0]), []
    for number, span in enumerate(spans):
        here = np.flatnonzero(chunk.seen & (row >= span.start) & (row < span.stop))
        if len(here):
            anchor, index = anchors[span.anchor], chunk.frames[here]
            coarse = anchor.coarse(at_frames(fit, tracks.frame, index))
            work, lids = [chunk.work[int(k)] for k in index], shut[row[here]]
            painted = anchor.neutral.window.painted(index)
            whole = anchor.neutral.whole(work, chunk.landmarks[here], coarse, lids, painted)
            parts.append(_Part(number, index, work, coarse, lids, whole))
    return parts


def _hidden(
    chunks: Iterable[list[_Part]], anchors: Sequence[Anchor], spans: Sequence[Span]
) -> Iterator[list[tuple[_Part, Doubt]]]:
    """The parts of each chunk and the cells that may be hidden, by what the chunks before and after show too."""
    before: list[_Part] = []
    for parts, after in pairwise(chain(chunks, [[]])):
        yield [(part, _grown(part, before, after, anchors[spans[part.span].anchor].neutral.mask)) for part in parts]
        before = parts


def _grown(part: _Part, before: list[_Part], after: list[_Part], mask: OccluderMask) -> Doubt:
    """Cells that may be hidden in a part, between those of the chunks before and after."""
    first, last = ([each.whole.signs for each in side if each.span == part.span] for side in (before, after))
    begin = sum(min(len(signs.sure), COMING) for signs in first)
    doubt = mask.grown(part.whole.signs.between(first, last))
    return Doubt(*(each[begin : begin + len(part.frames)] for each in doubt))


def measure_footage(
    anchors: Sequence[Anchor],
    spans: Sequence[Span],
    frames: Iterable[Frame],
    tracks: Tracks,
    fit: HeadFit,
    shut: NDArray[np.bool_],
) -> Iterator[tuple[float, list[DenseMotion]]]:
    """Fit every frame to the template that serves it. Yields the share done and the motion of each span, growing.

    Args:
        anchors: the templates.
        spans: rows of the shot each measures.
        frames: of the whole shot.
        tracks, fit: landmarks and poses to start from.
        shut: (T,) rows of the shot in which the lids move.
    """
    motions, done = _blank(anchors, spans, int(tracks.frame[0])), 0
    whole = partial(_whole, anchors=anchors, spans=spans, tracks=tracks, fit=fit, shut=shut)
    chunks = in_order(whole, _chunks(frames, tracks, anchors[0].neutral.window))
    for parts in _hidden(chunks, anchors, spans):
        for part, doubt in parts:
            neutral = anchors[spans[part.span].anchor].neutral
            found = neutral.beside(part.work, part.coarse, part.whole, doubt, part.shut)
            motions[part.span].add(part.frames, *found, part.coarse)
        done += CHUNK
        yield min(done / spans[-1].stop, 1.0), motions


def _blank(anchors: Sequence[Anchor], spans: Sequence[Span], first: int) -> list[DenseMotion]:
    """Spans without any motion yet, one after the other in a scratch file."""
    file = tempfile.TemporaryFile(prefix="microface-")  # noqa: SIM115 - lives as long as the result
    out, offset = [], 0
    for span in spans:
        count, size = span.stop - span.start, 2 * anchors[span.anchor].neutral.field.sheet.size
        cells = len(anchors[span.anchor].neutral.mask.texture)
        still = RigidMotion(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
        blank = np.full(count, np.nan), np.zeros((count, cells), bool)
        out.append(DenseMotion(first + span.start, *blank, still, size, file, offset))
        offset += count * size * 4
    file.truncate(offset)
    return out
