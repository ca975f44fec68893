# SPDX-License-Identifier: GPL-3.0-or-later
"""A head's own skin: a material with the picture that was drawn from its footage, packed into the file."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import bpy

from .. import compat
from ..skin import OWN, own_skin
from .materials import LOOKS, SUBSURFACE_SCALE, material


def wear(head: bpy.types.Object, picture: Path) -> bpy.types.Material:
    """Put on the picture in place of what the head's skin wears now."""
    take_off(head)
    mesh = cast(bpy.types.Mesh, head.data)
    image = bpy.data.images.load(str(picture))
    image.name = f"{head.name} skin"
    image.pack()
    image.filepath = ""  # it lives in the file alone
    made = _material(image)
    slot = next(k for k, worn in enumerate(mesh.materials) if worn == material("skin"))
    mesh.materials[slot] = made
    return made


def take_off(head: bpy.types.Object) -> None:
    """Give the head the plain skin that all heads share. Nothing happens where it wears that."""
    worn = own_skin(head)
    if worn is None:
        return
    materials = cast(bpy.types.Mesh, head.data).materials
    materials[materials.find(worn.name)] = material("skin")
    images = [node.image for node in worn.node_tree.nodes if node.type == "TEX_IMAGE" and node.image]
    if not worn.users:
        bpy.data.materials.remove(worn)
        bpy.data.batch_remove([image for image in images if not image.users])


def _material(image: bpy.types.Image) -> bpy.types.Material:
    made = bpy.data.materials.new(image.name)
    made[OWN] = True
    look, nodes = LOOKS["skin"], compat.shader_nodes(made)
    shader = next(node for node in nodes if node.type == "BSDF_PRINCIPLED")
    texture = cast(bpy.types.ShaderNodeTexImage, nodes.new("ShaderNodeTexImage"))
    texture.image, texture.location = image, (-320, 300)
    made.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = look.roughness
    shader.inputs["Subsurface Weight"].default_value = look.subsurface
    shader.inputs["Subsurface Scale"].default_value = SUBSURFACE_SCALE
    made.diffuse_color = (*look.colour, look.alpha)
    nodes.active = texture  # what the viewport shows as the texture
    return made
