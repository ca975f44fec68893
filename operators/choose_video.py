# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing a video: by a dialog, or by dropping it into the 3D view."""

from pathlib import Path
from typing import cast

import bpy
from bpy.props import BoolProperty, StringProperty

from . import job, properties

ENDINGS = (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".mxf")


class ChooseVideo:
    """Choose the video of a face; panels/reconstruct.py makes Blender's class of it and draws the dialog."""

    bl_idname = "microface.choose_video"
    bl_label = "Reconstruct Face"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default=";".join(f"*{ending}" for ending in ENDINGS), options={"HIDDEN"})
    start: BoolProperty(description="Ask for the settings and start", options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One job at a time."""
        return job.idle(cls)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """A dropped file is known already: ask for the settings."""
        if not self.filepath:
            context.window_manager.fileselect_add(self)  # type: ignore[arg-type]  # mixed into an Operator
            return {"RUNNING_MODAL"}
        self.start = True
        properties.settings(context).source = self.filepath
        dialog, operator = context.window_manager.invoke_props_dialog, cast(bpy.types.Operator, self)
        return set(dialog(operator, width=380, title=Path(self.filepath).name, confirm_text="Reconstruct"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take the file, and start after a drop."""
        properties.settings(context).source = self.filepath
        if self.start:
            bpy.ops.microface.reconstruct("INVOKE_DEFAULT")
        return {"FINISHED"}


class MICROFACE_FH_video(bpy.types.FileHandler):
    """A video dropped into the 3D view; Blender offers it beside its own background image"""

    bl_idname = "MICROFACE_FH_video"
    bl_label = "Reconstruct Face"
    bl_import_operator = ChooseVideo.bl_idname
    bl_file_extensions = ";".join(ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Into a 3D view."""
        return bool(context.area and context.area.type == "VIEW_3D")


CLASSES = (MICROFACE_FH_video,)
