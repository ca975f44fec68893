# SPDX-License-Identifier: GPL-3.0-or-later
"""The micro-expressions of the chosen head: one row each, and what can be done with the chosen one."""

import math
from typing import Any

import bpy

from ..operators import edit_event, play_event
from ..operators.head import chosen_head
from ..operators.micro_expressions import MICROFACE_PG_event_row, chosen_event, list_of
from .tab import Tab

ICONS: dict[str, Any] = {
    "micro": "SHADERFX",
    "macro": "USER",
    "blink": "HIDE_ON",
    "gaze": "HIDE_OFF",
    "speech": "SPEAKER",
}
WIDE = 24  # button heights: a sidebar as wide as this has room for all columns
ROWS = 5


class MICROFACE_UL_events(bpy.types.UIList):
    """Name and time; in a wide sidebar duration, action units, emotion, size and confidence too."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _head: object,
        event: MICROFACE_PG_event_row,
        _icon: int,
        _list: object,
        _property: str,
    ) -> None:
        """Draw a row."""
        row = layout.row(align=True)
        row.prop(event, "name", text="", emboss=False, icon=ICONS.get(event.kind, "DOT"))
        figures = row.row(align=True)
        figures.alignment = "RIGHT"
        texts = [f"{event.apex_s:.2f} s"]
        if context.region.width > WIDE * 20 * context.preferences.system.ui_scale:
            texts += [duration(event), event.action_units, event.emotion, size(event), f"{event.confidence:.0%}"]
        for text in texts:
            figures.label(text=text)


class MICROFACE_PT_events(Tab, bpy.types.Panel):
    """The list and its buttons."""

    bl_label = "Micro-expressions"
    bl_order = 10

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head."""
        return chosen_head(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the list, what can be done, and the chosen event."""
        head = chosen_head(context)
        rows = list_of(head)
        count = len(rows.events)
        self.layout.label(text=f"{head.name}: {count} event{'s' if count != 1 else ''}", icon="USER")
        row = self.layout.row()
        row.template_list("MICROFACE_UL_events", "", rows, "events", rows, "clicked", rows=ROWS)
        side = row.column(align=True)
        side.operator(edit_event.MICROFACE_OT_delete_event.bl_idname, text="", icon="X")
        side.operator(edit_event.MICROFACE_OT_merge_event.bl_idname, text="", icon="FULLSCREEN_EXIT")
        side.operator(edit_event.MICROFACE_OT_split_event.bl_idname, text="", icon="MOD_EDGESPLIT")
        row = self.layout.row(align=True)
        on = play_event.playing()
        row.operator(
            play_event.MICROFACE_OT_play_event.bl_idname, text="Stop" if on else "Play", icon="PAUSE" if on else "PLAY"
        )
        row.prop(rows, "speed", slider=True)
        event = chosen_event(context)
        if event:
            _draw_event(self.layout.box().column(align=True), event)


CLASSES = (MICROFACE_UL_events, MICROFACE_PT_events)


def duration(event: MICROFACE_PG_event_row) -> str:
    """From onset to offset."""
    return f"{1000 * (event.offset_s - event.onset_s):.0f} ms"


def size(event: MICROFACE_PG_event_row) -> str:
    """With its deviation; of an event that a person coded it is not known."""
    return "" if math.isnan(event.peak_px) else f"{event.peak_px:.1f} ± {event.peak_std_px:.1f} px"


def _draw_event(column: bpy.types.UILayout, event: MICROFACE_PG_event_row) -> None:
    """Its moments, each with a button that sets it, and its figures."""
    for phase in ("onset", "apex", "offset"):
        row = column.row(align=True)
        row.label(text=f"{phase.capitalize()}  {getattr(event, f'{phase}_s'):.3f} s")
        button = row.operator(edit_event.MICROFACE_OT_set_phase.bl_idname, text="", icon="TRIA_LEFT")
        button.phase = phase
    units = f"AU {event.action_units}" if event.action_units else event.units
    row = column.row(align=True)
    row.label(text=f"{units}   {duration(event)}")
    row.prop(event, "emotion", text="", placeholder="Emotion")
    column.label(text="   ".join(filter(None, (size(event), f"{event.confidence:.0%} sure"))))
