# SPDX-License-Identifier: GPL-3.0-or-later
"""Back to the result on a character as it was solved."""

import bpy

from .character import OfCharacter
from .head import NAMES, strength_property
from .result import chosen_character, forget_keys, result_of, strength_path, together


class MICROFACE_OT_reset_result(OfCharacter, bpy.types.Operator):
    """Show the result as it was solved: strengths without keys, gains and duration 1, nothing mirrored"""

    bl_idname = "microface.reset_result"
    bl_label = "As Solved"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set everything back but the start and what the table leaves out."""
        result = result_of(chosen_character(context))
        with together(result):
            for region in ("", *NAMES):
                forget_keys(result.root, strength_path(result, region))
                setattr(result, strength_property(region), 1.0)
            result.stretch, result.mirror = 1.0, False
            for control in result.controls:
                control.gain = control.solved or control.gain
        if result.problem:
            self.report({"ERROR"}, result.problem)
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_reset_result,)
