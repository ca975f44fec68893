# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's own skin and eyes: materials in the colours of its footage, the picture packed into the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy
from mathutils import Color

from ..skin import OWN
from .materials import material


def wear(head: bpy.types.Object, picture: Path, iris: Sequence[int] | None = None) -> None:
    """Put on the picture in place of the head's skin.

    Args:
        head: the head.
        picture: for its UVs.
        iris: colour of the eyes, 0..255, as in a picture; None leaves them as they are.
    """
    take_off(head)
    image = bpy.data.images.load(str(picture))
    image.name = f"{head.name} skin"
    image.pack()
    image.filepath = ""  # it lives in the file alone
    nodes = _own(head, "skin").node_tree.nodes
    texture = cast(bpy.types.ShaderNodeTexImage, nodes.new("ShaderNodeTexImage"))
    texture.image, texture.location = image, (-320, 300)
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    nodes.id_data.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    nodes.active = texture  # what the viewport shows as the texture
    if iris:
        colour = (*Color([value / 255 for value in iris]).from_srgb_to_scene_linear(), 1.0)
        eyes = _own(head, "iris")
        shader = next(node for node in eyes.node_tree.nodes if node.type == "BSDF_PRINCIPLED")
        shader.inputs["Base Color"].default_value = eyes.diffuse_color = colour


def take_off(head: bpy.types.Object) -> None:
    """Give the head the plain materials that all heads share. Nothing happens where it wears them."""
    materials = cast(bpy.types.Mesh, head.data).materials
    for slot, worn in enumerate(materials):
        if worn and worn.get(OWN):
            materials[slot] = material(worn[OWN])
            images = [node.image for node in worn.node_tree.nodes if node.type == "TEX_IMAGE" and node.image]
            if not worn.users:
                bpy.data.materials.remove(worn)
                bpy.data.batch_remove([image for image in images if not image.users])


def _own(head: bpy.types.Object, part: str) -> bpy.types.Material:
    """A copy of a part's material, for this head alone, in its place."""
    plain = material(part)
    own = plain.copy()
    own.name, own[OWN] = f"{head.name} {part}", part
    materials = cast(bpy.types.Mesh, head.data).materials
    materials[materials.find(plain.name)] = own
    return own
