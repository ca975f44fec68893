# SPDX-License-Identifier: GPL-3.0-or-later
"""What the next insertion of an event shall be like; saved with the scene."""

from typing import cast

import bpy
from bpy.props import EnumProperty, FloatProperty, PointerProperty

from .micro_expressions import chosen_event

STORED = "microface_fps"  #: custom property of the Action of a stored event (scene/captured.py)


def _is_event(_settings: bpy.types.PropertyGroup, action: bpy.types.Action) -> bool:
    return action.get(STORED) is not None


class MICROFACE_PG_keying(bpy.types.PropertyGroup):
    """Which event, how strong, how slow, and as what."""

    event: PointerProperty(
        name="Event",
        description="A stored event; empty for the one that is chosen in the list",
        type=bpy.types.Action,
        poll=_is_event,
    )
    strength: FloatProperty(
        name="Strength",
        description="How many times as far the face moves as it was measured",
        default=1,
        min=-20,
        max=20,
        soft_min=0,
    )
    stretch: FloatProperty(
        name="Duration", description="How many times as long it takes as it was measured", default=1, min=0.05, max=20
    )
    kind: EnumProperty(
        name="Insert As",
        items=(
            ("KEYS", "Keys", "Add it to the curves of the head's Action"),
            ("STRIP", "NLA Strip", "Lay it under the head's Action as a strip, to be moved and faded later"),
        ),
    )


CLASSES = (MICROFACE_PG_keying,)


def keying(context: bpy.types.Context) -> MICROFACE_PG_keying:
    """Give the choices of the scene."""
    return cast(MICROFACE_PG_keying, context.scene.microface_keying)


def is_chosen(context: bpy.types.Context) -> bool:
    """Say whether there is an event to insert."""
    return keying(context).event is not None or chosen_event(context) is not None


def attach() -> None:
    """Hang the choices on Blender's scenes."""
    bpy.types.Scene.microface_keying = PointerProperty(type=MICROFACE_PG_keying)


def detach() -> None:
    """Take them off again."""
    del bpy.types.Scene.microface_keying
