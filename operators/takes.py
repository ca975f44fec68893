# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing between the takes of a scene, and removing one."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty

FILE = "microface_take"  #: custom property of a take's collection and of what it holds: the take's file


class _OfTake:
    """The take's collection by its name: pointers do not outlive an undo."""

    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    def collection(self) -> bpy.types.Collection | None:
        """The take's collection, while there is one."""
        found = bpy.data.collections.get(self.name)
        return found if found and found.get(FILE) else None


class MICROFACE_OT_show_take(_OfTake, bpy.types.Operator):
    """Show this take and hide the others of the same face"""

    bl_idname = "microface.show_take"
    bl_label = "Show Take"

    name: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Hide the others; its head becomes the active object."""
        from .plot_motion import plot_take
        from .scene.takes import show

        collection = self.collection()
        if collection is None:
            self.report({"ERROR"}, "This take is gone.")
            return {"CANCELLED"}
        show(context.scene, collection)
        heads = [thing for thing in collection.objects if thing.type == "MESH"]
        if heads and heads[0].name in context.view_layer.objects:
            context.view_layer.objects.active = heads[0]
        plot_take(context, collection)
        return {"FINISHED"}


class MICROFACE_OT_remove_take(_OfTake, bpy.types.Operator):
    """Remove this take's head, rig, camera, keys and markers from the scene; its file stays"""

    bl_idname = "microface.remove_take"
    bl_label = "Remove Take"

    name: StringProperty(options={"SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove it, and show the last other one of its face."""
        from .plot_motion import plot_take
        from .scene.takes import FACE, remove, rivals, show

        collection = self.collection()
        if collection is None:
            self.report({"ERROR"}, "This take is gone.")
            return {"CANCELLED"}
        face, was_shown = collection[FACE], not collection.hide_viewport
        remove(context.scene, collection)
        others = rivals(context.scene, face)
        if others and was_shown:
            show(context.scene, others[-1])
            plot_take(context, others[-1])
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_show_take, MICROFACE_OT_remove_take)


def file_of(thing: bpy.types.ID) -> Path:
    """The file of a take, from its collection or head: where it was written, or, once that was moved, beside the .blend."""
    file = Path(bpy.path.abspath(thing.get(FILE, "")))
    beside = Path(bpy.data.filepath).parent / file.name
    return beside if bpy.data.filepath and not file.is_file() and beside.is_file() else file


def of_scene(scene: bpy.types.Scene) -> list[bpy.types.Collection]:
    """The takes in a scene but for linked ones, which are another file's; for drawing, so nothing heavy is loaded."""
    return [one for one in scene.collection.children_recursive if one.get(FILE) and not one.library]


def shown(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The last take that is shown."""
    return next((one for one in reversed(of_scene(scene)) if not one.hide_viewport), None)
