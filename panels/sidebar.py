# SPDX-License-Identifier: GPL-3.0-or-later
"""The tab "Microface" in the 3D viewport's sidebar."""

import textwrap

import bpy

from ..operators import properties
from ..operators.export_animation import MICROFACE_OT_export_animation
from ..operators.export_table import MICROFACE_OT_export_table
from ..operators.import_motion import MICROFACE_OT_import_motion
from ..operators.reconstruct import MICROFACE_OT_cancel, MICROFACE_OT_reconstruct
from .tab import Tab

LINE = 38  # characters of a line of an error, in a sidebar of the default width


class MICROFACE_PT_reconstruct(Tab, bpy.types.Panel):
    """File field, button, progress, error."""

    bl_label = "Reconstruct"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the main job."""
        layout, state = self.layout, properties.job(context)
        row = layout.row()
        row.enabled = not state.running
        row.prop(properties.settings(context), "source", text="", placeholder="Video of a face")
        if state.running:
            draw_progress(layout, state)
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator(MICROFACE_OT_reconstruct.bl_idname, icon="USER")
        draw_error(layout, state)


class MICROFACE_PT_options(Tab, bpy.types.Panel):
    """What is rarely set."""

    bl_label = "Options"
    bl_parent_id = "MICROFACE_PT_reconstruct"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw head, its correctives, face, range, neutral span, angle and frame rate."""
        choice = properties.settings(context)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.enabled = not properties.job(context).running
        general = properties.preferences(context)
        layout.prop(choice, "head", placeholder=(general and general.head) or "Generic")
        if properties.head(context) != "generic":
            layout.prop(choice, "live_correctives")
        layout.prop(choice, "face", placeholder="Largest")
        _optional(layout, choice, "use_range", ["range_start", "range_end"])
        _optional(layout, choice, "use_neutral", ["neutral_start", "neutral_end"])
        _optional(layout, choice, "use_fov", ["fov"])
        layout.prop(choice, "rate")


class MICROFACE_PT_result(Tab, bpy.types.Panel):
    """What the last job of this session found."""

    bl_label = "Result"
    bl_order = 5

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Nothing to show before the first result."""
        return bool(properties.job(context).take)

    def draw(self, context: bpy.types.Context) -> None:
        """Draw where the take lies."""
        self.layout.label(text=bpy.path.basename(properties.job(context).take), icon="FILE")


class MICROFACE_PT_exchange(Tab, bpy.types.Panel):
    """Other programs' files."""

    bl_label = "Import and Export"
    bl_order = 90
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw a button for each direction."""
        column = self.layout.column(align=True)
        column.operator(MICROFACE_OT_import_motion.bl_idname, icon="IMPORT")
        column.operator(MICROFACE_OT_export_animation.bl_idname, icon="EXPORT")
        column.operator(MICROFACE_OT_export_table.bl_idname, icon="SPREADSHEET")


CLASSES = (MICROFACE_PT_reconstruct, MICROFACE_PT_options, MICROFACE_PT_result, MICROFACE_PT_exchange)


def _optional(
    layout: bpy.types.UILayout, choice: properties.MICROFACE_PG_settings, switch: str, values: list[str]
) -> None:
    """Draw a check box, and its values below while it is on."""
    layout.prop(choice, switch)
    if getattr(choice, switch):
        column = layout.column(align=True)
        for value in values:
            column.prop(choice, value)


def draw_progress(layout: bpy.types.UILayout, state: properties.MICROFACE_PG_job) -> None:
    """Draw how far the job is, and the cross that cancels it."""
    row = layout.row(align=True)
    row.progress(factor=state.fraction, text=f"{state.stage}  {state.time_left}", type="BAR")
    row.operator(MICROFACE_OT_cancel.bl_idname, text="", icon="X")


def draw_error(layout: bpy.types.UILayout, state: properties.MICROFACE_PG_job, width: int = LINE) -> None:
    """Draw the last error in lines of `width` characters, to fit the sidebar: labels do not wrap."""
    if not state.error:
        return
    column = layout.box().column(align=True)
    lines = textwrap.wrap(state.error, width)
    column.label(text=lines[0], icon="ERROR")
    for line in lines[1:] + textwrap.wrap(state.remedy, width):
        column.label(text=line, icon="BLANK1")
