# SPDX-License-Identifier: GPL-3.0-or-later
"""Putting a result on a character, and how it shows there."""

import bpy

from ..operators import properties
from ..operators.bake_result import MICROFACE_OT_bake_result
from ..operators.face_pins import MICROFACE_OT_add_face_pins
from ..operators.head import NAMES, strength_property
from ..operators.link_head import MICROFACE_OT_link_head, MICROFACE_OT_unlink_head, following
from ..operators.reset_result import MICROFACE_OT_reset_result
from ..operators.result import CHOSEN, FIELD, chosen_character, result_of, results_of
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


class MICROFACE_PT_character(Tab, bpy.types.Panel):
    """How the take shows on the character: live, nothing is solved again."""

    bl_label = "On This Character"
    bl_parent_id = "MICROFACE_PT_retarget"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a take on it."""
        return chosen_character(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw strengths, time, side, and whom it follows."""
        layout, character = self.layout, chosen_character(context)
        result = result_of(character)
        if len(results_of(character)) > 1:
            layout.template_list("UI_UL_list", FIELD, character, FIELD, character, CHOSEN, rows=2)
        layout.use_property_split = True
        layout.label(text=f"{result.action.name} on {character.name}", icon="ACTION")
        if result.problem:
            row = layout.row()
            row.alert = True
            row.label(text=result.problem, icon="ERROR")
        layout.prop(result, "strength", slider=True)
        column = layout.column(align=True)
        for region in NAMES:
            column.prop(result, strength_property(region), slider=True)
        column = layout.column(align=True)
        column.enabled = result.carrier is None  # what follows has the head's time
        column.prop(result, "start")
        column.prop(result, "stretch")
        layout.prop(result, "mirror")
        column = layout.column(align=True)
        if followed := following(character):
            name = followed.head.name if followed.head else "a head that is gone"
            column.operator(MICROFACE_OT_unlink_head.bl_idname, text=f"Stop Following {name}", icon="UNLINKED")
        else:
            column.operator(MICROFACE_OT_link_head.bl_idname, icon="LINKED")
        row = column.row(align=True)
        row.operator(MICROFACE_OT_reset_result.bl_idname, icon="LOOP_BACK")
        row.operator(MICROFACE_OT_bake_result.bl_idname, icon="REC")


CLASSES = (MICROFACE_PT_retarget, MICROFACE_PT_character)
