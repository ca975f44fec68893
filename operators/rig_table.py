# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a character's controls as a file."""

from pathlib import Path
from typing import Any

import bpy
from bpy.props import StringProperty

from ..backend.errors import MicrofaceError
from .character import OfCharacter
from .result import chosen_character, result_of


class _TableFile(OfCharacter):
    """A file browser for a table."""

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file."""
        if not self.filepath:
            self.filepath = f"{chosen_character(context).name}.rig.json"
        context.window_manager.fileselect_add(self)  # type: ignore[arg-type]  # mixed into an Operator
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Use the file."""
        try:
            self.use(chosen_character(context), Path(bpy.path.abspath(self.filepath)))
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        return {"FINISHED"}

    def use(self, character: bpy.types.Object, path: Path) -> None:
        """Read or write the table. Raises MicrofaceError."""
        raise NotImplementedError


class MICROFACE_OT_save_table(_TableFile, bpy.types.Operator):
    """Save the table of controls (JSON), to use it again or on other characters of the same rig"""

    bl_idname = "microface.save_table"
    bl_label = "Save Table"

    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def use(self, character: bpy.types.Object, path: Path) -> None:
        """Write it."""
        from ..backend.retarget.mapping import write_mapping  # loads numpy, which enabling the add-on must not
        from .scene.table import table_of

        write_mapping(path if path.suffix else path.with_suffix(".json"), table_of(result_of(character)))
        self.report({"INFO"}, f"Wrote {path}")


class MICROFACE_OT_load_table(_TableFile, bpy.types.Operator):
    """Let a saved table of controls act on the result: what to use, how strongly, how far. Nothing is solved again"""

    bl_idname = "microface.load_table"
    bl_label = "Load Table"
    bl_options = {"UNDO"}

    def use(self, character: bpy.types.Object, path: Path) -> None:
        """Lay it on the result."""
        from ..backend.retarget.mapping import read_mapping
        from .scene.table import apply

        unsolved = apply(result_of(character), read_mapping(path))
        if unsolved:
            told = f"{len(unsolved)} controls, such as {unsolved[0]}, move only when the take is retargeted again"
            self.report({"WARNING"}, told)


CLASSES: tuple[Any, ...] = (MICROFACE_OT_save_table, MICROFACE_OT_load_table)
