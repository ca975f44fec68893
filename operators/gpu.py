# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing the GPU runtime into the extension's user folder."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import bpy
from bpy.props import BoolProperty

from ..backend.gpu_install import TERMS
from ..backend.messages import Message
from . import heads, job, properties


class InstallGpu(job.Asked):
    """Get ONNX Runtime for NVIDIA cards; panels/preferences.py makes Blender's class of it and draws the terms."""

    bl_idname = "microface.install_gpu"
    bl_label = "Install GPU Runtime"
    bl_options = {"INTERNAL"}

    agreed: BoolProperty(options={"SKIP_SAVE", "HIDDEN"})

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Blender's online access must be allowed."""
        if not job.idle(cls):
            return False
        cls.poll_message_set(heads.offline_reason())
        return not heads.offline_reason()

    def told(self) -> dict[str, object]:
        """The consent."""
        return {"agreed": self.agreed}

    def ask(self, context: bpy.types.Context) -> set[str]:
        """Show what comes before it comes."""
        self.agreed = True
        dialog, operator = context.window_manager.invoke_props_dialog, cast(bpy.types.Operator, self)
        return set(dialog(operator, width=560, title="Install GPU Runtime", confirm_text="Download and Install"))

    def prepare(self, _context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write it as a command line."""
        return ["gpu", str(properties.installed_gpu())], []

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Say what came."""
        properties.job(context).gpu = True
        self.report({"INFO"}, result["text"])


class MICROFACE_OT_remove_gpu(bpy.types.Operator):
    """Remove the installed GPU runtime; the processor serves"""

    bl_idname = "microface.remove_gpu"
    bl_label = "Remove GPU Runtime"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Not under a running job."""
        return job.idle(cls)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove its folder."""
        shutil.rmtree(properties.installed_gpu(), ignore_errors=True)
        properties.job(context).gpu = False
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_remove_gpu,)


def terms(context: bpy.types.Context) -> list[str]:
    """What the dialog says before anything is downloaded, a line each."""
    speeds = [row.detail for row in properties.job(context).checks if row.name == "device cpu"]
    here = f"This processor: {speeds[0]}" if speeds else "Press Check in the preferences to measure this processor"
    where = f"Goes to {properties.installed_gpu()}; Blender and its own packages stay as they are"
    return [TERMS.version, TERMS.size, TERMS.licence, TERMS.driver, TERMS.gain, here, where]
