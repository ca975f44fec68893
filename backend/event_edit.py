# SPDX-License-Identifier: GPL-3.0-or-later
"""Events as a person corrects them: merged, split, their moments set."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .errors import MicrofaceError
from .exchange.annotation import MICRO_S
from .types import Event, Floats

PHASES = ("onset", "apex", "offset")


def merged(first: Event, second: Event) -> Event:
    """Both as one, whose apex, size and confidence are those of the larger."""
    larger, smaller = (first, second) if _size(first) >= _size(second) else (second, first)
    units = tuple(dict.fromkeys((*larger.units, *smaller.units)))
    onset, offset = min(first.onset_s, second.onset_s), max(first.offset_s, second.offset_s)
    emotion = larger.emotion or smaller.emotion
    return _of_kind(replace(larger, onset_s=onset, offset_s=offset, units=units, emotion=emotion))


def split(event: Event, at_s: float, time_s: Floats, course: Floats) -> tuple[Event, Event]:
    """The event before and after a moment. The part without its apex gets one of its own, sized by the course.

    Args:
        event: the whole.
        at_s: where to cut.
        time_s: (T,) times of the course, rising.
        course: (T,) how far the event's strongest unit is moved, in any measure.

    Raises:
        MicrofaceError: ``outside`` when the moment is not inside the event.
    """
    if not event.onset_s < at_s < event.offset_s:
        text = f"{at_s:.3f} s is not inside the event, which lasts from {event.onset_s:.3f} to {event.offset_s:.3f} s."
        raise MicrofaceError("outside", text, "Move the playhead into the event.")
    ends = ((event.onset_s, at_s), (at_s, event.offset_s))
    first, second = (_part(event, onset, offset, time_s, course) for onset, offset in ends)
    return first, second


def with_phase(event: Event, phase: str, at_s: float) -> Event:
    """The event with its onset, apex or offset at another moment.

    Raises:
        MicrofaceError: ``out_of_order`` when onset, apex and offset would not follow one another.
    """
    moments = {f"{name}_s": getattr(event, f"{name}_s") for name in PHASES} | {f"{phase}_s": at_s}
    moved = replace(event, onset_s=moments["onset_s"], apex_s=moments["apex_s"], offset_s=moments["offset_s"])
    if not moved.onset_s <= moved.apex_s <= moved.offset_s or moved.onset_s == moved.offset_s:
        text = f"The {phase} cannot be at {at_s:.3f} s: onset {moved.onset_s:.3f}, apex {moved.apex_s:.3f}, "
        text += f"offset {moved.offset_s:.3f} s would not follow one another."
        raise MicrofaceError("out_of_order", text, "Move the playhead, or set the other moments first.")
    return _of_kind(moved)


def _part(event: Event, onset: float, offset: float, time_s: Floats, course: Floats) -> Event:
    if onset <= event.apex_s <= offset:
        return _of_kind(replace(event, onset_s=onset, offset_s=offset))
    inside = time_s[(time_s > onset) & (time_s < offset)]
    moments = np.concatenate([[onset], inside, [offset]])
    moved = np.abs(np.interp(moments, time_s, course) - np.interp(event.onset_s, time_s, course))
    whole = abs(float(np.interp(event.apex_s, time_s, course) - np.interp(event.onset_s, time_s, course)))
    top = int(moved.argmax())
    size = event.peak_px * float(moved[top]) / whole if whole > 0 else event.peak_px
    return _of_kind(replace(event, onset_s=onset, apex_s=float(moments[top]), offset_s=offset, peak_px=size))


def _of_kind(event: Event) -> Event:
    """An expression is micro or macro by how long it lasts; other kinds stay what they are."""
    if event.kind not in ("micro", "macro"):
        return event
    return replace(event, kind="micro" if event.offset_s - event.onset_s <= MICRO_S + 1e-6 else "macro")


def _size(event: Event) -> float:
    """px; of a coded event nobody measured, 0."""
    return 0.0 if np.isnan(event.peak_px) else event.peak_px
