# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Blender versions differ. Each line says which."""

from typing import Any, cast

import bpy

#: EEVEE was rewritten in 4.2 under a second name, which it lost again in 5.0.
EEVEE = "BLENDER_EEVEE" if bpy.app.version >= (5, 0, 0) else "BLENDER_EEVEE_NEXT"

#: In 5.0 the NLA starts a shape key that no strip moves at 1; before and after at 0.
KEYS_REST_AT_ONE = bpy.types.ShapeKey.bl_rna.properties["value"].default == 1


def channelbag(action: bpy.types.Action, slot: bpy.types.ActionSlot) -> bpy.types.ActionChannelbag:
    """F-curve container of `slot` in `action`, made when missing (4.4+; `Action.fcurves` is gone in 5.0)."""
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)


def colour_strip(strips: bpy.types.StripsTopLevel, name: str, start: int, end: int) -> bpy.types.ColorStrip:
    """A strip of one colour in channel 1, frames [start, end); 5.0 asks for its length."""
    until: dict[str, Any] = {"length": end - start} if bpy.app.version >= (5, 0, 0) else {"frame_end": end}
    return cast(bpy.types.ColorStrip, strips.new_effect(name, "COLOR", 1, start, **until))


def shader_nodes(tree_owner: bpy.types.Material | bpy.types.World) -> bpy.types.Nodes:
    """Nodes of a new material or world; before 5.0 they had to be switched on, since then that is deprecated."""
    if bpy.app.version < (5, 0, 0):
        tree_owner.use_nodes = True
    return tree_owner.node_tree.nodes
