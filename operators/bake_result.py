# SPDX-License-Identifier: GPL-3.0-or-later
"""The result on a character as plain keys, or as it was solved."""

import bpy

from ..backend.errors import MicrofaceError
from .head import NAMES, strength_property
from .result import chosen_character, forget_keys, result_of, strength_path, together


class MICROFACE_OT_bake_result(bpy.types.Operator):
    """Make plain keys of what is shown: for a render farm, a game engine, or to edit by hand. The settings then no longer act"""

    bl_idname = "microface.bake_result"
    bl_label = "Bake"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a character with a result."""
        cls.poll_message_set("Select a character that a take was put on")
        return chosen_character(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write what it follows into keys; keys that there are stay as they are."""
        from .scene.baked_result import bake  # loads numpy, which enabling the add-on must not

        character = chosen_character(context)
        try:
            action = bake(context.scene, character)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{action.name} holds plain keys")
        return {"FINISHED"}


class MICROFACE_OT_reset_result(bpy.types.Operator):
    """Show the result as it was solved: strengths without keys, gains and duration 1, nothing mirrored"""

    bl_idname = "microface.reset_result"
    bl_label = "As Solved"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a character with a result."""
        cls.poll_message_set("Select a character that a take was put on")
        return chosen_character(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set everything back but the start and what the table leaves out."""
        character = chosen_character(context)
        with together(character) as result:
            for region in ("", *NAMES):
                forget_keys(character, strength_path(region))
                setattr(result, strength_property(region), 1.0)
            result.stretch, result.mirror = 1.0, False
            for control in result.controls:
                control.gain = control.solved or control.gain
        if result_of(character).problem:
            self.report({"ERROR"}, result_of(character).problem)
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_bake_result, MICROFACE_OT_reset_result)
