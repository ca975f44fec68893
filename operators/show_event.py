# SPDX-License-Identifier: GPL-3.0-or-later
"""From the list of results to the moment on the timeline."""

import bpy
from bpy.props import FloatProperty


class MICROFACE_OT_show_event(bpy.types.Operator):
    """Go to the frame where this event is strongest"""

    bl_idname = "microface.show_event"
    bl_label = "Show Event"
    bl_options = {"INTERNAL"}

    apex_s: FloatProperty(subtype="TIME_ABSOLUTE", unit="TIME_ABSOLUTE")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set the scene's frame."""
        from .scene.rate import rate, seconds_to_frame  # loads numpy, which enabling the add-on must not

        context.scene.frame_set(round(float(seconds_to_frame(self.apex_s, rate(context.scene)))))
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_show_event,)
