# SPDX-License-Identifier: GPL-3.0-or-later
"""The last result as a table or as another program's curves."""

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..backend.messages import Message
from . import job, properties

ENDINGS = {"flame": ".npz", "elan": ".txt"}  # of kinds that are no .csv


class MICROFACE_OT_export_table(job.Job, bpy.types.Operator):
    """Write the result's curves or events for statistics, Live Link, FLAME or annotation tools"""

    bl_idname = "microface.export_table"
    bl_label = "Export Table"

    filepath: StringProperty(subtype="FILE_PATH")
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    kind: EnumProperty(
        name="Format",
        items=(
            ("csv", "Table (.csv)", "Units, action units, pose and region motion with deviations"),
            ("arkit", "Live Link Face (.csv)", "52 ARKit weights, head and eyes"),
            ("flame", "FLAME (.npz)", "Coefficients of a result on a FLAME head"),
            ("elan", "ELAN (.txt)", "Events as tab-delimited text"),
            ("casme2", "CASME II (.csv)", "Events as a coding sheet"),
            ("samm", "SAMM (.csv)", "Events as a coding sheet"),
        ),
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a result."""
        cls.poll_message_set("Reconstruct or import a head first")
        return bool(properties.job(context).take) and not job.running()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask where to."""
        self.filepath = str(Path(properties.job(context).take).with_suffix("").with_suffix(".csv"))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        """Keep the ending of the name that of the format while the file browser is open."""
        path = str(Path(self.filepath).with_suffix(ENDINGS.get(self.kind, ".csv")))
        changed = path != self.filepath
        self.filepath = path
        return changed

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the choice as a command line."""
        path = Path(bpy.path.abspath(self.filepath))
        last = properties.job(context)  # the head's field may have changed since
        return ["export", last.take, f"--{self.kind}", str(path), "--head", last.head], [path]

    def finish(self, _context: bpy.types.Context, result: Message) -> None:
        """Say where it is."""
        self.report({"INFO"}, result["text"])


CLASSES = (MICROFACE_OT_export_table,)
