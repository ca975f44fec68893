# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings for a purpose, chosen together."""

import bpy
from bpy.props import EnumProperty

from . import properties

PRESETS: dict[str, dict[str, object]] = {
    "LOOK": {"quality": "full", "detail": True, "rate": "footage", "live_correctives": False},
    "EDIT": {"detail": False, "rate": "scene", "live_correctives": True},
    "RESET": {
        "quality": "full", "detail": True, "rate": "auto", "live_correctives": False, "head": "", "face": "", "use_range": False,
        "use_neutral": False, "lens_from": "FACE", "result": "ADD", "mask": None,
    },
}  # fmt: skip


class MICROFACE_OT_preset(bpy.types.Operator):
    """Choose settings for a purpose"""

    bl_idname = "microface.preset"
    bl_label = "Presets"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    purpose: EnumProperty(
        name="Purpose",
        items=(
            ("LOOK", "Look Closely", "As exact as it gets: with detail keys, the scene runs at the footage's rate"),
            ("EDIT", "Edit by Hand", "Named units only, the scene keeps its rate, pose correctives follow the bones"),
            ("RESET", "Defaults", "Undo all choices and corrections"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Set them."""
        choice = properties.settings(context)
        for name, value in PRESETS[self.purpose].items():
            setattr(choice, name, value)
        if self.purpose == "RESET":
            choice.exclude.clear()
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_preset,)
