# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured event at the playhead, on the head that is chosen."""

import bpy

from ..backend.errors import MicrofaceError
from .head import chosen_head, is_linked
from .keying import is_chosen, keying
from .micro_expressions import chosen_event


class MICROFACE_OT_insert_event(bpy.types.Operator):
    """Let the chosen head do the event from the playhead on, in addition to what it does"""

    bl_idname = "microface.insert_event"
    bl_label = "Insert at Playhead"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head and an event."""
        if chosen_head(context) is None:
            cls.poll_message_set("Select a head first")
            return False
        if keying(context).kind == "KEYS" and is_linked(chosen_head(context)):
            cls.poll_message_set("The curves of a linked head are its own file's: choose NLA Strip")
            return False
        cls.poll_message_set("Choose an event in the list, or a stored one")
        return is_chosen(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it; nothing is changed when it does not fit."""
        from .scene.captured import HEAD, captured, read_action  # loads numpy, which enabling the add-on must not
        from .scene.events import read_row
        from .scene.placed import add_keys, add_strip, fitting

        choice, scene, head = keying(context), context.scene, chosen_head(context)
        name = choice.event.name if choice.event else chosen_event(context).name
        try:
            if choice.event:
                motion = fitting(read_action(choice.event), head, own=choice.event.get(HEAD) == head.name)
            else:
                motion = fitting(captured(scene, head, read_row(chosen_event(context))), head, own=True)
            where = scene.frame_current_final, choice.strength, choice.stretch
            if choice.kind == "KEYS":
                add_keys(scene, head, motion, *where)
            else:
                add_strip(scene, head, motion, name, *where)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{head.name} does {name}. Shape keys: {len(motion.keys)}, bones: {len(motion.turns)}")
        return {"FINISHED"}


class MICROFACE_OT_store_event(bpy.types.Operator):
    """Keep the event as an asset, with a picture, for other heads and other files"""

    bl_idname = "microface.store_event"
    bl_label = "Store Event"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be an event."""
        cls.poll_message_set("Choose an event in the list first")
        return chosen_event(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Make the asset, and choose it for the next insertion."""
        from .scene.stored import store  # loads numpy, which enabling the add-on must not

        try:
            action = store(context.scene, chosen_head(context), chosen_event(context))
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        keying(context).event = action
        self.report({"INFO"}, f"{action.name} is in the asset browser, under Current File")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_insert_event, MICROFACE_OT_store_event)
