# SPDX-License-Identifier: GPL-3.0-or-later
"""How many times as far the chosen head moves."""

import bpy

from ..operators.head import NAMES, beyond_limit, chosen_head, strength_property
from ..operators.reset_strength import MICROFACE_OT_reset_strength
from .tab import Tab


class MICROFACE_PT_strength(Tab, bpy.types.Panel):
    """A slider for the whole face, and one for each region."""

    bl_label = "Strength"
    bl_order = 20

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head."""
        return chosen_head(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the sliders, each with its dot for a key, and what a shape key cannot show."""
        layout, head = self.layout, chosen_head(context)
        layout.use_property_split = True
        layout.label(text=head.name, icon="USER")
        layout.prop(head, f'["{strength_property("")}"]', text="Whole Face", slider=True)
        column = layout.column(align=True)
        for region, name in NAMES.items():
            column.prop(head, f'["{strength_property(region)}"]', text=name, slider=True)
        for region, wanted, limit in beyond_limit(head):
            row = layout.row()
            row.alert = True
            row.label(text=f"{NAMES[region]}: {limit:.3g} is shown, not {wanted:.3g}", icon="ERROR")
        layout.operator(MICROFACE_OT_reset_strength.bl_idname, icon="LOOP_BACK")


CLASSES = (MICROFACE_PT_strength,)
