# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers for expression events and for gaps, on the timeline and in the Action, where they travel with the motion."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import numpy as np

from ...backend.types import BRIDGED, CUT, NO_FACE, OCCLUDED, Event, Take
from ...models.head.units import mirrored
from .rate import seconds_to_frame

GAPS = {NO_FACE: "no face", OCCLUDED: "face hidden", CUT: "cut"}


def add_markers(scene: bpy.types.Scene, action: bpy.types.Action, take: Take, fps: float) -> None:
    """Put them on the nearest whole frame; a marker that is already there is not doubled."""
    there = {(marker.name, marker.frame) for marker in scene.timeline_markers}
    for name, seconds in moments(take):
        frame = round(float(seconds_to_frame(seconds, fps)))
        action.pose_markers.new(name).frame = frame
        if (name, frame) not in there:
            scene.timeline_markers.new(name, frame=frame)


def moments(take: Take) -> Iterator[tuple[str, float]]:
    """Name and time in seconds of every marker."""
    for number, event in enumerate(take.events, 1):
        for phase, seconds in (("onset", event.onset_s), ("apex", event.apex_s), ("offset", event.offset_s)):
            yield f"{event.kind} {number} {phase} {_subject(event)}".rstrip(), seconds
    starts = np.flatnonzero((take.valid > BRIDGED) & (np.diff(take.valid, prepend=0) != 0))
    for start in starts.tolist():
        yield GAPS[int(take.valid[start])], float(take.time_s[start])


def _subject(event: Event) -> str:
    """The strongest unit; without its side when both sides take part."""
    if not event.units:
        return ""
    unit = event.units[0]
    both = mirrored(unit) != unit and mirrored(unit) in event.units
    return unit.removesuffix("Left").removesuffix("Right") if both else unit
