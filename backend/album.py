# SPDX-License-Identifier: GPL-3.0-or-later
"""Work pictures of chosen frames, in a scratch file: memory does not grow with their number."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from .motion.window import Window
from .types import Frame


class Album:
    """The wanted frames of some footage."""

    def __init__(self, footage: Iterable[Frame], wanted: NDArray[np.int64], window: Window) -> None:
        self._shape = window.height // window.factor, window.width // window.factor
        self._file = tempfile.TemporaryFile(prefix="microface-")  # noqa: SIM115 - lives as long as the album
        self._place: dict[int, int] = {}
        chosen = set(wanted.tolist())
        for frame in footage:
            if frame.index in chosen:
                self._place[frame.index] = self._file.tell()
                window.work(frame).tofile(self._file)

    def pictures(self, frames: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        """Work pictures of the frames."""
        return [self._picture(int(frame)) for frame in frames]

    def _picture(self, frame: int) -> NDArray[np.float32]:
        self._file.seek(self._place[frame])
        return np.fromfile(self._file, np.float32, int(np.prod(self._shape))).reshape(self._shape)
