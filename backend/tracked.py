# SPDX-License-Identifier: GPL-3.0-or-later
"""Tracks of a clip, and where something hides the face: the part of a job that no correction changes.

They depend on the footage, the face and the range alone: other neutral frames, a known lens, frames left out or another
head find them where the first run left them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import kept, npz
from .cover import Cover
from .heads import load_head
from .shelf import BUILT_IN
from .store import Store
from .tracking import track
from .types import Clip, Progress, Settings, Tracks

COLUMNS = {
    "frame": "<i8", "landmarks": "<f4", "confidence": "<f4", "shot": "<i8", "cut_frames": "<i8",
    "hidden": "|u1", "disturbed": "|u1",
}  # fmt: skip
Found = tuple[Tracks, NDArray[np.bool_], NDArray[np.bool_]]


def tracked(clip: Clip, settings: Settings, progress: Progress, store: Store) -> Found:
    """Track the face, or read what an earlier run kept.

    Args:
        clip: the footage.
        settings: `face`, `range` and `device` are used.
        progress: called with `tracking` and the share of this stage.
        store: where tracks are kept.

    Returns:
        the tracks, and (N,) in which tracked frames something hides the face, and in which it disturbs them (`Cover`).

    Raises:
        MicrofaceError: as `track`.
    """
    chosen = {"face": settings.face, "range": settings.range, "device": settings.device, "step": clip.step}
    path = store.path("tracks", footage=clip.sha256, **chosen)
    if store.has(path):
        with suppress(*kept.UNREADABLE):  # track again
            return read_tracks(path)
    cover = Cover(load_head(BUILT_IN))  # the same for all heads: a change of head needs no new tracks
    tracks = track(clip, settings, progress, cover.look)
    hidden, disturbed = cover.judged(tracks)
    kept.keep(store, path, {**vars(tracks), "hidden": hidden, "disturbed": disturbed}, COLUMNS)
    return tracks, hidden, disturbed


def read_tracks(path: Path) -> Found:
    """Read what was kept: tracks, hidden and disturbed frames (N,).

    Raises:
        npz.Mismatch, KeyError, npz.DAMAGED: it is damaged.
    """
    columns = kept.read(path, COLUMNS)
    hidden, disturbed = (columns.pop(name).astype(bool) for name in ("hidden", "disturbed"))
    tracks = Tracks(**columns)
    frames = len(tracks.frame)
    if tracks.landmarks.shape != (frames, 478, 3) or len(hidden) != frames or len(disturbed) != frames:
        raise npz.Mismatch("its columns differ in length")
    return tracks, hidden, disturbed
