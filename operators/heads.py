# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own heads: add, download, remove. The work is the verb `heads` of the worker."""

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import StringProperty

from ..backend.errors import MicrofaceError
from ..backend.messages import Message
from ..backend.shelf import Kept, remove
from ..backend.shelf import kept as kept_files
from ..models.head.read.editions import EDITIONS
from . import job, properties

__all__ = ["CLASSES", "EDITIONS", "kept"]  # the lists are for the preferences, which only draw

_listed: list[Kept] | None = None  # drawing must not look at the disk


def kept() -> list[Kept]:
    """The added heads; read once, and again when we change them."""
    global _listed
    if _listed is None:
        _listed = kept_files()
    return _listed


def refresh() -> None:
    """Forget the list: it is read anew when it is wanted."""
    global _listed
    _listed = None


NAME = StringProperty(
    name="Name",
    description="What to call it, in small letters, digits and dashes; empty for its edition",
    options={"SKIP_SAVE"},
)


def offline_reason() -> str:
    """Why nothing may be downloaded; empty where the user has allowed it."""
    if bpy.app.online_access:
        return ""
    if bpy.app.online_access_override:
        return "Blender was started in offline mode: download the file with a browser, and add it"
    return "Allow Online Access in Preferences > System > Network, or download the file with a browser and add it"


class _Heads:
    """One job at a time."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """The button says why it cannot be pressed."""
        return job.idle(cls)

    def named(self) -> list[str]:
        """The option for the name."""
        return ["--name", self.name] if self.name else []

    def finish(self, _context: bpy.types.Context, result: Message) -> None:
        """Say its terms."""
        refresh()
        self.report({"INFO"}, result["text"])


class MICROFACE_OT_add_head(_Heads, job.Asked, bpy.types.Operator):
    """Keep a FLAME, GNM Head or ICT-FaceKit file, or ICT-FaceKit's folder, ready for use; the first time takes a minute"""

    bl_idname = "microface.add_head"
    bl_label = "Add Head"

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    name: NAME
    filter_glob: StringProperty(default="*.pkl;*.npz", options={"HIDDEN"})

    def told(self) -> dict[str, object]:
        """The file and its name."""
        return {"filepath": self.filepath, "name": self.name}

    def prepare(self, _context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the choice as a command line."""
        return ["heads", "add", str(Path(bpy.path.abspath(self.filepath))), *self.named()], []


class MICROFACE_OT_download_head(_Heads, job.Asked, bpy.types.Operator):
    """Get a head from an address of yours; an interrupted download goes on where it stopped"""

    bl_idname = "microface.download_head"
    bl_label = "Download Head"

    address: StringProperty(name="Address", description="Of the file, as the browser gives it", options={"SKIP_SAVE"})
    sha256: StringProperty(
        name="SHA-256", description="As the publisher names it; empty to go without", options={"SKIP_SAVE"}
    )
    name: NAME

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Blender's online access must be allowed."""
        if not super().poll(context):
            return False
        cls.poll_message_set(offline_reason())
        return not offline_reason()

    def told(self) -> dict[str, object]:
        """What the dialog asks for."""
        return {"address": self.address, "sha256": self.sha256, "name": self.name}

    def ask(self, context: bpy.types.Context) -> set[str]:
        """Ask from where."""
        return set(context.window_manager.invoke_props_dialog(self, width=500, confirm_text="Download"))

    def prepare(self, _context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the choice as a command line."""
        check = ["--sha256", self.sha256.strip()] if self.sha256 else []
        return ["heads", "download", self.address.strip(), *check, *self.named()], []


class MICROFACE_OT_remove_head(bpy.types.Operator):
    """Forget this head; the file it came from stays"""

    bl_idname = "microface.remove_head"
    bl_label = "Remove Head"

    name: StringProperty(options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask whether it is meant: making it again needs its file."""
        return set(context.window_manager.invoke_confirm(self, event))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove its file, and choose the built-in head where it was chosen for all files."""
        try:
            remove(self.name)
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        refresh()
        preferences = properties.preferences(context)
        if preferences and preferences.head == self.name:
            preferences.head = ""
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_add_head, MICROFACE_OT_download_head, MICROFACE_OT_remove_head)
