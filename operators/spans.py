# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames of the video that the user names: a range, neutral ones, and those left out."""

from __future__ import annotations

from contextlib import suppress

import bpy
from bpy.props import EnumProperty, IntProperty

from ..backend.errors import MicrofaceError
from . import properties, takes


class MICROFACE_OT_add_span(bpy.types.Operator):
    """Leave out some frames: no keys, no events, and no say in what is rest"""

    bl_idname = "microface.add_span"
    bl_label = "Leave Out Frames"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add a row; its frames are those of the preview range where there is one."""
        span, chosen = properties.settings(context).exclude.add(), None
        with suppress(MicrofaceError):  # the row is there to be typed into
            chosen = preview_frames(context)
        if chosen:
            span.start, span.end = chosen
        return {"FINISHED"}


class MICROFACE_OT_remove_span(bpy.types.Operator):
    """Leave these frames in again"""

    bl_idname = "microface.remove_span"
    bl_label = "Leave In"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    index: IntProperty(min=0, options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove the row."""
        properties.settings(context).exclude.remove(self.index)
        return {"FINISHED"}


class MICROFACE_OT_span_from_preview(bpy.types.Operator):
    """Take the frames of the timeline's preview range (P over the timeline sets it)"""

    bl_idname = "microface.span_from_preview"
    bl_label = "From Preview Range"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    target: EnumProperty(items=(("range", "Frame Range", ""), ("neutral", "Neutral Frames", "")), options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A preview range in a scene that shows the footage."""
        if not takes.shown(context.scene):
            cls.poll_message_set("Reconstruct once: only then does the timeline show the video's frames")
            return False
        cls.poll_message_set("Set a preview range first: P over the timeline")
        return bool(context.scene.use_preview_range)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Convert the scene's frames to the video's."""
        try:
            chosen = preview_frames(context)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} Type the frames instead.")
            return {"CANCELLED"}
        if not chosen:
            self.report({"ERROR"}, "The preview range shows no frame of the video.")
            return {"CANCELLED"}
        choice = properties.settings(context)
        setattr(choice, f"use_{self.target}", True)
        start, end = f"{self.target}_start", f"{self.target}_end"
        setattr(choice, start, chosen[0])
        setattr(choice, end, chosen[1])
        return {"FINISHED"}


def preview_frames(context: bpy.types.Context) -> tuple[int, int] | None:
    """Frames [A, B) of the video that the preview range of the scene shows; None without either.

    Raises:
        MicrofaceError: the take's file is gone, which knows the times of the video's frames.
    """
    import numpy as np

    from ..backend.take import read_take
    from .scene.rate import frame_to_seconds, rate

    scene, shown = context.scene, takes.shown(context.scene)
    if not scene.use_preview_range or shown is None:
        return None
    take = read_take(takes.file_of(shown))
    ends = frame_to_seconds(np.array([scene.frame_preview_start - 0.5, scene.frame_preview_end + 0.5]), rate(scene))
    first, stop = np.searchsorted(take.time_s, ends)
    numbers = take.footage_frames
    return (int(numbers[first]), int(numbers[stop - 1]) + 1) if first < stop else None


CLASSES = (MICROFACE_OT_add_span, MICROFACE_OT_remove_span, MICROFACE_OT_span_from_preview)
