# SPDX-License-Identifier: GPL-3.0-or-later
"""An event played over and over, slowed down, without a change to scene or keys."""

import time

import bpy

from .head import chosen_head
from .micro_expressions import chosen_event, list_of
from .show_event import span

TICK_S = 1 / 60

_timer: bpy.types.Timer | None = None
_stopping = False


def playing() -> bool:
    """Say whether an event is played now."""
    return _timer is not None


def stop() -> None:
    """Ask the player to end; it does at its next tick."""
    global _stopping
    _stopping = True


def release(context: bpy.types.Context) -> None:
    """Give the timer back; nothing happens when nothing is played."""
    global _timer, _stopping
    if _timer:
        context.window_manager.event_timer_remove(_timer)
    _timer, _stopping = None, False


class MICROFACE_OT_play_event(bpy.types.Operator):
    """Play this event over and over, as slowly as Speed says. Press again, or ESC, to stop"""

    bl_idname = "microface.play_event"
    bl_label = "Play Event"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be an event, and a window."""
        cls.poll_message_set("Choose an event in the list first")
        return chosen_event(context) is not None

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start, or stop what is playing."""
        global _timer
        if playing():
            stop()
            return {"FINISHED"}
        self.began, self.before = time.monotonic(), context.scene.frame_current_final
        _timer = context.window_manager.event_timer_add(TICK_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Show the next moment; leave every event but ESC to Blender."""
        pressed = event.type == "ESC" and event.value == "PRESS"
        if pressed or _stopping or not playing() or not chosen_event(context):
            self.cancel(context)
            return {"CANCELLED"}
        if event.type == "TIMER":
            go_to(context, moment(context, time.monotonic() - self.began))
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Go back to where the playhead was."""
        release(context)
        context.scene.frame_set(int(self.before // 1), subframe=self.before % 1)
        _redraw(context)


CLASSES = (MICROFACE_OT_play_event,)


def moment(context: bpy.types.Context, elapsed_s: float) -> float:
    """The time of the footage, in seconds, that is shown so long after the start."""
    first, last = span(chosen_event(context))
    speed = list_of(chosen_head(context)).speed
    return first + (elapsed_s * speed) % (last - first)


def go_to(context: bpy.types.Context, seconds: float) -> None:
    """Show a moment between frames."""
    from .scene.rate import rate, seconds_to_frame  # loads numpy, which enabling the add-on must not

    frame = float(seconds_to_frame(seconds, rate(context.scene)))
    context.scene.frame_set(int(frame // 1), subframe=frame % 1)
    _redraw(context)


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "DOPESHEET_EDITOR", "GRAPH_EDITOR"):
                area.tag_redraw()
