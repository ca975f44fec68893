# SPDX-License-Identifier: GPL-3.0-or-later
"""The events of a take, as Blender keeps them: on the head they belong to, in seconds of its footage."""

from typing import cast

import bpy
from bpy.props import CollectionProperty, FloatProperty, IntProperty, IntVectorProperty, PointerProperty, StringProperty

from .head import chosen_head


def _renamed(event: "MICROFACE_PG_event_row", context: bpy.types.Context) -> None:
    """The event's markers bear its name."""
    from .scene.markers import following  # loads numpy, which enabling the add-on must not

    if event.marked and event.marked != event.name:
        with following(context.scene, cast(bpy.types.Object, event.id_data)):
            pass


def _choose(list_: "MICROFACE_PG_head", number: int) -> None:
    """A click on a row goes there."""
    from .show_event import show

    list_.chosen = number
    if 0 <= number < len(list_.events):
        show(bpy.context, list_.events[number])


class MICROFACE_PG_event_row(bpy.types.PropertyGroup):
    """One event; what `backend.types.Event` says."""

    name: StringProperty(name="Name", description="What the event and its markers are called", update=_renamed)
    kind: StringProperty()
    onset_s: FloatProperty()
    apex_s: FloatProperty()
    offset_s: FloatProperty()
    units: StringProperty()
    action_units: StringProperty()
    emotion: StringProperty(name="Emotion", description="In the words of who coded it; nothing here recognises one")
    peak_px: FloatProperty()
    peak_std_px: FloatProperty()
    confidence: FloatProperty()
    marked: StringProperty(options={"HIDDEN"})  # the name its markers bear
    marked_frames: IntVectorProperty(size=3, options={"HIDDEN"})  # where they were put


class MICROFACE_PG_head(bpy.types.PropertyGroup):
    """The list of one head."""

    events: CollectionProperty(type=MICROFACE_PG_event_row)
    chosen: IntProperty(options={"HIDDEN"})
    clicked: IntProperty(
        name="Event",
        description="Click to go to the event's apex, double-click to rename it",
        get=lambda self: self.chosen,
        set=_choose,
    )
    speed: FloatProperty(
        name="Speed",
        description="How fast events are played: 1 is real time",
        default=0.25,
        min=0.01,
        max=1,
        subtype="FACTOR",
    )


CLASSES = (MICROFACE_PG_event_row, MICROFACE_PG_head)


def list_of(head: bpy.types.Object) -> MICROFACE_PG_head:
    """Give the list of a head."""
    return cast(MICROFACE_PG_head, head.microface)


def chosen_event(context: bpy.types.Context) -> MICROFACE_PG_event_row | None:
    """Give the chosen event of the chosen head."""
    head = chosen_head(context)
    rows = list_of(head) if head else None
    return rows.events[rows.chosen] if rows and 0 <= rows.chosen < len(rows.events) else None


def attach() -> None:
    """Hang the list on Blender's objects."""
    bpy.types.Object.microface = PointerProperty(type=MICROFACE_PG_head)


def detach() -> None:
    """Take it off again; what is in the file stays there."""
    del bpy.types.Object.microface


def attached() -> bool:
    """Whether heads have a list now."""
    return hasattr(bpy.types.Object, "microface")
