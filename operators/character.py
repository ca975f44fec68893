# SPDX-License-Identifier: GPL-3.0-or-later
"""What acts on a character that a take was put on."""

import bpy

from .result import chosen_character


class OfCharacter:
    """An operator on the chosen character."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a character with a result."""
        cls.poll_message_set("Select a character that a take was put on")
        return chosen_character(context) is not None
