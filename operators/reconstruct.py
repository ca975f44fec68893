# SPDX-License-Identifier: GPL-3.0-or-later
"""The main button: from the video on the scene to an animated head in it."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..backend.messages import Message
from . import job, properties


class MICROFACE_OT_reconstruct(job.Job, bpy.types.Operator):
    """Turn the video of a face into an animated head, with a camera that matches the footage"""

    bl_idname = "microface.reconstruct"
    bl_label = "Reconstruct from video"
    bl_options = {"UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The panel's button says why it cannot be pressed."""
        if job.running():
            cls.poll_message_set("A job is running: wait for it, or cancel it")
            return False
        if not properties.settings(context).source:
            cls.poll_message_set("Choose a video first")
            return False
        return True

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the scene's settings as a command line."""
        choice = properties.settings(context)
        source = Path(bpy.path.abspath(choice.source))
        take = free_path(takes_folder(context), source.stem)
        preferences = properties.preferences(context)
        device = preferences.device if preferences else "auto"
        argv = ["reconstruct", str(source), "--out", str(take), "--device", device]
        return [*argv, "--head", properties.head(context), *options(choice)], [take]

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Build the scene and list what was found."""
        # numpy and the scene's modules load with the first result: enabling the add-on stays instant
        from ..backend.heads import load_head
        from ..backend.take import read_take
        from .scene.build import build_scene, corrective_note

        # source and head as they were when the job began: the fields may have changed since
        take, head = read_take(Path(result["take"])), load_head(result["head"])
        choice = properties.settings(context)
        rate = None if choice.rate == "auto" else choice.rate
        built = build_scene(
            context, take, head, clip_path=Path(result["source"]), rate=rate, live=choice.live_correctives
        )  # fmt: skip
        look_through_camera(context)
        show_result(context, result)
        self.report(
            {"INFO"},
            f"{len(take.time_s)} frames, events found: {len(take.events)}.{corrective_note(built)} {result['take']}",
        )


class MICROFACE_OT_cancel(bpy.types.Operator):
    """Stop the job that is running"""

    bl_idname = "microface.cancel"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """There must be something to stop."""
        return job.running()

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask for it; the job's operator reports when it is done."""
        job.request_cancel()
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_reconstruct, MICROFACE_OT_cancel)


def options(choice: properties.MICROFACE_PG_settings) -> list[str]:
    """Write the optional settings as command-line options."""
    argv: list[str] = []
    if choice.face:
        argv += ["--face", choice.face]
    if choice.use_range:
        argv += ["--range", f"{choice.range_start}:{choice.range_end}"]
    if choice.use_neutral:
        argv += ["--neutral", f"{choice.neutral_start}:{choice.neutral_end}"]
    if choice.use_fov:
        argv += ["--fov", f"{math.degrees(choice.fov):.4f}"]
    return argv


def takes_folder(context: bpy.types.Context) -> Path:
    """Takes lie beside the saved .blend, else in the folder of the preferences, else in the extension's own folder."""
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent
    preferences = properties.preferences(context)
    if preferences and preferences.takes:
        return Path(bpy.path.abspath(preferences.takes))
    try:
        return Path(bpy.utils.extension_path_user(properties.ADDON, path="takes", create=True))
    except ValueError:  # not installed as an extension: the bpy module in a checkout
        return Path(bpy.utils.user_resource("DATAFILES", path="microface", create=True))


def free_path(folder: Path, stem: str) -> Path:
    """Name a take so that no earlier one is overwritten, as Blender counts: clip, clip.001, ..."""
    path, count = folder / f"{stem}.take.npz", 0
    while path.exists():
        count += 1
        path = folder / f"{stem}.{count:03}.take.npz"
    return path


def look_through_camera(context: bpy.types.Context) -> None:
    """Show the head over its footage in the view whose button was pressed; headless there is none."""
    space = context.space_data
    if isinstance(space, bpy.types.SpaceView3D) and space.region_3d:
        space.region_3d.view_perspective = "CAMERA"


def show_result(context: bpy.types.Context, result: Message) -> None:
    """Put the result into the panel's state."""
    state = properties.job(context)
    state.take, state.head = result["take"], result["head"]
    state.events.clear()
    for row in result["events"]:
        item = state.events.add()
        item.name = f"{row['kind']}  {row['apex_s']:.2f} s  {row['peak_px']:.1f} px"
        item.apex_s = row["apex_s"]
        strongest = row["units"].partition(" ")[0]
        item.unit = re.sub("(Left|Right)$", lambda side: f" {side[0][0]}", strongest)  # the sidebar is narrow
