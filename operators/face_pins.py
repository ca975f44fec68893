# SPDX-License-Identifier: GPL-3.0-or-later
"""Three pins on a character's face, for where the tracker finds it wrongly or not at all."""

from __future__ import annotations

import bpy

from ..backend.errors import MicrofaceError


class MICROFACE_OT_add_face_pins(bpy.types.Operator):
    """Add three pins to be put on the active character's eyes and mouth. Retargeting heeds them until they are deleted"""

    bl_idname = "microface.add_face_pins"
    bl_label = "Add Face Pins"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a character."""
        cls.poll_message_set("Select the character's face or armature")
        thing = context.active_object
        return bool(thing and thing.type in ("MESH", "ARMATURE") and thing.mode in ("OBJECT", "POSE"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add what is missing of them."""
        from .scene.character import find_character
        from .scene.face_pins import add_pins

        try:
            made = add_pins(context, find_character(context, context.active_object))
        except MicrofaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(made)} pins added: move them onto right eye, left eye and mouth")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_add_face_pins,)
