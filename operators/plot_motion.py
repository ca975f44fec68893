# SPDX-License-Identifier: GPL-3.0-or-later
"""The motion of every region against its noise, as a picture in an image editor."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import bpy

from ..backend.errors import MicrofaceError
from .head import chosen_head, is_head
from .takes import FILE, file_of
from .words import in_panel

if TYPE_CHECKING:  # enabling the add-on must not load numpy
    import numpy as np
    from numpy.typing import NDArray

PLOT = "microface_plot"  #: custom property of an image that is a plot


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
        from .scene.picture import show_picture  # loads numpy, which enabling the add-on must not

        head = chosen_head(context)
        try:
            image = show_picture(context, *_plot(head))
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {in_panel(error.remedy)}")
            return {"CANCELLED"}
        image[PLOT] = True
        self.report({"INFO"}, f"Drawn: image {image.name}")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_plot_motion,)


def plot_again(context: bpy.types.Context, head: bpy.types.Object) -> None:
    """Let plots that were drawn show this head as it is now: its events have changed, or its take is shown instead."""
    if not any(image.get(PLOT) for image in bpy.data.images):
        return
    from .scene.picture import exchange, write_picture

    with suppress(MicrofaceError):  # the take's file is gone: the button says so
        image = write_picture(*_plot(head))
        exchange(context, [image for image in bpy.data.images if image.get(PLOT)], image)
        image[PLOT] = True


def plot_take(context: bpy.types.Context, take: bpy.types.Collection) -> None:
    """The same for the head of a take that is shown now."""
    heads = [thing for thing in take.objects if is_head(thing)]
    if heads:
        plot_again(context, heads[0])


def _plot(head: bpy.types.Object) -> tuple[str, NDArray[np.uint8]]:
    """The name of a head's plot, and its picture (H, W, 3)."""
    from ..backend.heads import head_name, load_head  # OpenCV loads with the first picture
    from ..backend.plot import draw_plot
    from ..backend.take import read_take
    from .micro_expressions import list_of
    from .scene.events import read_row

    take = read_take(file_of(head))
    events = [read_row(row) for row in list_of(head).events]
    return f"{head.name} motion", draw_plot(take, load_head(head_name(take, None)), events)
