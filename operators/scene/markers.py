# SPDX-License-Identifier: GPL-3.0-or-later
"""Markers for expression events and for gaps, on the timeline and in the Action, where they travel with the motion."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ...backend.event_edit import PHASES
from ...backend.types import BRIDGED, CUT, NO_FACE, OCCLUDED, Event, Take
from ...models.head.units import mirrored
from ..head import heads_of
from ..micro_expressions import MICROFACE_PG_event_row, list_of
from .rate import rate, seconds_to_frame

GAPS = {NO_FACE: "no face", OCCLUDED: "face hidden", CUT: "cut"}
Mark = tuple[str, int]  #: name and frame


def add_markers(scene: bpy.types.Scene, action: bpy.types.Action, take: Take, fps: float) -> None:
    """Put them on the nearest whole frame; a marker that is already there is not doubled."""
    there = {(marker.name, marker.frame) for marker in scene.timeline_markers}
    for name, seconds in moments(take):
        frame = _nearest(seconds, fps)
        action.pose_markers.new(name).frame = frame
        if (name, frame) not in there:
            scene.timeline_markers.new(name, frame=frame)


def moments(take: Take) -> Iterator[tuple[str, float]]:
    """Name and time in seconds of every marker."""
    for number, event in enumerate(take.events, 1):
        for phase in PHASES:
            yield f"{event_name(number, event)} {phase}", getattr(event, f"{phase}_s")
    starts = np.flatnonzero((take.valid > BRIDGED) & (np.diff(take.valid, prepend=0) != 0))
    for start in starts.tolist():
        yield GAPS[int(take.valid[start])], float(take.time_s[start])


def event_name(number: int, event: Event) -> str:
    """What the list and the markers call an event of a take."""
    return f"{event.kind} {number} {_subject(event)}".rstrip()


def remember(scene: bpy.types.Scene, head: bpy.types.Object) -> None:
    """Note on a head's rows which markers are theirs."""
    for row in list_of(head).events:
        row.marked = row.name
        row.marked_frames = [_nearest(getattr(row, f"{phase}_s"), rate(scene)) for phase in PHASES]


@contextmanager
def following(scene: bpy.types.Scene, head: bpy.types.Object) -> Iterator[None]:
    """Let the markers follow what is done to a head's rows: renamed, moved, gone or new.

    A marker that a user has moved by hand is no longer ours, and one that another head's event shares stays for it.
    """
    before = set(_marks(head))
    yield
    remember(scene, head)
    after = set(_marks(head))
    others = {mark for other in heads_of(scene) if other != head for mark in _marks(other)}
    _change(scene.timeline_markers, before - after - others, after)
    animation = head.data.shape_keys.animation_data
    if animation and animation.action:
        _change(animation.action.pose_markers, before - after, after)


def _marks(head: bpy.types.Object) -> Iterator[Mark]:
    for row in list_of(head).events:
        if row.marked:
            yield from _marks_of(row)


def _marks_of(row: MICROFACE_PG_event_row) -> Iterator[Mark]:
    for phase, frame in zip(PHASES, row.marked_frames, strict=True):
        yield f"{row.marked} {phase}", frame


def _change(markers: Any, gone: set[Mark], wanted: set[Mark]) -> None:
    for marker in list(markers):
        if (marker.name, marker.frame) in gone:
            markers.remove(marker)
    there = {(marker.name, marker.frame) for marker in markers}
    for name, frame in sorted(wanted - there):
        markers.new(name).frame = frame


def _nearest(seconds: float, fps: float) -> int:
    return round(float(seconds_to_frame(seconds, fps)))


def _subject(event: Event) -> str:
    """The strongest unit; without its side when both sides take part."""
    if not event.units:
        return ""
    unit = event.units[0]
    both = mirrored(unit) != unit and mirrored(unit) in event.units
    return unit.removesuffix("Left").removesuffix("Right") if both else unit
