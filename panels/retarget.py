# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a result on a character."""

import bpy

from ..operators import properties
from ..operators.face_pins import MICROFACE_OT_add_face_pins
from ..operators.retarget import MICROFACE_OT_retarget
from .tab import Tab


class MICROFACE_PT_retarget(Tab, bpy.types.Panel):
    """The button, and which take it puts on which character."""

    bl_label = "Retarget"
    bl_order = 30
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw one button for the last result and one for a file."""
        state, thing = properties.job(context), context.active_object
        column = self.layout.column(align=True)
        column.enabled = not state.running
        column.label(text=thing.name if thing else "No active object", icon="OUTLINER_OB_ARMATURE")
        if state.take:
            row = column.row()
            row.scale_y = 1.3
            button = row.operator(MICROFACE_OT_retarget.bl_idname, text="Retarget Result", icon="CON_ARMATURE")
            button.filepath = state.take
        column.operator(MICROFACE_OT_retarget.bl_idname, text="Retarget Take...", icon="FILEBROWSER")
        column.operator(MICROFACE_OT_add_face_pins.bl_idname, icon="PINNED")


CLASSES = (MICROFACE_PT_retarget,)
