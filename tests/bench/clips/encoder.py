# SPDX-License-Identifier: GPL-3.0-or-later
"""The project's H.264, so that a clip made twice is the same file.

x264 decides where to spend its bits by memory that it has not written yet (its macroblock tree; every other stage is exact): two
encodings of one clip differed by up to 0.1 in err2d. On glibc, memory is handed out as zeros while clips are made.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from microface.backend import video
from numpy.typing import NDArray

M_PERTURB, ZEROS = -6, 255  # mallopt(3): new memory is filled with the complement of this byte


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], fps: float, crf: int) -> None:
    """As `backend.video.write_video`."""
    settings = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if settings:
        settings(M_PERTURB, ZEROS)
    try:
        video.write_video(path, frames, fps, crf)
    finally:
        if settings:
            settings(M_PERTURB, 0)
