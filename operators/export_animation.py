# SPDX-License-Identifier: GPL-3.0-or-later
"""The animated head for other programs, by Blender's own exporters."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper

from ..backend.errors import MicrofaceError


class MICROFACE_OT_export_animation(bpy.types.Operator, ExportHelper):
    """Write the head with its animation as glTF, FBX, Alembic or USD, at the footage's own times"""

    bl_idname = "microface.export_animation"
    bl_label = "Export Animation"

    filter_glob: StringProperty(default="*.glb;*.fbx;*.abc;*.usd;*.usda;*.usdc", options={"HIDDEN"})
    ending: EnumProperty(
        name="Format",
        items=(
            (".glb", "glTF", "Shape keys and bones, for the web and game engines"),
            (".fbx", "FBX", "Shape keys and bones, for Maya, Unreal and Unity"),
            (".abc", "Alembic", "The moving surface, vertex by vertex"),
            (".usd", "USD", "Shape keys and bones as UsdSkel"),
        ),
    )

    @property
    def filename_ext(self) -> str:
        """What the file browser adds to a name."""
        return str(self.ending)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be an animated head."""
        from .scene.interchange import find_head  # loads numpy, which enabling the add-on must not

        cls.poll_message_set("Reconstruct or import a head first")
        return find_head(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write the file; the ending of its name says the format."""
        from .scene.interchange import find_head, write_animation

        path = Path(bpy.path.abspath(self.filepath))
        try:
            clock = write_animation(context, find_head(context), path)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{path}: {clock.rate:.6g} frames a second")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_export_animation,)
