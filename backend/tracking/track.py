# SPDX-License-Identifier: GPL-3.0-or-later
"""Stage 2 of the reconstruction: a face through a whole clip."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..crew import in_order
from ..errors import MicrofaceError
from ..types import Clip, Frame, Progress, Settings, Tracks
from ..video import frames
from ..wanted import wanted_frames
from .choice import read_choice
from .face_tracker import FaceTracker
from .follower import Follower
from .roi import face_width
from .shots import with_shots

TRACKS_PER_SECOND = 30  # about: a face does not get lost in less
MIN_WIDTH = 40.0  # px of the face; below it a micro-expression is smaller than the noise

Look = Callable[[Frame, NDArray[np.float32]], None]  #: a frame and the landmarks (478, 3) px found in it


def track(clip: Clip, settings: Settings, progress: Progress, look: Look | None = None) -> Tracks:
    """Track one face through a clip.

    Args:
        clip: the footage.
        settings: `face`, `range` and `device` are used.
        progress: called with `tracking` and the fraction of this stage, 0..1.
        look: called with every frame in which the face was found, while it is decoded.

    Raises:
        MicrofaceError: `bad_range`, `bad_face`, `no_face`, `no_such_face` or `face_too_small`.
    """
    wanted = wanted_frames(clip, settings)
    # One thread for the nets, the other core decodes: a second one would mostly spin while it waits for pictures.
    follower = Follower(FaceTracker(settings.device, threads=1), read_choice(settings.face))
    step = max(1, round(clip.fps / TRACKS_PER_SECOND))
    footage = frames(clip, wanted.start, wanted.stop)
    return track_frames(footage, wanted, step, follower, progress, clip.path, look)


def track_frames(
    footage: Iterable[Frame],
    wanted: range,
    step: int,
    follower: Follower,
    progress: Progress,
    source: Path,
    look: Look | None = None,
) -> Tracks:
    """Track every `step`-th frame of `footage`, its first and last and the first of every shot.

    Args:
        footage: all frames of `wanted`, in order: cuts are looked for in each.
        wanted: frame indices.
        step: frames from one track to the next.
        follower: the face and its tracker.
        progress, look: as in `track`.
        source: named in errors.
    """
    due = set(wanted[::step]) | {wanted[-1]}
    found: list[tuple[int, int, NDArray[np.float32] | None, float]] = []
    cuts: list[int] = []
    for frame, shot in with_shots(in_order(partial(_converted, due=due), footage)):
        is_cut = shot > len(cuts)
        if is_cut:
            cuts.append(frame.index)
            follower.begin_shot()
        if is_cut or frame.index in due:
            points, confidence = follower.step(frame.rgb)
            found.append((frame.index, shot, points, confidence))
            if points is not None and look is not None:
                look(frame, points)
            progress("tracking", (frame.index + 1 - wanted.start) / len(wanted))
    return _checked(_tracks(found, cuts), follower, source)


def _converted(frame: Frame, due: set[int]) -> Frame:
    """The frame with its luma, and its colours if it is due, read already."""
    _ = frame.luma, frame.rgb if frame.index in due else None
    return frame


def _tracks(found: list[tuple[int, int, NDArray[np.float32] | None, float]], cuts: list[int]) -> Tracks:
    landmarks = np.full((len(found), 478, 3), np.nan, np.float32)
    for row, (_, _, points, _) in zip(landmarks, found, strict=True):
        if points is not None:
            row[:] = points
    return Tracks(
        frame=np.array([index for index, *_ in found], np.int64),
        landmarks=landmarks,
        confidence=np.array([confidence for *_, confidence in found], np.float32),
        shot=np.array([shot for _, shot, _, _ in found], np.int64),
        cut_frames=np.array(cuts, np.int64),
    )


def _checked(tracks: Tracks, follower: Follower, source: Path) -> Tracks:
    """Return the tracks without the shots whose face is too small, or say why nothing is left."""
    seen = tracks.confidence > 0
    if not seen.any():
        raise _no_face(tracks, follower, source)
    widths = np.array([face_width(points) if ok else np.nan for points, ok in zip(tracks.landmarks, seen, strict=True)])
    for shot in np.unique(tracks.shot[seen]):
        here = (tracks.shot == shot) & seen
        if np.median(widths[here]) < MIN_WIDTH:
            tracks.landmarks[here] = np.nan
            tracks.confidence[here] = 0
    if not (tracks.confidence > 0).any():
        text = f"The face in {source} is {np.nanmedian(widths):.0f} px wide; at least {MIN_WIDTH:.0f} px are needed."
        remedy = "Use footage in which the face is larger; scaling it up does not help."
        raise MicrofaceError("face_too_small", text, remedy)
    return tracks


def _no_face(tracks: Tracks, follower: Follower, source: Path) -> MicrofaceError:
    if follower.faces_seen:
        text = f"The face asked for is not in {source}, where up to {follower.faces_seen} were seen at once."
        remedy = "Leave out --face to take the largest, or point at one with --face x,y."
        return MicrofaceError("no_such_face", text, remedy)
    text = f"No face found in {source} ({len(tracks.frame)} frames were searched)."
    remedy = f"Use footage that shows a face from the front, at least {MIN_WIDTH:.0f} px wide."
    return MicrofaceError("no_face", text, remedy)
