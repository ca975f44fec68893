# SPDX-License-Identifier: GPL-3.0-or-later
"""A character that follows a head of the scene, and one that stops doing so."""

import bpy

from ..backend.errors import MicrofaceError
from .head import chosen_head, heads_of, is_head
from .result import MICROFACE_PG_result, chosen_character, result_of, results_of, show


class MICROFACE_OT_link_head(bpy.types.Operator):
    """Let the character follow the head live: what moves the head moves the character, by drivers"""

    bl_idname = "microface.link_head"
    bl_label = "Follow Head"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a character with a result that does not follow yet, and a head."""
        character = chosen_character(context)
        if character is None or following(character):
            cls.poll_message_set("Select a character that a take was put on")
            return False
        cls.poll_message_set("There is no reconstructed head in this scene")
        return chosen_head(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the drivers."""
        from .scene.link import follow  # loads numpy, which enabling the add-on must not

        character, result = chosen_character(context), result_of(chosen_character(context))
        head = result.head if result.head and is_head(result.head) else selected_head(context)
        try:
            follow(result, head)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{character.name} follows {head.name}")
        return {"FINISHED"}


class MICROFACE_OT_unlink_head(bpy.types.Operator):
    """Stop following: the character plays its own keys again"""

    bl_idname = "microface.unlink_head"
    bl_label = "Stop Following"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """It must follow one."""
        character = chosen_character(context)
        return character is not None and following(character) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take the drivers away."""
        from .scene.link import leave

        result = following(chosen_character(context))
        try:
            leave(result)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        show(result)
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_link_head, MICROFACE_OT_unlink_head)


def following(character: bpy.types.Object) -> MICROFACE_PG_result | None:
    """The take by which a character follows a head, if it does."""
    return next((one for one in results_of(character) if one.carrier), None)


def selected_head(context: bpy.types.Context) -> bpy.types.Object:
    """The head that is selected beside the character, else the scene's."""
    selected = [thing for thing in heads_of(context.scene) if thing.select_get()]
    return selected[0] if selected else chosen_head(context)
