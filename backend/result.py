# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the stages found to the take."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from . import events
from .anchor import Anchor
from .assembly import DETAIL_MODES, Performance, largest_motion, perform, skin_motion
from .blink import closings, played
from .deviation import SIZE_SHARE
from .gaze import LOOKS, eye_radius, eye_turns, looks
from .heads import record
from .lids import LIDS, closing
from .mesh import covered_skin
from .motion.footage import landmarks_between
from .neutral import Neutral
from .noise import Visibility
from .sites import likest, sites
from .solve.clip import Solved
from .types import BRIDGED, CUT, MEASURED, NO_FACE, OCCLUDED, Clip, Event, Floats, HeadFit, Settings, Take, Tracks
from .unseen import SHOWN, bridged, doubted, lost, seen_shares

Array = NDArray[np.float64]

LONGEST_BRIDGE_S = 0.1  #: a longer span whose picture is hidden is an occlusion


def validity(tracks: Tracks, seen: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(T,) why each frame is or is not measured. Hidden frames between seen ones are bridged, long ones occluded."""
    valid = np.where(seen, MEASURED, NO_FACE).astype(np.uint8)
    valid[seen & hidden] = BRIDGED
    shot = tracks.shot[np.isfinite(tracks.landmarks[:, 0, 0])][0]
    frame = np.arange(len(seen)) + tracks.frame[0]
    bounds = np.searchsorted(tracks.cut_frames, frame, side="right")
    valid[bounds != shot] = CUT
    return valid


def _mark_occlusions(valid: NDArray[np.uint8], fps: float) -> NDArray[np.uint8]:
    """Hidden spans too long to bridge are occlusions."""
    edge = np.flatnonzero(np.diff(np.r_[0, (valid == BRIDGED).astype(np.int8), 0])).reshape(-1, 2)
    for start, stop in edge:
        if stop - start > max(1, LONGEST_BRIDGE_S * fps):
            valid[start:stop] = OCCLUDED
    return valid


def assemble(
    clip: Clip,
    tracks: Tracks,
    fit: HeadFit,
    anchors: Sequence[Anchor],
    rest: NDArray[np.int64],
    solved: Solved,
    visible: Callable[[tuple[Event, ...]], Visibility],
    settings: Settings,
    shut: NDArray[np.bool_],
) -> Take:
    """The take. `visible` says what the footage can show once it is known which of its frames hold an event."""
    neutral = anchors[0].neutral
    head = neutral.surface.reference.head
    first, count = int(tracks.frame[0]), len(solved.place)  # in frames of the clip, which may be a draft's
    valid = validity(tracks, np.isfinite(solved.place[:, 0]), solved.hidden)
    valid = _mark_occlusions(valid, clip.fps)
    valid[settings.leaves_out(first + np.arange(count))] = CUT
    solved = bridged(solved, neutral.surface.causes, neutral.patch)
    sure = (valid == MEASURED) & ~solved.covered.any(1)  # behind a hand the tracker only guesses the eyes
    closed, wrong = closings(tracks, rest, shut & sure)
    acted = perform(neutral.surface, solved, DETAIL_MODES - int(closed.any(0).sum()))
    acted, seen = doubted(acted, neutral.surface, neutral.patch, solved.covered)
    acted, _ = doubted(acted, neutral.surface, neutral.swept, np.c_[shut, np.zeros(count, bool)])
    acted = played(acted, neutral, closed, wrong)
    acted = _blanked(_with_gaze(acted, neutral, tracks, rest, first), valid > BRIDGED)
    time_s = clip.time_s[first : first + count]
    found = _events(acted, neutral, solved, tracks, fit, rest, valid, time_s)
    found = tuple(sized(event, acted.motion_names, neutral, solved, time_s) for event in found)
    shown = visible(found)
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
        detail_kept=acted.detail_kept,
        depth_std=f32(acted.depth_std),
        camera=fit.camera, size=(clip.width, clip.height),
        landmark_frames=tracks.frame[row] - first, landmarks=f32(tracks.landmarks[row][:, :, :2]),
        confidence=f32(confidence), seen=f32(seen), patch=neutral.patch.astype(np.int32),
        covered=neutral.mask.beside(solved.covered).astype(np.uint8),
        noise_px=shown.px, noise_reason=shown.reason,
        template_frames=np.unique(np.concatenate([anchor.neutral.frames for anchor in anchors])) - first, events=found,
        head=record(head),
        source={
            "path": str(clip.path.resolve()), "sha256": clip.sha256, "fps": clip.fps,
            "first_frame": first * clip.step, "frame_step": clip.step,
        },
        settings=asdict(settings), software=software(),
    )  # fmt: skip


def _events(
    acted: Performance,
    neutral: Neutral,
    solved: Solved,
    tracks: Tracks,
    fit: HeadFit,
    rest: NDArray[np.int64],
    valid: NDArray[np.uint8],
    time_s: Floats,
) -> tuple[Event, ...]:
    """Events of the skin's units and sites, and of lids and eyes as the tracker sees them, in source px, where nothing hides them.

    Where something hides the face, though it be for a moment, the tracker only guesses the eyes.
    """
    surface, factor = neutral.surface, neutral.window.factor
    frames = tracks.frame[0] + np.arange(len(time_s))
    seen = np.isfinite(landmarks_between(_believed(tracks, fit), frames)[:, 0, 0]) & (valid == MEASURED)
    (turned, shaken), (closed, gap, trembled) = looks(tracks, frames, rest), closing(tracks, frames, rest)
    skin = [k for k, name in enumerate(acted.motion_names) if name not in LIDS]
    places = sites(surface, solved, neutral.patch, acted.motion_names)
    names = (*(acted.motion_names[k] for k in skin), *places.names, *LIDS, *LOOKS)
    closed[~seen], turned[~seen] = np.nan, np.nan
    motion = np.c_[acted.motion_px[:, skin] * factor, places.motion_px * factor, closed, turned]
    jitter = np.tile(np.r_[trembled, shaken], (len(frames), 1))
    std = np.c_[acted.motion_std_px[:, skin] * factor, places.std_px * factor, jitter]
    full = factor * surface.causes.full_px[skin]
    anywhere = np.full(len(places.names), np.median(full))  # a site moves as far as a usual unit
    full = np.r_[full, anywhere, gap, np.full(len(LOOKS), eye_radius(surface.px_per_m * factor))]
    eyes = np.where(solved.covered.any(1), 0.0, 1.0)  # the tracker tells them from the whole face
    shares = np.c_[
        seen_shares(surface.causes.basis[skin], neutral.patch, solved.covered), places.seen,
        np.tile(eyes[:, None], len(LIDS) + len(LOOKS)),
    ]  # fmt: skip
    hidden = lost(shares, SHOWN, 1 / float(np.median(np.diff(time_s))) if len(time_s) > 1 else 1.0)
    return events.detect(time_s, motion, std, names, valid, full, hidden)


def _believed(tracks: Tracks, fit: HeadFit) -> Tracks:
    """The tracks without the frames whose pose is not believed."""
    doubted = ~np.isfinite(fit.pose[:, 0])
    return replace(tracks, landmarks=np.where(doubted[:, None, None], np.float32(np.nan), tracks.landmarks))


def sized(event: Event, names: tuple[str, ...], neutral: Neutral, solved: Solved, time_s: Floats) -> Event:
    """The event with the size of the skin's motion from onset to apex, all units and detail; less sure than its units are.

    From the onset, not from rest: a small event on top of a smile is not as large as the smile. An event that none of the units
    (their names, as of `Performance`) shows, but the skin at its sites, is named by the unit that it is most alike.
    """
    if event.kind in ("blink", "gaze"):
        return event
    onset, apex, offset = (
        int(np.argmin(np.abs(time_s - moment))) for moment in (event.onset_s, event.apex_s, event.offset_s)
    )
    # What was under way when the measurement began was seen to end, not to begin.
    still = onset if onset < apex else offset
    shown = ~covered_skin(neutral.patch, solved.covered[[still, apex]].any(0))
    moved = skin_motion(neutral.surface, solved, still, apex)
    size = largest_motion(neutral.surface, moved, shown) * neutral.window.factor
    units = tuple(unit for unit in event.units if unit.removeprefix("-") in names)
    units = units or (likest(neutral.surface, moved, names, shown),)
    std = np.hypot(event.peak_std_px * size / max(event.peak_px, 1e-9), SIZE_SHARE * size)
    return replace(event, units=units, peak_px=size, peak_std_px=float(std))


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
             "detail", "detail_std", "depth_std", "motion_px", "motion_std_px")  # fmt: skip
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
