# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks of a clip, and where something hides the face: the part of a job that no correction changes.

They depend on the footage, the face and the range alone: other neutral frames, a known lens, frames left out or another
head find them where the first run left them.
"""

from __future__ import annotations

import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import npz
from .atomic import whole_file
from .cover import Cover
from .errors import MicrofaceError
from .heads import load_head
from .shelf import BUILT_IN
from .store import Store
from .tracking import track
from .types import Clip, Progress, Settings, Tracks

COLUMNS = {"frame": "<i8", "landmarks": "<f4", "confidence": "<f4", "shot": "<i8", "cut_frames": "<i8", "hidden": "|u1"}


def tracked(clip: Clip, settings: Settings, progress: Progress, store: Store) -> tuple[Tracks, NDArray[np.bool_]]:
    """Track the face, or read what an earlier run kept.

    Args:
        clip: the footage.
        settings: `face`, `range` and `device` are used.
        progress: called with `tracking` and the share of this stage.
        store: where tracks are kept.

    Returns:
        the tracks, and (N,) in which tracked frames something hides the face.

    Raises:
        MicrofaceError: as `track`.
    """
    chosen = {"face": settings.face, "range": settings.range, "device": settings.device}
    path = store.path("tracks", footage=clip.sha256, **chosen)
    if store.has(path):
        with suppress(npz.Mismatch, KeyError, *npz.DAMAGED):  # track again
            return read_tracks(path)
    cover = Cover(load_head(BUILT_IN))  # the same for all heads: a change of head needs no new tracks
    tracks = track(clip, settings, progress, cover.look)
    hidden = cover.hidden(tracks)
    if store.limit:
        with suppress(MicrofaceError):  # a folder that cannot be written costs only the time
            write_tracks(path, tracks, hidden)
    return tracks, hidden


def write_tracks(path: Path, tracks: Tracks, hidden: NDArray[np.bool_]) -> None:
    """Write tracks and hidden frames (N,).

    Raises:
        MicrofaceError: as `whole_file`.
    """
    values = {**vars(tracks), "hidden": hidden}
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, kind in COLUMNS.items():
            npz.write(archive, name, np.asarray(values[name], kind))


def read_tracks(path: Path) -> tuple[Tracks, NDArray[np.bool_]]:
    """Read what `write_tracks` wrote.

    Raises:
        npz.Mismatch, KeyError, npz.DAMAGED: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        columns = {name: npz.read(archive, name, npz.header(archive, name)) for name in COLUMNS}
    if {name: column.dtype.str for name, column in columns.items()} != COLUMNS:
        raise npz.Mismatch("its columns are of other types")
    hidden = columns.pop("hidden").astype(bool)
    tracks = Tracks(**{name: column.copy() for name, column in columns.items()})
    if tracks.landmarks.shape != (len(tracks.frame), 478, 3) or len(hidden) != len(tracks.frame):
        raise npz.Mismatch("its columns differ in length")
    return tracks, hidden
