# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a job is, and how it failed, for the sidebar and the preferences."""

import textwrap

import bpy

from ..operators import properties
from ..operators.next_step import FOOTAGE, RECONSTRUCT, MICROFACE_OT_next_step, step
from ..operators.reconstruct import MICROFACE_OT_cancel

LINE = 34  # characters of a line of an error, in a sidebar of the default width


def draw_progress(layout: bpy.types.UILayout, state: properties.MICROFACE_PG_job) -> None:
    """Draw the stage, how far the job is, its rate and the time left, and the cross that cancels it."""
    row = layout.row(align=True)
    row.progress(factor=state.fraction, text=f"{state.stage}  {state.fraction:.0%}", type="BAR")
    row.operator(MICROFACE_OT_cancel.bl_idname, text="", icon="X")
    if state.time_left:
        layout.label(text=state.time_left, icon="TIME")


def draw_error(layout: bpy.types.UILayout, context: bpy.types.Context, width: int = LINE) -> None:
    """Draw the last error in lines of `width` characters (labels do not wrap), and the button of its next step."""
    state = properties.job(context)
    if not state.error:
        return
    box = layout.box()
    column = box.column(align=True)
    lines = textwrap.wrap(state.error, width)
    column.label(text=lines[0], icon="ERROR")
    for line in lines[1:] + textwrap.wrap(state.remedy, width):
        column.label(text=line, icon="BLANK1")
    if found := step(context):
        box.operator(MICROFACE_OT_next_step.bl_idname, text=found.label, icon="PLAY")
    elif state.job == RECONSTRUCT and state.code in FOOTAGE:
        box.operator("microface.choose_video", text="Choose Another Video", icon="FILE_MOVIE")
