# SPDX-License-Identifier: GPL-3.0-or-later
"""The result on a character as plain keys."""

import bpy

from ..backend.errors import MicrofaceError
from .character import OfCharacter
from .result import chosen_character, result_of


class MICROFACE_OT_bake_result(OfCharacter, bpy.types.Operator):
    """Make plain keys of what is shown: for a render farm, a game engine, or to edit by hand. The settings then no longer act"""

    bl_idname = "microface.bake_result"
    bl_label = "Bake"
    bl_options = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write what it follows into keys; keys that there are stay as they are."""
        from .scene.baked_result import bake  # loads numpy, which enabling the add-on must not

        try:
            action = bake(context.scene, result_of(chosen_character(context)))
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{action.name} holds plain keys")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_bake_result,)
