# SPDX-License-Identifier: GPL-3.0-or-later
"""Between the backend's events and the rows that Blender keeps."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

from ...backend.exchange.annotation import from_event
from ...backend.types import Event
from ..micro_expressions import MICROFACE_PG_event_row, list_of
from .markers import event_name

NUMBERS = ("onset_s", "apex_s", "offset_s", "peak_px", "peak_std_px", "confidence")


def add_rows(head: bpy.types.Object, events: Iterable[Event]) -> None:
    """List a take's events, in their order, under the names of their markers."""
    for number, event in enumerate(events, 1):
        row = list_of(head).events.add()
        write_row(row, event)
        row.name = event_name(number, event)


def write_row(row: MICROFACE_PG_event_row, event: Event) -> None:
    """Fill a row; its name stays."""
    row.kind, row.units, row.emotion = event.kind, ",".join(event.units), event.emotion
    row.action_units = "+".join(from_event(event).action_units)
    for name in NUMBERS:
        setattr(row, name, getattr(event, name))


def read_row(row: MICROFACE_PG_event_row) -> Event:
    """The row as an event; times are as exact as Blender's float32."""
    numbers = {name: float(getattr(row, name)) for name in NUMBERS}
    units = tuple(filter(None, row.units.split(",")))
    return Event(kind=row.kind, units=units, emotion=row.emotion, **numbers)


def sort_rows(head: bpy.types.Object) -> None:
    """By onset, as they were found; the chosen event stays the chosen one."""
    rows = list_of(head)
    chosen = rows.events[rows.chosen].name if 0 <= rows.chosen < len(rows.events) else ""
    for place in range(len(rows.events)):
        first = place + int(np.argmin([row.onset_s for row in rows.events[place:]]))
        rows.events.move(first, place)
    rows.chosen = max(rows.events.find(chosen), 0)
