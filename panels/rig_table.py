# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a character's controls: which take part, how strongly, and how far."""

import bpy

from ..operators import properties
from ..operators.result import MICROFACE_PG_control, chosen_character, result_of
from ..operators.retarget import MICROFACE_OT_retarget
from ..operators.rig_table import MICROFACE_OT_load_table, MICROFACE_OT_save_table
from .event_list import WIDE
from .tab import Tab

ROWS = 8


class MICROFACE_UL_controls(bpy.types.UIList):
    """Use, name and gain; in a wide sidebar the range and the source too."""

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _result: object,
        control: MICROFACE_PG_control,
        _icon: int,
        _list: object,
        _property: str,
    ) -> None:
        """Draw a row."""
        row = layout.row(align=True)
        row.prop(control, "use", text="")
        figures = row.row(align=True)
        figures.active = control.use
        unsolved = control.use and not control.solved
        figures.label(text=control.name, icon="ERROR" if unsolved else "NONE")
        figures.prop(control, "gain", text="")
        if context.region.width > WIDE * 20 * context.preferences.system.ui_scale:
            figures.prop(control, "low", text="")
            figures.prop(control, "high", text="")
            figures.label(text=control.units or "by its shape")


class MICROFACE_PT_controls(Tab, bpy.types.Panel):
    """The table and its buttons."""

    bl_label = "Controls"
    bl_parent_id = "MICROFACE_PT_retarget"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a take on a character."""
        return chosen_character(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the table, the chosen control, and what can be done."""
        layout, result = self.layout, result_of(chosen_character(context))
        layout.template_list("MICROFACE_UL_controls", "", result, "controls", result, "chosen", rows=ROWS)
        if 0 <= result.chosen < len(result.controls):
            _draw_control(layout.box().column(align=True), result.controls[result.chosen])
        row = layout.row(align=True)
        row.operator(MICROFACE_OT_load_table.bl_idname, text="Load...", icon="FILEBROWSER")
        row.operator(MICROFACE_OT_save_table.bl_idname, text="Save...", icon="FILE_TICK")
        if any(control.use and not control.solved for control in result.controls):
            layout.label(text="A control needs a new solve", icon="ERROR")
        row = layout.row()
        row.enabled = not properties.job(context).running and result.carrier is None
        button = row.operator(MICROFACE_OT_retarget.bl_idname, text="Solve with This Table", icon="FILE_REFRESH")
        button.filepath, button.again = result.take, True


CLASSES = (MICROFACE_UL_controls, MICROFACE_PT_controls)


def _draw_control(column: bpy.types.UILayout, control: MICROFACE_PG_control) -> None:
    """All of a row, which a narrow sidebar cannot show."""
    column.label(text=f"{control.name}, {control.kind}")
    column.label(text=f"Source: {control.units}" if control.units else "Source: the skin it moves")
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop(control, "region")
    row = column.row(align=True)
    row.prop(control, "low")
    row.prop(control, "high", text="To")
