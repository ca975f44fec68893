# SPDX-License-Identifier: GPL-3.0-or-later
"""reconstruct(): from footage to a take, stage by stage, and nothing else."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from .anchor import Anchor
from .chain import chain_anchors
from .fitted import fitted
from .form import form_offset
from .head_fit import settled
from .heads import load_head
from .lids import shut_lids
from .messages import part
from .motion.footage import landmarks_between, measure_footage
from .motion.paint import Paint
from .motion.rigid import RigidMotion, against, at_frames, smoothed
from .motion.window import Window, window_around
from .neutral import Neutral
from .noise import Visibility, outside, visibility
from .pins import check_pins, pinned
from .rest import rest_candidates, rest_frames
from .result import assemble
from .solve.clip import solve_clip
from .solve.reference import Reference
from .spans import Span, spans_of
from .stages import STAGES, StageProgress
from .store import Store
from .template import build_neutral
from .tracked import tracked
from .types import Clip, Event, Floats, HeadFit, Progress, Settings, Take, Tracks
from .usable import beyond_belief, painted_over, refuse_cuts
from .usual import usual_frames
from .video import frames, open_clip
from .views import serving
from .wanted import drafted

AS_CLEAR = 0.02  #: share of the face that a frame of the template may have painted out beyond that of the clearest
PIN_ROUNDS = 2  #: the first shift of the landmarks leaves the head a pixel off where it is large
FEWEST_CLEAR = 8  #: frames: with fewer the template is noisy


def reconstruct(source: Path, settings: Settings, progress: Progress) -> Take:
    """Reconstruct the performance in a video.

    Args:
        source: a video file or a folder of pictures.
        settings: the user's choices.
        progress: called with the stage and the share of the whole job done; raises `Cancelled` to stop.

    Raises:
        MicrofaceError: with what to do about it.
        Cancelled: by way of `progress`.
    """
    progress("reading", 0)
    clip, head = open_clip(source), load_head(settings.head, part(progress, 0, STAGES["reading"]))
    return reconstruct_clip(clip, head, settings, progress, Store(0))


def reconstruct_clip(clip: Clip, head: HeadModel, settings: Settings, progress: Progress, store: Store) -> Take:
    """All other stages of `reconstruct`.

    Args:
        store: where tracks and fits of earlier runs are found and kept.
    """
    looked_at, chosen = drafted(clip, settings)
    take = _take(looked_at, head, chosen, progress, store)
    return replace(take, settings=asdict(settings))  # as the user said them: in frames of the footage


def _take(clip: Clip, head: HeadModel, settings: Settings, progress: Progress, store: Store) -> Take:
    """The take of all frames of a clip, which may be a draft's."""
    say = StageProgress(progress)
    paint = Paint(settings.mask, clip) if settings.mask else None
    tracks, hidden, disturbed = tracked(clip, settings, say, store)
    refuse_cuts(tracks, clip)
    say("head", 0)
    hidden = beyond_belief(tracks, hidden, settings)
    restless = hidden | beyond_belief(tracks, hidden | disturbed, settings)
    unclear = hidden | painted_over(paint, tracks, hidden)
    check_pins(settings.pins, head, clip, tracks)
    fit = fitted(head, clip, tracks, settings, unclear, store)
    for _ in range(PIN_ROUNDS if settings.pins else 0):
        tracks = pinned(head, tracks, fit, settings, hidden)
        fit = fitted(head, clip, tracks, settings, unclear, store)
    say("neutral", 0)
    fit = smoothed(settled(fit, hidden))
    neutral, rest = find_neutral(head, clip, tracks, fit, settings, say, paint, restless)
    anchors, spans = find_anchors(clip, tracks, fit, neutral, rest)
    say("motion", 0)
    footage = frames(clip, int(tracks.frame[0]), int(tracks.frame[-1]) + 1)
    footage = (frame for frame in footage if not settings.leaves_out(frame.index))
    shut = shut_lids(tracks, tracks.frame[0] + np.arange(spans[-1].stop), rest, clip.fps)
    for share, motions in measure_footage(anchors, spans, footage, tracks, fit, shut):  # noqa: B007
        say("motion", share)
    own = [motion for span, motion in zip(spans, motions, strict=True) if span.anchor == 0] or motions[:1]
    say("solving", 0)
    for share, solved in solve_clip(anchors, spans, motions, fit, tracks.frame, clip.fps, shut):  # noqa: B007
        say("solving", share)
    say("events", 0)

    def visible(found: tuple[Event, ...]) -> Visibility:
        return visibility(clip, neutral, own, outside(found, rest_frames(tracks, rest), clip.time_s))

    return assemble(clip, tracks, fit, anchors, rest, solved, visible, settings, shut)


