# SPDX-License-Identifier: GPL-3.0-or-later
"""Other views of the captured motion, and the way back."""

import bpy

from ..operators import curve_views
from ..operators.head import chosen_head
from .tab import Tab


class MICROFACE_PT_curves(Tab, bpy.types.Panel):
    """What is shown, and a button for each view."""

    bl_label = "Curves"
    bl_order = 27
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head."""
        return chosen_head(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the buttons; F9 after one changes its setting."""
        view = curve_views.view_of(chosen_head(context))
        self.layout.label(text=view.name if view else "Raw motion", icon="ACTION")
        column = self.layout.column(align=True)
        column.operator(curve_views.MICROFACE_OT_reduce_keys.bl_idname, icon="IPO_EASE_IN_OUT")
        column.operator(curve_views.MICROFACE_OT_smooth_keys.bl_idname, icon="SMOOTHCURVE")
        column.operator(curve_views.MICROFACE_OT_resample_keys.bl_idname, icon="KEYFRAME")
        self.layout.operator(curve_views.MICROFACE_OT_raw_keys.bl_idname, icon="LOOP_BACK")


CLASSES = (MICROFACE_PT_curves,)
