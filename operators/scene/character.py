# SPDX-License-Identifier: GPL-3.0-or-later
"""A character: the meshes and armatures of a scene that hang together, found without being told."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ...backend.errors import MicrofaceError


@dataclass(frozen=True)
class Character:
    """The objects that belong together."""

    name: str
    meshes: tuple[bpy.types.Object, ...]
    rigs: tuple[bpy.types.Object, ...]  #: armatures

    @property
    def animated(self) -> tuple[bpy.types.ID, ...]:
        """The datablocks whose animation data move it: shape keys, armature objects."""
        keys = [mesh.data.shape_keys for mesh in self.meshes if mesh.data.shape_keys]
        return (*dict.fromkeys(keys), *self.rigs)


def find_character(context: bpy.types.Context, thing: bpy.types.Object | None = None) -> Character:
    """The character of an object, or the one of the scene with the most controls.

    Raises:
        MicrofaceError: ``no_rig``.
    """
    context.view_layer.update()  # what has just been linked counts as hidden before
    chosen = [thing] if thing else [one for one in context.view_layer.objects if one.visible_get()]
    families = dict.fromkeys(_root(one) for one in chosen if one.type in ("MESH", "ARMATURE"))
    characters = [character for root in families if (character := _character(context, root)).meshes]
    characters = [one for one in characters if any(mesh.data.shape_keys for mesh in one.meshes) or one.rigs]
    if not characters:
        where = f"{thing.name} is no" if thing else "Nothing in the scene is a"
        text = f"{where} rig: there is no visible mesh with shape keys or an armature."
        raise MicrofaceError("no_rig", text, "Choose the character's mesh or armature, and show it.")
    return max(characters, key=_richness)


def _root(thing: bpy.types.Object) -> bpy.types.Object:
    """The object that a character hangs on: the armature that deforms it, or its uppermost parent."""
    rig = next((one.object for one in thing.modifiers if one.type == "ARMATURE" and one.object), None)
    thing = rig or thing
    while thing.parent:
        thing = thing.parent
    return thing


def _character(context: bpy.types.Context, root: bpy.types.Object) -> Character:
    family = [one for one in context.view_layer.objects if one.visible_get() and _root(one) == root]
    rigs = [one for one in context.view_layer.objects if one.type == "ARMATURE" and _root(one) == root]
    meshes = [one for one in family if one.type == "MESH" and len(one.data.polygons)]
    return Character(root.name, tuple(meshes), tuple(rigs))


def _richness(character: Character) -> tuple[int, int]:
    keys = sum(len(mesh.data.shape_keys.key_blocks) for mesh in character.meshes if mesh.data.shape_keys)
    return keys, sum(len(rig.pose.bones) for rig in character.rigs)