def find_neutral(
    head: HeadModel,
    clip: Clip,
    tracks: Tracks,
    fit: HeadFit,
    settings: Settings,
    progress: Progress,
    paint: Paint | None = None,
    restless: NDArray[np.bool_] | None = None,
) -> tuple[Neutral, NDArray[np.int64]]:
    """The template, and the tracked frames (indices into `tracks`) it was looked for in, none `restless` (N,) if it can be."""
    rest = rest_candidates(tracks, fit, settings.neutral, restless)
    candidates = rest_frames(tracks, rest)
    candidates = candidates[~settings.leaves_out(candidates)]
    window = window_around(tracks.landmarks, clip.width, clip.height, paint)
    if paint is not None:
        candidates = _clearest(paint, candidates, tracks)
    passing = frames(clip, int(candidates.min()), int(candidates.max()) + 1)
    cut = {frame.index: window.work(frame) for frame in passing if frame.index in candidates}
    pictures = [cut[int(k)] for k in candidates]
    progress("neutral", 0.4)
    offset = form_offset(head, fit, tracks, rest[:8])
    landmarks = window.to_work(landmarks_between(tracks, candidates))
    poses = at_frames(fit, tracks.frame, candidates)
    reference = _reference(head, poses, offset, window, 0)
    motion = _motion(poses, reference)
    clear, usual = usual_frames(reference, pictures, landmarks, motion, window.painted(candidates))
    progress("neutral", 0.7)
    candidates, pictures, landmarks = candidates[clear], [pictures[k] for k in clear], landmarks[clear]
    poses = at_frames(fit, tracks.frame, candidates)
    reference = _reference(head, poses, offset, window, usual)
    motion, painted = _motion(poses, reference), window.painted(candidates)
    return build_neutral(reference, window, candidates, pictures, landmarks, motion, usual, painted), rest


def _clearest(paint: Paint, candidates: NDArray[np.int64], tracks: Tracks) -> NDArray[np.int64]:
    """Those of some frames in which about as little of the face is painted out as in any, and some more where these are few."""
    share = paint.share(candidates, landmarks_between(tracks, candidates))
    return candidates[share <= max(share.min() + AS_CLEAR, np.sort(share)[:FEWEST_CLEAR].max())]


def find_anchors(
    clip: Clip, tracks: Tracks, fit: HeadFit, neutral: Neutral, rest: NDArray[np.int64]
) -> tuple[list[Anchor], list[Span]]:
    """A template for every view of the head in the shot, and which of its frames each measures."""
    anchors, apart = chain_anchors(clip, tracks, fit, neutral, rest)
    tracked = serving(apart)
    first, stop = int(tracks.frame[0]), int(tracks.frame[-1]) + 1
    between = (tracks.frame[1:] + tracks.frame[:-1]) / 2
    return anchors, spans_of(tracked[np.searchsorted(between, np.arange(first, stop))], clip.fps)


def _motion(poses: HeadFit, reference: Reference) -> RigidMotion:
    joint = reference.head.joints(reference.shape)[0]
    return against(poses, reference.pose, reference.translation, joint)


def _reference(head: HeadModel, fit: HeadFit, offset: Floats, window: Window, index: int) -> Reference:
    width, height = window.width // window.factor, window.height // window.factor
    return Reference(
        head, fit.shape, np.asarray(offset, float), fit.pose[index], fit.translation[index],
        window.camera(fit.camera), width, height, window.scale,
    )  # fmt: skip
