# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of every region against its noise, as a picture in an image editor."""

from pathlib import Path

import bpy

from ..backend.errors import MicrofaceError
from .head import chosen_head
from .takes import FILE
from .words import in_panel


class MICROFACE_OT_plot_motion(bpy.types.Operator):
    """Draw how far each region moves over time, its deviation, the smallest motion the footage can show, and the events"""

    bl_idname = "microface.plot_motion"
    bl_label = "Plot Motion"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head with a take."""
        head = chosen_head(context)
        cls.poll_message_set("Reconstruct a head first")
        return head is not None and bool(head.get(FILE))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Draw it from the take's file, with the events as they are in the list."""
        from ..backend.heads import head_name, load_head  # numpy and OpenCV load with the first picture
        from ..backend.plot import draw_plot
        from ..backend.take import read_take
        from .micro_expressions import list_of
        from .scene.events import read_row
        from .scene.picture import show_picture

        head = chosen_head(context)
        try:
            take = read_take(Path(bpy.path.abspath(head[FILE])))
            events = [read_row(row) for row in list_of(head).events]
            picture = draw_plot(take, load_head(head_name(take, None)), events)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {in_panel(error.remedy)}")
            return {"CANCELLED"}
        image = show_picture(context, f"{head.name} motion", picture)
        self.report({"INFO"}, f"Drawn: image {image.name}")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_plot_motion,)
