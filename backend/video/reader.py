# SPDX-License-Identifier: GPL-3.0-or-later
"""One way in for every kind of footage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..errors import MicrofaceError
from ..types import Clip, Frame
from . import container, folder


def open_clip(path: str | Path) -> Clip:
    """Read the size and the timing of footage; its pictures stay on disk.

    Args:
        path: a video file, or a folder of images sorted by the numbers in their names.

    Raises:
        MicrofaceError: ``no_file``, ``empty``, ``not_video``, ``truncated``, ``too_large`` or ``mixed_sizes``.
    """
    path = Path(path)
    if path.is_dir():
        return folder.open_clip(path)
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the video.")
    return container.open_clip(path)


def frames(clip: Clip, start: int = 0, stop: int | None = None, step: int = 1) -> Iterator[Frame]:
    """Yield frames ``start, start + step, ...`` below `stop`; those in between are never converted.

    Raises:
        MicrofaceError: ``damaged`` when a picture cannot be decoded, ``no_file`` when the footage is gone.
    """
    wanted = range(len(clip.time_s))[start:stop:step]
    if not wanted:
        return iter(())
    return folder.frames(clip, wanted) if clip.path.is_dir() else container.frames(clip, wanted)
