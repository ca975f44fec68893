# SPDX-License-Identifier: GPL-3.0-or-later
"""The main button: from the video on the scene to an animated head in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.errors import MicrofaceError
from ..backend.messages import Message
from . import job, properties
from .pins import pins_file
from .plot_motion import plot_take

if TYPE_CHECKING:  # both load numpy, which enabling the add-on must not
    from ..backend.types import Take
    from ..models.head.model import HeadModel

SENSOR_MM = 36.0  # of a focal length that is called known


class MICROFACE_OT_reconstruct(job.Job, bpy.types.Operator):
    """Turn the video of a face into an animated head, with a camera that matches the footage"""

    bl_idname = "microface.reconstruct"
    bl_label = "Reconstruct from video"
    bl_options = {"UNDO"}

    was_empty = False  # the scene, when the job began

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The panel's button says why it cannot be pressed."""
        if not job.idle(cls):
            return False
        if not properties.settings(context).source:
            cls.poll_message_set("Choose a video first")
            return False
        return True

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Write the scene's settings as a command line."""
        from .scene.stage import is_empty

        self.was_empty = is_empty(context.scene)
        choice = properties.settings(context)
        source = Path(bpy.path.abspath(choice.source))
        take = free_path(takes_folder(context), source.stem)
        preferences = properties.preferences(context)
        device = preferences.device if preferences else "auto"
        argv = ["reconstruct", str(source), "--out", str(take), "--device", device]
        argv += ["--head", properties.head(context), *options(context)]
        return [*argv, *mask_pictures(context, source), *pins_file(context, source)], [take]

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Build the scene and list what was found."""
        # numpy and the scene's modules load with the first result: enabling the add-on stays instant
        from ..backend.heads import load_head
        from ..backend.take import read_take
        from .scene.build import corrective_note

        # source and head as they were when the job began: the fields may have changed since
        take, head = read_take(Path(result["take"])), load_head(result["head"])
        same = self.was_empty and context.scene.name == self.scene
        built = add_take(context, take, head, Path(result["source"]), result["take"], was_empty=same)
        look_through_camera(context, next(thing for thing in built.objects if thing.type == "CAMERA"))
        show_result(context, result)
        known = "Known from an earlier run. " if result["known"] else ""
        found = f"{len(take.time_s)} frames, events found: {len(take.events)}."
        self.report({"INFO"}, f"{known}{found}{corrective_note(built)} {result['take']}")


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


def add_take(
    context: bpy.types.Context, take: Take, head: HeadModel, footage: Path, file: str, *, was_empty: bool = False
) -> bpy.types.Collection:
    """Build a take as the settings want it, in place of the shown one of its face or beside it.

    Args:
        footage: the video.
        file: the take's path.
        was_empty: as of `build_scene`.
    """
    from .scene import takes
    from .scene.build import build_scene

    choice, scene = properties.settings(context), context.scene
    wanted = take if choice.detail else takes.without_detail(take)
    takes.check(wanted, head)
    shown = [one for one in takes.rivals(scene, takes.face_of(take)) if not one.hide_viewport]
    if choice.result == "REPLACE" and shown:
        takes.remove(scene, shown[-1])
    rate = None if choice.rate == "auto" else choice.rate
    how = {"rate": rate, "live": choice.live_correctives, "was_empty": was_empty}
    built = build_scene(context, wanted, head, clip_path=footage, **how)
    takes.mark(built, file, take)
    takes.show(scene, built)
    plot_take(context, built)
    return built


def options(context: bpy.types.Context) -> list[str]:
    """Write the optional settings as command-line options.

    Raises:
        MicrofaceError: ``no_camera``.
    """
    choice, preferences = properties.settings(context), properties.preferences(context)
    argv = ["--quality", choice.quality]
    if choice.face:
        argv += ["--face", choice.face]
    if choice.use_range:
        argv += ["--range", f"{choice.range_start}:{choice.range_end}"]
    if choice.use_neutral:
        argv += ["--neutral", f"{choice.neutral_start}:{choice.neutral_end}"]
    for span in choice.exclude:
        argv += ["--exclude", f"{span.start}:{span.end}"]
    if choice.lens_from != "FACE":
        argv += ["--fov", f"{math.degrees(field_of_view(context)):.4f}"]
    if preferences:
        argv += ["--cache", f"{preferences.cache:g}"]
    return argv


def mask_pictures(context: bpy.types.Context, source: Path) -> list[str]:
    """Draw what is painted out of the footage, for the worker: the option that names the pictures.

    Raises:
        MicrofaceError: as `open_clip` and `footage_clip`.
    """
    choice = properties.settings(context)
    if not choice.mask:
        return []
    from ..backend.video import open_clip
    from .scene.counter import counted
    from .scene.painted import footage_clip, write_masks

    clip, folder = open_clip(source), Path(bpy.app.tempdir) / "microface-mask"
    count = len(clip.time_s)
    first, stop = (choice.range_start, choice.range_end) if choice.use_range else (0, count)
    wanted = range(first, min(stop, count))
    if not wanted:  # the worker says what is wrong with the range
        return []
    with counted(context.window_manager, len(wanted)):
        write_masks(choice.mask, footage_clip(source), clip, wanted, folder)
    return ["--mask", str(folder)]


def field_of_view(context: bpy.types.Context) -> float:
    """The angle in radians across the footage, by the known focal length or the scene's camera.

    Raises:
        MicrofaceError: ``no_camera``.
    """
    choice, camera = properties.settings(context), context.scene.camera
    if choice.lens_from == "KNOWN":
        return 2 * math.atan(SENSOR_MM / 2 / choice.lens)
    if camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
        text = f"The scene {context.scene.name} has no perspective camera."
        raise MicrofaceError("no_camera", text, "Set Lens to Estimate or Known, or add a camera.")
    right, *_, left = (corner.x / -corner.z for corner in camera.data.view_frame(scene=context.scene))
    return abs(math.atan(right) - math.atan(left))


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


def look_through_camera(context: bpy.types.Context, camera: bpy.types.Object | None = None) -> None:
    """Show the head over its footage in the view whose button was pressed; headless there is none.

    Args:
        camera: the take's; where the scene renders another one, this view alone looks through it.
    """
    space = context.space_data
    if isinstance(space, bpy.types.SpaceView3D) and space.region_3d:
        space.use_local_camera = camera is not None and camera != context.scene.camera
        if space.use_local_camera:
            space.camera = camera
        space.region_3d.view_perspective = "CAMERA"


def show_result(context: bpy.types.Context, result: Message) -> None:
    """Put the result into the panel's state."""
    state = properties.job(context)
    state.take, state.head = result["take"], result["head"]
