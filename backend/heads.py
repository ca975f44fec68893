# SPDX-License-Identifier: GPL-3.0-or-later
"""From the user's choice of a head to a head that can be tracked.

Published heads come without the tracker's landmarks and, but for ICT-FaceKit, without named units. Landmarks are found
by drawing the head and tracking the pictures; the units are carried over from the generic head. Both are kept with the
head in the user's cache: the first use of a head takes some seconds, later ones do not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..models.assets import asset_path
from ..models.head.embedding import PEOPLE, TURNS, Landmarks, embed
from ..models.head.model import HeadModel, read_head, write_head
from ..models.head.read.recognise import read_any_head
from ..models.head.transfer import with_named_units
from ..models.head.units import CARRIED
from .atomic import whole_file
from .errors import MicrofaceError
from .folders import cache_folder
from .shelf import BUILT_IN, head_file, is_kept, kept
from .types import Progress, Take

TRACKING = 0.25  # of the time that preparing takes
PREPARATION = 3  #: raised, like `CARRIED`, when a cached head would be prepared differently today
JITTERED = 8  #: crops averaged per picture: the landmarks' own noise would become the head's
LEAST_LANDMARKS = 200  #: of 478; a head has about 450


def load_head(name: str, progress: Progress | None = None) -> HeadModel:
    """Read the built-in head (`generic`), or FLAME, GNM Head, ICT-FaceKit or a Microface head from a file or folder.

    Args:
        name: `generic`, what an added head is called, or a path.
        progress: called with "head" and a share while the landmarks of a new head are found.

    Raises:
        MicrofaceError: as `read_any_head`, ``no_landmarks`` or ``old_head``.
    """
    if name == BUILT_IN:
        return read_head(asset_path("generic_head.npz"))
    if is_kept(name):
        return _read_kept(name)
    head = read_any_head(Path(name))
    return head if len(head.landmark_index) else prepared(head, progress)


def _read_kept(name: str) -> HeadModel:
    remedy = f"Remove it, and add it again: heads remove {name}."
    try:
        head = read_head(head_file(name))
    except MicrofaceError as error:
        raise MicrofaceError(error.code, error.text, remedy) from error
    if any(one.name == name and one.sha256 != head.sha256 for one in kept()):
        text = f"The head '{name}' was added by another version of Microface, which carried named units over otherwise."
        raise MicrofaceError("old_head", text, remedy)
    return head


def head_name(take: Take, chosen: str | None) -> str:
    """What `load_head` calls the head of a take: as chosen, else the added head of its space, else the built-in one."""
    added = (one.name for one in kept() if one.sha256 == take.head.get("sha256"))
    return chosen or next(added, BUILT_IN)


def record(head: HeadModel) -> dict[str, str]:
    """What a take says of its head: which, in which space its numbers live, and of other people's heads the terms."""
    own = {"name": head.name, "sha256": head.sha256}
    return own | ({"licence": head.licence, "citation": head.citation} if head.citation else {})


def prepared(head: HeadModel, progress: Progress | None = None) -> HeadModel:
    """A published head with landmarks and named units, from the cache when it was used before."""
    path = cache_folder("heads") / f"{head.sha256}-{PREPARATION}.{CARRIED}.npz"
    if path.is_file():
        with suppress(MicrofaceError):  # a damaged copy is made again
            return read_head(path)
    say = progress or (lambda stage, share: None)
    found = with_landmarks(head, portrait_tracker(), lambda stage, share: say(stage, TRACKING * share))
    whole = with_named_units(found, load_head(BUILT_IN), lambda share: say("head", TRACKING + (1 - TRACKING) * share))
    with suppress(MicrofaceError), whole_file(path) as part:  # a folder that cannot be written costs only the time
        write_head(part, whole)
    return whole


def watched(landmarks: Landmarks, pictures: int, told: Callable[[float], None]) -> Landmarks:
    """A tracker that tells, before each picture, which share of so many it has seen."""
    seen = 0

    def watching(picture: NDArray[np.uint8]) -> NDArray[np.floating[Any]] | None:
        nonlocal seen
        told(min(seen / pictures, 1.0))
        seen += 1
        return landmarks(picture)

    return watching


def with_landmarks(head: HeadModel, landmarks: Landmarks, progress: Progress | None = None) -> HeadModel:
    """The head with the landmarks that a tracker finds on pictures of it.

    Raises:
        MicrofaceError: ``no_landmarks``.
    """
    if progress:
        landmarks = watched(landmarks, 2 * len(TURNS) * PEOPLE, partial(progress, "head"))
    index, triangle, weight = embed(head, landmarks)
    if len(index) < LEAST_LANDMARKS:
        text = f"The tracker recognises no face on the head '{head.name}'."
        raise MicrofaceError("no_landmarks", text, "Choose a head with a human face, eyes and mouth.")
    return replace(head, landmark_index=index, landmark_triangle=triangle, landmark_weight=weight)


def portrait_tracker() -> Landmarks:
    """The tracker for single pictures of one face."""
    from .tracking import FaceTracker  # Blender, which reads heads too, never tracks

    tracker = FaceTracker("cpu")

    def landmarks(rgb: NDArray[np.uint8]) -> NDArray[np.floating[Any]] | None:
        faces = tracker.detect(rgb)
        if not faces:
            return None
        points, _ = tracker.landmarks(rgb, faces[0].roi)
        points, presence = tracker.landmarks(rgb, tracker.roi_of(points), JITTERED)
        return points if presence > 0.5 else None

    return landmarks
