# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage and head compared in one view: where the footage is shown, and the head as lines."""

import math
from typing import cast

import bpy
from bpy.props import EnumProperty

from .head import chosen_head
from .reconstruct import look_through_camera

BEHIND, OVER, BESIDE, OFF = "BEHIND", "OVER", "BESIDE", "OFF"
LINES = "Microface lines"  #: name of the modifier and of the vertex group that make lines of a head
ROOM = 0.96  # of the view's free width: what footage and frame take up side by side


class _OfHead:
    """There must be a head."""

    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The panel's button says why it cannot be pressed."""
        cls.poll_message_set("Reconstruct or import a head first")
        return chosen_head(context) is not None


class MICROFACE_OT_place_footage(_OfHead, bpy.types.Operator):
    """Look through the footage's camera, with the footage in this place"""

    bl_idname = "microface.place_footage"
    bl_label = "Footage"

    place: EnumProperty(
        name="Footage",
        items=(
            (BEHIND, "Behind", "The footage behind the head"),
            (OVER, "Over", "The footage over the head, half transparent"),
            (BESIDE, "Beside", "The footage to the left of the head"),
            (OFF, "Off", "The head alone"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Place it."""
        from .scene.overlay import place_footage  # loads numpy

        camera = camera_of(chosen_head(context))
        if camera is None:
            self.report({"ERROR"}, "This head has no camera: it was removed. Reconstruct the video again.")
            return {"CANCELLED"}
        place_footage(camera, self.place)
        look_through_camera(context, camera)
        fit_view(context, self.place == BESIDE)
        return {"FINISHED"}


class MICROFACE_OT_lines(_OfHead, bpy.types.Operator):
    """Show the face as lines, to be seen over its footage. Press again for the surface"""

    bl_idname = "microface.lines"
    bl_label = "Wireframe"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """One click on, one click off."""
        from .scene.overlay import hide_lines, show_lines

        head = chosen_head(context)
        if LINES in head.modifiers:
            hide_lines(head)
        else:
            show_lines(head)
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_place_footage, MICROFACE_OT_lines)


def camera_of(head: bpy.types.Object) -> bpy.types.Object | None:
    """The camera that took a head's footage."""
    things = (thing for group in head.users_collection for thing in group.objects)
    return next((thing for thing in things if thing.type == "CAMERA"), None)


def footage_place(camera: bpy.types.Object) -> str:
    """Where a camera shows its footage now; "" when it has none."""
    lens = cast(bpy.types.Camera, camera.data)
    if not len(lens.background_images):
        return ""
    background = lens.background_images[0]
    if not lens.show_background_images:
        return OFF
    if background.offset[0]:
        return BESIDE
    return OVER if background.display_depth == "FRONT" else BEHIND


def fit_view(context: bpy.types.Context, both: bool) -> None:
    """Let the view show the camera's frame, or with it the one to its left; headless there is no view.

    Blender's frame is `(zoom / 50 + sqrt(2))^2 / 4` of the view's width, and its offset counts half frames.
    """
    space = context.space_data
    if not isinstance(space, bpy.types.SpaceView3D) or not space.region_3d:
        return
    space.region_3d.view_camera_zoom, space.region_3d.view_camera_offset = 0, (0, 0)
    if both:
        widths = {region.type: region.width for region in context.area.regions}
        covered = widths["UI"] if space.show_region_ui else 0
        frame = ROOM * (widths["WINDOW"] - covered) / 2
        space.region_3d.view_camera_zoom = 50 * (2 * math.sqrt(frame / widths["WINDOW"]) - math.sqrt(2))
        space.region_3d.view_camera_offset = ((covered - frame) / 4 / frame, 0)
