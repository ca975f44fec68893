# SPDX-License-Identifier: GPL-3.0-or-later
"""Events corrected by hand: deleted, merged, split, and their moments set from the playhead."""

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
from bpy.props import EnumProperty

from ..backend.errors import MicrofaceError
from .head import chosen_head, is_linked
from .micro_expressions import MICROFACE_PG_event_row, chosen_event, list_of
from .plot_motion import plot_again


class _Edit:
    """Of the chosen event of the chosen head."""

    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be an event, and the list this file's."""
        head = chosen_head(context)
        if head and is_linked(head):
            cls.poll_message_set("The events of a linked head are corrected in its own file")
            return False
        cls.poll_message_set("Choose an event in the list first")
        return chosen_event(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Change the list; markers follow."""
        from .scene.markers import following  # loads numpy, which enabling the add-on must not

        head = chosen_head(context)
        try:
            with following(context.scene, head):
                self.change(context, head, list_of(head).chosen)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        plot_again(context, head)
        return {"FINISHED"}

    def change(self, context: bpy.types.Context, head: bpy.types.Object, number: int) -> None:
        """Change row `number`. Raises MicrofaceError, before anything is changed."""
        raise NotImplementedError


class MICROFACE_OT_delete_event(_Edit, bpy.types.Operator):
    """Take this event off the list, with its markers; the motion stays"""

    bl_idname = "microface.delete_event"
    bl_label = "Delete Event"

    def change(self, _context: bpy.types.Context, head: bpy.types.Object, number: int) -> None:
        """Remove the row, and choose its neighbour; the playhead stays."""
        rows = list_of(head)
        rows.events.remove(number)
        rows.chosen = max(min(number, len(rows.events) - 1), 0)


class MICROFACE_OT_merge_event(_Edit, bpy.types.Operator):
    """Make one event of this and the next"""

    bl_idname = "microface.merge_event"
    bl_label = "Merge with Next"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a next one."""
        if not super().poll(context):
            return False
        cls.poll_message_set("There is no event after this one")
        rows = list_of(chosen_head(context))
        return rows.chosen + 1 < len(rows.events)

    def change(self, _context: bpy.types.Context, head: bpy.types.Object, number: int) -> None:
        """Write the row anew, and remove the next."""
        from ..backend.event_edit import merged
        from .scene.events import read_row, write_row

        events = list_of(head).events
        write_row(events[number], merged(read_row(events[number]), read_row(events[number + 1])))
        events.remove(number + 1)


class MICROFACE_OT_split_event(_Edit, bpy.types.Operator):
    """Make two events of this one, before and after the playhead"""

    bl_idname = "microface.split_event"
    bl_label = "Split at Playhead"

    def change(self, context: bpy.types.Context, head: bpy.types.Object, number: int) -> None:
        """Write the row anew, and add one behind it."""
        from ..backend.event_edit import split
        from .scene.captured import strongest_course
        from .scene.events import read_row, write_row

        events = list_of(head).events
        event = read_row(events[number])
        first, second = split(event, _playhead_s(context), *strongest_course(context.scene, head, event))
        write_row(events[number], first)
        with _new_row(head, number + 1) as row:
            write_row(row, second)
            row.name = free_name(head, events[number].name)


class MICROFACE_OT_set_phase(_Edit, bpy.types.Operator):
    """Let this moment of the event be where the playhead is"""

    bl_idname = "microface.set_phase"
    bl_label = "Set from Playhead"

    phase: EnumProperty(
        name="Moment",
        items=(
            ("onset", "Onset", "Where the motion begins"),
            ("apex", "Apex", "Where it is largest"),
            ("offset", "Offset", "Where it has gone back"),
        ),
    )

    def change(self, context: bpy.types.Context, head: bpy.types.Object, number: int) -> None:
        """Write the row anew, in its place by time."""
        from ..backend.event_edit import with_phase
        from .scene.events import read_row, sort_rows, write_row

        row = list_of(head).events[number]
        write_row(row, with_phase(read_row(row), self.phase, _playhead_s(context)))
        sort_rows(head)


CLASSES = (
    MICROFACE_OT_delete_event, MICROFACE_OT_merge_event, MICROFACE_OT_split_event, MICROFACE_OT_set_phase,
)  # fmt: skip


def free_name(head: bpy.types.Object, name: str) -> str:
    """A name that no event of the head bears, as Blender counts."""
    names, count = {row.name for row in list_of(head).events}, 1
    while f"{name}.{count:03}" in names:
        count += 1
    return f"{name}.{count:03}"


@contextmanager
def _new_row(head: bpy.types.Object, place: int) -> Iterator[MICROFACE_PG_event_row]:
    """A row to be filled, which then moves to its place."""
    events = list_of(head).events
    yield events.add()
    events.move(len(events) - 1, place)


def _playhead_s(context: bpy.types.Context) -> float:
    from .scene.rate import frame_to_seconds, rate

    return float(frame_to_seconds(context.scene.frame_current_final, rate(context.scene)))
