# SPDX-License-Identifier: GPL-3.0-or-later
"""reconstruct(): from footage to a take, stage by stage, and nothing else."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..models.head.model import HeadModel
from . import events
from .assembly import Performance, perform
from .errors import MicrofaceError
from .gaze import eye_turns
from .heads import load_head
from .identity import fit_head, form_offset
from .motion.footage import DenseMotion, landmarks_between, measure_footage
from .motion.rigid import RigidMotion, against, at_frames, smoothed
from .motion.window import Window, window_around
from .noise import smallest_visible
from .solve.clip import Solved, solve_clip
from .solve.surface import Reference
from .template import Neutral, build_neutral, most_usual_frame, rest_candidates, rest_frames
from .tracking import track
from .types import BRIDGED, CUT, MEASURED, NO_FACE, OCCLUDED, Clip, Floats, HeadFit, Progress, Settings, Take, Tracks
from .video import frames, open_clip

#: share of the whole job at which each stage ends
STAGES = {
    "reading": 0.01,
    "tracking": 0.3,
    "head": 0.34,
    "neutral": 0.42,
    "motion": 0.85,
    "solving": 0.98,
    "events": 1.0,
}


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
    say = _StageProgress(progress)
    say("reading", 0)
    head = load_head(settings.head)
    clip = open_clip(source)
    tracks = track(clip, settings, say)
    refuse_cuts(tracks, clip)
    say("head", 0)
    fit = fit_head(head, tracks, clip.width, clip.height, settings.fov_deg)
    say("neutral", 0)
    fit = smoothed(fit)
    neutral, rest = find_neutral(head, clip, tracks, fit, settings, say)
    first, stop = int(tracks.frame[0]), int(tracks.frame[-1]) + 1
    for motion in measure_footage(neutral, frames(clip, first, stop), stop - first, tracks, fit):
        say("motion", float(np.isfinite(motion.residual).sum()) / (stop - first))
    for share, solved in solve_clip(neutral, motion, fit, tracks.frame, rest, clip.fps):  # noqa: B007
        say("solving", share)
    say("events", 0)
    return _take(clip, tracks, fit, neutral, rest, motion, solved, settings)


class _StageProgress:
    """Turns the share of a stage into the share of the job."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __call__(self, stage: str, share: float) -> None:
        names = list(STAGES)
        begin = STAGES[names[names.index(stage) - 1]] if stage != names[0] else 0.0
        self._progress(stage, begin + min(max(share, 0.0), 1.0) * (STAGES[stage] - begin))


def refuse_cuts(tracks: Tracks, clip: Clip) -> None:
    """One template serves one shot: faces in several shots are an error that names the frames of each."""
    seen = np.isfinite(tracks.landmarks[:, 0, 0])
    shots = np.unique(tracks.shot[seen])
    if len(shots) < 2:
        return
    begins = [int(tracks.frame[0]), *tracks.cut_frames.tolist()]
    counts = [int((tracks.shot[seen] == shot).sum()) for shot in shots]
    best = int(shots[int(np.argmax(counts))])
    ends = [*begins[1:], int(tracks.frame[-1]) + 1]
    cut = begins[int(shots[1])]
    raise MicrofaceError(
        "cut",
        f"{clip.path.name} cuts to another shot of a face at frame {cut} ({clip.time_s[cut]:.2f} s).",
        f"Reconstruct one shot at a time; the longest with a face is --range {begins[best]}:{ends[best]}.",
    )


def find_neutral(
    head: HeadModel, clip: Clip, tracks: Tracks, fit: HeadFit, settings: Settings, progress: Progress
) -> tuple[Neutral, NDArray[np.int64]]:
    """The template, and the tracked frames (indices into `tracks`) it was looked for in."""
    rest = rest_candidates(tracks, fit, settings.neutral)
    candidates = rest_frames(tracks, rest)
    window = window_around(tracks.landmarks, clip.width, clip.height)
    passing = frames(clip, int(candidates.min()), int(candidates.max()) + 1)
    cut = {frame.index: window.cut(frame.luma) for frame in passing if frame.index in candidates}
    pictures = [cut[int(k)] for k in candidates]
    progress("neutral", 0.4)
    offset = form_offset(head, fit, tracks, rest[:8])
    landmarks = window.to_work(landmarks_between(tracks, candidates))
    poses = at_frames(fit, tracks.frame, candidates)
    reference = _reference(head, poses, offset, window, 0)
    usual = most_usual_frame(reference, pictures, landmarks, _motion(poses, reference))
    progress("neutral", 0.7)
    reference = _reference(head, poses, offset, window, usual)
    return build_neutral(reference, window, candidates, pictures, landmarks, _motion(poses, reference), usual), rest


def _motion(poses: HeadFit, reference: Reference) -> RigidMotion:
    joint = reference.head.joints(reference.shape)[0]
    return against(poses, reference.pose, reference.translation, joint)


