# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin of the footage on the head, and off again."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy

from ..backend.errors import MicrofaceError
from ..backend.messages import Message
from . import job
from .compare import camera_of
from .head import chosen_head
from .takes import FILE, file_of

OWN = "microface_own"  #: custom property of a material that one head alone wears: the part it is of


def own_skin(head: bpy.types.Object) -> bpy.types.Material | None:
    """The material drawn from the footage that a head wears; None while it wears the plain one."""
    return next((worn for worn in head.data.materials if worn and worn.get(OWN) == "skin"), None)


class MICROFACE_OT_skin_from_footage(job.Job, bpy.types.Operator):
    """Draw the skin from the footage onto the head. What the footage does not show is filled in"""

    bl_idname = "microface.skin_from_footage"
    bl_label = "Skin from Footage"
    bl_options = {"UNDO"}

    head = ""  # name of the one whose button was pressed
    folder: tempfile.TemporaryDirectory[str]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head with a take, and no job."""
        head = chosen_head(context)
        if head is None or not head.get(FILE):
            cls.poll_message_set("Reconstruct a head first")
            return False
        return job.idle(cls)

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the head's take as a command line."""
        head = chosen_head(context)
        self.head, self.folder = head.name, tempfile.TemporaryDirectory(prefix="microface-")
        picture = Path(self.folder.name) / "skin.png"
        return ["texture", str(file_of(head)), "--out", str(picture), *_footage(head)], [picture]

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Put it on; a view that shows plain surfaces shows it, too."""
        from .scene.skin import wear

        head = bpy.data.objects.get(self.head)
        if head is None:
            raise MicrofaceError("head_gone", f"The head {self.head} is gone.", "Press the button again.")
        wear(head, Path(result["out"]), result["iris"])
        self.folder.cleanup()
        if isinstance(context.space_data, bpy.types.SpaceView3D):
            context.space_data.shading.color_type = "TEXTURE"
        self.report({"INFO"}, f"{head.name} wears the skin of its footage")


class MICROFACE_OT_plain_skin(bpy.types.Operator):
    """Give the head its plain skin again"""

    bl_idname = "microface.plain_skin"
    bl_label = "Plain Skin"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """It must wear another one."""
        head = chosen_head(context)
        cls.poll_message_set("The head wears its plain skin")
        return head is not None and own_skin(head) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Take it off; nothing of it stays in the file."""
        from .scene.skin import take_off

        take_off(chosen_head(context))
        return {"FINISHED"}


def _footage(head: bpy.types.Object) -> list[str]:
    """The option that names the footage where its camera shows it: the file may have moved since the take was made."""
    camera = camera_of(head)
    shown = cast(bpy.types.Camera, camera.data).background_images if camera else ()
    images = [background.image for background in shown if background.image]
    if not images:
        return []
    path = Path(bpy.path.abspath(images[0].filepath))
    return ["--footage", str(path.parent if images[0].source == "SEQUENCE" else path)]


CLASSES = (MICROFACE_OT_skin_from_footage, MICROFACE_OT_plain_skin)
