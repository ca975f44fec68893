# SPDX-License-Identifier: GPL-3.0-or-later
"""The head beside itself, magnified; on and off with one click."""

import bpy

from .compare import BESIDE, camera_of, fit_view, footage_place
from .head import chosen_head
from .reconstruct import look_through_camera

BEFORE_AFTER = "microface_before_after"  #: custom property of the comparison's collection: its head
CAMERA = "microface_camera"  #: and the scene's camera before


def comparison(scene: bpy.types.Scene) -> bpy.types.Collection | None:
    """The collection with the magnified copy, while it is shown."""
    return next((one for one in scene.collection.children if one.get(BEFORE_AFTER) is not None), None)


def magnified(scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The copy."""
    found = comparison(scene)
    return next((thing for thing in found.objects if thing.type == "MESH"), None) if found else None


class MICROFACE_OT_before_after(bpy.types.Operator):
    """Show the head twice, side by side: as it is, and with its motion magnified. Press again to take the second away"""

    bl_idname = "microface.before_after"
    bl_label = "Before / After Magnified"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head, and the camera that saw it."""
        head = chosen_head(context)
        cls.poll_message_set("Reconstruct or import a head first" if head is None else "The head's camera was removed")
        return head is not None and camera_of(head) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """One click on, one click off."""
        from .scene.before_after import hide_before_after, show_before_after  # loads numpy

        head = chosen_head(context)
        camera = camera_of(head)
        if comparison(context.scene):
            hide_before_after(context.scene)
            look_through_camera(context, camera)
            fit_view(context, footage_place(camera) == BESIDE)
        else:
            look_through_camera(context, show_before_after(context.scene, head, camera))
            fit_view(context, False)
            context.view_layer.objects.active = head
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_before_after,)
