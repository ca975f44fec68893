# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check and the kept results, for the preferences."""

import platform
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..backend import store
from ..backend.doctor import Check, table
from ..backend.errors import MicrofaceError
from ..backend.messages import Message
from . import heads, job, properties


class MICROFACE_OT_check(job.Job, bpy.types.Operator):
    """Check that everything is here, and measure the devices; takes some seconds"""

    bl_idname = "microface.check"
    bl_label = "Check"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One job at a time."""
        return job.idle(cls)

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Ask the worker, whose packages and devices count."""
        properties.job(context).checks.clear()
        return ["doctor", "--host", blender_in_words()], []

    def hear(self, context: bpy.types.Context, message: Message) -> None:
        """Something is missing: the list comes before the error."""
        show_checks(context, message.get("checks", []))

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """All is well."""
        show_checks(context, result["checks"])
        self.report({"INFO"}, "Everything is here")


class MICROFACE_OT_copy_checks(bpy.types.Operator):
    """Copy the list as text, for a bug report"""

    bl_idname = "microface.copy_checks"
    bl_label = "Copy"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a list."""
        cls.poll_message_set("Press Check first")
        return bool(properties.job(context).checks)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write it as the verb doctor does."""
        rows = properties.job(context).checks
        context.window_manager.clipboard = table([Check(row.name, row.well, row.detail) for row in rows])
        self.report({"INFO"}, "Copied")
        return {"FINISHED"}


class MICROFACE_OT_clear_cache(bpy.types.Operator):
    """Remove all kept results; your takes and scenes stay, the next run of each video takes its full time"""

    bl_idname = "microface.clear_cache"
    bl_label = "Clear Kept Results"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not under a running job."""
        return job.idle(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove them."""
        try:
            freed = store.clear()
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        properties.job(context).kept_mb = 0
        self.report({"INFO"}, f"{freed / 1e6:.1f} MB freed")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_check, MICROFACE_OT_copy_checks, MICROFACE_OT_clear_cache)


def show_checks(context: bpy.types.Context, checks: Sequence[tuple[str, bool, str]]) -> None:
    """Put the list into the panel's state, and the size of what is kept."""
    state = properties.job(context)
    state.checks.clear()
    for what, well, detail in checks:
        row = state.checks.add()
        row.name, row.well, row.detail = what, well, detail
    state.kept_mb = store.size() / 1e6
    state.gpu = properties.installed_gpu().is_dir()
    heads.refresh()


def blender_in_words() -> str:
    """Version, system, and whether it may use the network."""
    online = "on" if bpy.app.online_access else "off"
    kind = "module" if bpy.app.module else "background" if bpy.app.background else "window"
    return f"{bpy.app.version_string} ({kind}) on {platform.system()} {platform.machine()}, online access {online}"