def _reference(head: HeadModel, fit: HeadFit, offset: Floats, window: Window, index: int) -> Reference:
    width, height = window.width // window.factor, window.height // window.factor
    return Reference(
        head, fit.shape, np.asarray(offset, float), fit.pose[index], fit.translation[index],
        window.camera(fit.camera), width, height, window.scale,
    )  # fmt: skip


def validity(tracks: Tracks, seen: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(T,) why each frame is or is not measured. Hidden frames between seen ones are bridged, long ones occluded."""
    valid = np.where(seen, MEASURED, NO_FACE).astype(np.uint8)
    valid[seen & hidden] = BRIDGED
    shot = tracks.shot[np.isfinite(tracks.landmarks[:, 0, 0])][0]
    frame = np.arange(len(seen)) + tracks.frame[0]
    bounds = np.searchsorted(tracks.cut_frames, frame, side="right")
    valid[bounds != shot] = CUT
    return valid


LONGEST_BRIDGE_S = 0.1


def _mark_occlusions(valid: NDArray[np.uint8], fps: float) -> NDArray[np.uint8]:
    """Hidden spans too long to bridge are occlusions."""
    edge = np.flatnonzero(np.diff(np.r_[0, (valid == BRIDGED).astype(np.int8), 0])).reshape(-1, 2)
    for start, stop in edge:
        if stop - start > max(1, LONGEST_BRIDGE_S * fps):
            valid[start:stop] = OCCLUDED
    return valid


def _take(
    clip: Clip,
    tracks: Tracks,
    fit: HeadFit,
    neutral: Neutral,
    rest: NDArray[np.int64],
    motion: DenseMotion,
    solved: Solved,
    settings: Settings,
) -> Take:
    head = neutral.surface.reference.head
    first, count = motion.first, len(motion.residual)
    valid = validity(tracks, np.isfinite(motion.residual), solved.hidden)
    valid = _mark_occlusions(valid, clip.fps)
    acted = _blanked(_with_gaze(perform(neutral.surface, solved), neutral, tracks, rest, first), valid > BRIDGED)
    factor = neutral.window.factor
    time_s = clip.time_s[first : first + count]
    found = events.detect(time_s, acted.motion_px * factor, acted.motion_std_px * factor, acted.motion_names, valid)
    row = np.flatnonzero(np.isfinite(tracks.landmarks[:, 0, 0]))
    confidence = np.interp(np.arange(count) + first, tracks.frame, tracks.confidence)

    def f32(values: Floats) -> NDArray[np.float32]:
        return np.asarray(values, np.float32)

    return Take(
        time_s=time_s, valid=valid,
        shape=f32(fit.shape), shape_std=f32(fit.shape_std), shape_offset=f32(acted.shape_offset),
        expression_names=head.expression_names, expression=f32(acted.expression),
        expression_std=f32(acted.expression_std), expression_factor=f32(acted.expression_factor),
        joint_names=head.joint_names, pose=f32(acted.pose), pose_std=f32(acted.pose_std),
        translation=acted.translation, translation_std=f32(acted.translation_std),
        detail_basis=f32(acted.detail_basis), detail=f32(acted.detail), detail_std=f32(acted.detail_std),
        camera=fit.camera, size=(clip.width, clip.height),
        landmark_frames=tracks.frame[row] - first, landmarks=f32(tracks.landmarks[row][:, :, :2]),
        confidence=f32(confidence), noise_px=smallest_visible(neutral),
        template_frames=neutral.frames - first, events=found,
        head={"name": head.name, "sha256": head.sha256},
        source={"path": str(clip.path.resolve()), "sha256": clip.sha256, "fps": clip.fps, "first_frame": first},
        settings=asdict(settings), software=software(),
    )  # fmt: skip


def _with_gaze(
    acted: Performance, neutral: Neutral, tracks: Tracks, rest: NDArray[np.int64], first: int
) -> Performance:
    surface = neutral.surface
    turns, std = eye_turns(tracks, first + np.arange(len(acted.pose)), rest, surface.px_per_m * neutral.window.factor)
    names = surface.reference.head.joint_names
    pose, pose_std = acted.pose.copy(), acted.pose_std.copy()
    for side, name in enumerate(("eye_left", "eye_right")):
        measured = np.isfinite(turns[:, side, 0]) & np.isfinite(pose[:, 0, 0])
        pose[measured, names.index(name)] = turns[measured, side]
        pose_std[measured, names.index(name), :2] = std
    return replace(acted, pose=pose, pose_std=pose_std)


def _blanked(acted: Performance, hidden: NDArray[np.bool_]) -> Performance:
    """NaN where a frame shows no face that could be measured."""
    names = ("expression", "expression_std", "expression_factor", "pose", "pose_std", "translation", "translation_std",
             "detail", "detail_std", "motion_px", "motion_std_px")  # fmt: skip
    blank = {}
    for name in names:
        values = getattr(acted, name).copy()
        values[hidden] = np.nan
        blank[name] = values
    return replace(acted, **blank)


def software() -> dict[str, str]:
    """What made a take."""
    packages = {name: version(name) for name in ("numpy", "scipy", "onnxruntime", "av")}
    return {"microface": "0.1.0", "python": platform.python_version(), **packages}
