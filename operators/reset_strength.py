# SPDX-License-Identifier: GPL-3.0-or-later
"""Back to the motion as it was measured."""

import bpy

from .head import NAMES, chosen_head, strength_property
from .result import forget_keys


class MICROFACE_OT_reset_strength(bpy.types.Operator):
    """Show the motion as it was measured: every strength is 1 again, and loses its keys"""

    bl_idname = "microface.reset_strength"
    bl_label = "As Measured"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head."""
        cls.poll_message_set("Reconstruct or import a head first")
        return chosen_head(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set all six."""
        head = chosen_head(context)
        for region in ("", *NAMES):
            forget_keys(head, f'["{strength_property(region)}"]')
            head[strength_property(region)] = 1.0
        head.update_tag()
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_reset_strength,)
