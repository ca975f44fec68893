# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion that another program captured, on a head in the scene."""

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, FloatProperty, StringProperty

from ..backend.messages import Message
from . import job, properties
from .reconstruct import free_path, look_through_camera, show_result, takes_folder


class MICROFACE_OT_import_motion(job.Asked, bpy.types.Operator):
    """Read a Live Link Face recording (.csv) or a FLAME sequence (.npz) and animate the chosen head with it"""

    bl_idname = "microface.import_motion"
    bl_label = "Import Motion"
    bl_options = {"UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.csv;*.npz", options={"HIDDEN"})
    fps: FloatProperty(
        name="Frame Rate",
        description="Of a file that does not say it, or of the timecode; 0: as the file says",
        min=0,
        max=32767,
        options={"SKIP_SAVE"},
    )
    units: BoolProperty(
        name="Named Units",
        description="Say a FLAME sequence in the 52 named units; what these cannot say becomes detail",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One job at a time."""
        return job.idle(cls)

    def told(self) -> dict[str, object]:
        """The file, its rate, and in which words."""
        return {"filepath": self.filepath, "fps": self.fps, "units": self.units}

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the choice as a command line."""
        source = Path(bpy.path.abspath(self.filepath))
        take = free_path(takes_folder(context), source.stem)
        argv = ["import", str(source), "--out", str(take), "--head", properties.head(context)]
        argv += ["--fps", f"{self.fps:.6g}"] if self.fps else []
        return argv + (["--units"] if self.units else []), [take]

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Build the scene."""
        from ..backend.heads import load_head
        from ..backend.take import read_take
        from .scene.build import build_scene, corrective_note

        take, head = read_take(Path(result["take"])), load_head(result["head"])
        choice, name = properties.settings(context), Path(self.filepath).stem
        rate = None if choice.rate == "auto" else choice.rate
        built = build_scene(context, take, head, clip_path=None, rate=rate, name=name, live=choice.live_correctives)
        look_through_camera(context)
        show_result(context, result)
        self.report({"INFO"}, result["text"] + corrective_note(built))


CLASSES = (MICROFACE_OT_import_motion,)
