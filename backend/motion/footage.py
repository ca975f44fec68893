# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 5 over a clip: every frame's dense motion, kept on disk so that memory does not grow with the footage."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..template import Neutral
from ..types import Frame, HeadFit, Tracks
from .rigid import RigidMotion, against, at_frames

Array = NDArray[np.float64]

CHUNK = 32  #: frames fitted together


@dataclass
class DenseMotion:
    """Sheet coefficients of consecutive frames in a scratch file.

    Attributes:
        first: frame number of row 0.
        residual: (T,) mean square of the fit, luma^2; NaN where there was no face.
        coarse: the head's coarse motion (T) the sheet is measured on top of; identity where there was no face.
    """

    first: int
    residual: Array
    coarse: RigidMotion
    size: int
    _file: IO[bytes]

    def rows(self, start: int, stop: int) -> Array:
        """Coefficients (stop - start, 2n) px."""
        self._file.seek(start * self.size * 4)
        flat = np.fromfile(self._file, np.float32, (stop - start) * self.size)
        return flat.reshape(-1, self.size).astype(float)


def landmarks_between(tracks: Tracks, frames: NDArray[np.int64]) -> Array:
    """Landmarks (T, 478, 2) px at any frames: linear between tracked ones, NaN next to a frame without a face."""
    place = np.clip(np.searchsorted(tracks.frame, frames, side="right") - 1, 0, max(len(tracks.frame) - 2, 0))
    after = np.minimum(place + 1, len(tracks.frame) - 1)
    span = np.maximum(tracks.frame[after] - tracks.frame[place], 1)
    share = np.clip((frames - tracks.frame[place]) / span, 0, 1)[:, None, None]
    left, right = (tracks.landmarks[k][:, :, :2].astype(float) for k in (place, after))
    return np.asarray(np.where(share == 0, left, np.where(share == 1, right, (1 - share) * left + share * right)))


def _chunks(frames: Iterable[Frame]) -> Iterator[list[Frame]]:
    source = iter(frames)
    while chunk := list(islice(source, CHUNK)):
        yield chunk


def measure_footage(
    neutral: Neutral, frames: Iterable[Frame], count: int, tracks: Tracks, fit: HeadFit
) -> Iterator[DenseMotion]:
    """Fit every frame. Yields the same growing result after each chunk, complete with the last.

    Args:
        neutral: template.
        frames: consecutive frames.
        count: how many there will be.
        tracks, fit: landmarks and poses to start from.
    """
    size = 2 * neutral.field.sheet.size
    file = tempfile.TemporaryFile(prefix="microface-")  # noqa: SIM115 - lives as long as the result
    still = RigidMotion(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    result = DenseMotion(-1, np.full(count, np.nan), still, size, file)
    reference = neutral.surface.reference
    joint = reference.head.joints(reference.shape)[0]
    done = 0
    for chunk in _chunks(frames):
        if result.first < 0:
            result.first = chunk[0].index
        index = np.array([frame.index for frame in chunk])
        landmarks = landmarks_between(tracks, index)
        seen = np.flatnonzero(np.isfinite(landmarks[:, 0, 0]))
        rows = np.zeros((len(chunk), size), np.float32)
        if len(seen):
            poses = at_frames(fit, tracks.frame, index[seen])
            coarse = against(poses, reference.pose, reference.translation, joint)
            c, residual = neutral.measure([chunk[k].luma for k in seen], landmarks[seen], coarse)
            rows[seen] = c
            still.turn[done + seen], still.shift[done + seen] = coarse.turn, coarse.shift
            result.residual[done + seen] = residual
        rows.tofile(file)
        done += len(chunk)
        yield result
