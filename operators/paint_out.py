# SPDX-License-Identifier: GPL-3.0-or-later
"""Drawing a mask over what hides the face, in Blender's own clip editor."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..backend.errors import MicrofaceError
from . import properties


class MICROFACE_OT_paint_out(bpy.types.Operator):
    """Draw around what hides the face, over the footage in a window of its own: Ctrl-click sets points, I keys them"""

    bl_idname = "microface.paint_out"
    bl_label = "Draw over the Footage"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be footage to draw over."""
        cls.poll_message_set("Choose a video first")
        return bool(properties.settings(context).source)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the mask where there is none yet, and show both."""
        from .scene.painted import footage_clip

        choice = properties.settings(context)
        source = Path(bpy.path.abspath(choice.source))
        try:
            clip = footage_clip(source)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        if choice.mask is None:
            choice.mask = bpy.data.masks.new(f"{source.stem} painted out")
            choice.mask.layers.new(name="Hidden")
        if not bpy.app.background:
            _show(context, clip, choice.mask)
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_paint_out,)


def _show(context: bpy.types.Context, clip: bpy.types.MovieClip, mask: bpy.types.Mask) -> None:
    """In a clip editor that is open, else in a new window."""
    windows = context.window_manager.windows
    area = next((a for window in windows for a in window.screen.areas if a.type == "CLIP_EDITOR"), None)
    if area is None:
        bpy.ops.wm.window_new()
        area = max(windows[-1].screen.areas, key=lambda one: one.width * one.height)
        area.type = "CLIP_EDITOR"
    space = area.spaces.active
    assert isinstance(space, bpy.types.SpaceClipEditor)
    space.clip, space.mode, space.mask = clip, "MASK", mask
