# SPDX-License-Identifier: GPL-3.0-or-later
"""Events put to use: stored, and inserted on any head at any time."""

import bpy

from ..operators.head import chosen_head
from ..operators.insert_event import MICROFACE_OT_insert_event, MICROFACE_OT_store_event
from ..operators.keying import keying
from .tab import Tab


class MICROFACE_PT_keying(Tab, bpy.types.Panel):
    """What to insert, how, and the button."""

    bl_label = "Keying"
    bl_order = 25
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head."""
        return chosen_head(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices and the buttons."""
        layout, choice = self.layout, keying(context)
        layout.operator(MICROFACE_OT_store_event.bl_idname, icon="ASSET_MANAGER")
        column = layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(choice, "event", placeholder="Chosen in the list")
        column.prop(choice, "strength")
        column.prop(choice, "stretch")
        column.prop(choice, "kind", expand=True)
        layout.operator(
            MICROFACE_OT_insert_event.bl_idname, icon="KEY_HLT", text=f"Insert on {chosen_head(context).name}"
        )


CLASSES = (MICROFACE_PT_keying,)
