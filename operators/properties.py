# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender remembers for us: the user's choices on the scene, a job's state on the window manager, preferences."""

import sys
from pathlib import Path
from typing import cast

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..backend.shelf import BUILT_IN, kept

ADDON = __package__.rpartition(".")[0]


def _forget_error(_settings: bpy.types.PropertyGroup, context: bpy.types.Context) -> None:
    """The panel's error is about the video that was chosen before."""
    state = job(context)
    state.code = state.error = state.remedy = ""


def _heads(_owner: object, _context: bpy.types.Context, _typed: str) -> list[str]:
    """What a head may be called."""
    return [BUILT_IN, *(one.name for one in kept())]


class MICROFACE_PG_span(bpy.types.PropertyGroup):
    """Frames of the video, from 0."""

    start: IntProperty(name="Start", description="First frame of the video that is left out, from 0", min=0)
    end: IntProperty(name="End", description="The frame after the last one", min=1, default=1)


class MICROFACE_PG_settings(bpy.types.PropertyGroup):
    """What to reconstruct; saved with the file."""

    source: StringProperty(
        name="Video",
        description="Video file of a face, or folder of numbered images",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
        update=_forget_error,
    )
    head: StringProperty(
        name="Head",
        description="Name of an added head, or a head's file; empty for the one of the preferences",
        subtype="FILE_PATH",
        search=_heads,
        search_options={"SUGGESTION"},
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    quality: EnumProperty(
        name="Quality",
        description="How closely fast footage is looked at",
        items=(
            ("full", "Full", "Every frame of the video"),
            (
                "draft",
                "Draft",
                "About 30 frames a second of fast footage, for a quick look: what passes in between is not "
                "seen. Footage of up to 44 frames a second gets the full job",
            ),
        ),
    )
    live_correctives: BoolProperty(
        name="Live Pose Correctives",
        description="Let the head's pose correctives follow the bones by drivers, for posing by hand; "
        "else they are baked into a few keys. Heads without correctives, like the generic one, are not affected",
    )
    face: StringProperty(
        name="Face",
        description="Which of several faces: 0 for the largest, 1 for the next, or a pixel on it like 320,240",
    )
    use_range: BoolProperty(name="Frame Range", description="Reconstruct only a part of the video")
    range_start: IntProperty(name="Start", description="First frame of the video, from 0", min=0)
    range_end: IntProperty(name="End", description="The frame after the last one", min=1, default=100)
    use_neutral: BoolProperty(name="Neutral Frames", description="Say where the face is neutral")
    neutral_start: IntProperty(name="Start", description="First neutral frame of the video, from 0", min=0)
    neutral_end: IntProperty(name="End", description="The frame after the last neutral one", min=1, default=20)
    rate: EnumProperty(
        name="Frame Rate",
        description="How fast the scene runs; keys always lie at the footage's own times",
        items=(
            ("auto", "Automatic", "The footage's in an empty scene, else the scene's"),
            ("scene", "Scene's", "Leave the scene as it is: keys lie on fractional frames"),
            ("footage", "Footage's", "Let the scene run at the footage's rate"),
        ),
    )
    lens_from: EnumProperty(
        name="Lens",
        description="Where the focal length of the footage comes from; known is better than estimated",
        items=(
            ("FACE", "Estimate", "From the perspective of the face, within some ten per cent"),
            ("KNOWN", "Known", "You know the focal length"),
            ("CAMERA", "Scene's Camera", "That of the scene's active camera, as when the shot was tracked before"),
        ),
    )
    lens: FloatProperty(
        name="Focal Length",
        description="As on a sensor 36 mm wide, like the focal length of Blender's cameras",
        subtype="DISTANCE_CAMERA",
        min=1,
        soft_max=300,
        default=50,
    )
    exclude: CollectionProperty(type=MICROFACE_PG_span)
    mask: PointerProperty(
        name="Paint Out",
        description="Mask drawn over the footage in the clip editor: what is inside is not looked at",
        type=bpy.types.Mask,
    )
    detail: BoolProperty(
        name="Detail Keys",
        description="Also add shape keys for what the named units cannot say. Without them the face is easier to edit "
        "and less like the footage. Changing this computes nothing again",
        default=True,
    )
    result: EnumProperty(
        name="Result",
        description="What becomes of earlier takes of the same face in this scene",
        items=(
            ("ADD", "Add a Take", "Keep earlier takes, hidden"),
            ("REPLACE", "Replace the Take", "Remove the take that is shown, with all its keys"),
        ),
    )


class MICROFACE_PG_check(bpy.types.PropertyGroup):
    """One line of the health check; the name is what was looked at."""

    well: BoolProperty()
    detail: StringProperty()


class MICROFACE_PG_job(bpy.types.PropertyGroup):
    """The job that runs now and the outcome of the last one; never saved."""

    running: BoolProperty()
    stage: StringProperty()
    fraction: FloatProperty(subtype="FACTOR", min=0, max=1)
    time_left: StringProperty()
    job: StringProperty()  #: bl_idname of the job that runs or ran last
    code: StringProperty()
    error: StringProperty()
    remedy: StringProperty()
    take: StringProperty()
    head: StringProperty()
    checks: CollectionProperty(type=MICROFACE_PG_check)
    gpu: BoolProperty()  #: the GPU runtime is installed, as the last check or installation found
    kept_mb: FloatProperty(default=-1)  #: size of kept results; -1 before anybody asked


class Preferences:
    """What holds for all files; panels/preferences.py makes Blender's class of it."""

    head: StringProperty(
        name="Head",
        description="Which head to use where a file names none; empty for the built-in generic head",
        search=_heads,
    )
    device: EnumProperty(
        name="Networks Run On",
        description="They take a small part of the time; Check below measures each of these",
        items=(
            ("auto", "Best", "CUDA or DirectML when it works, else the processor"),
            ("cpu", "Processor", "Always the processor"),
            ("cuda", "CUDA", "An NVIDIA graphics card; needs the GPU runtime"),
            ("directml", "DirectML", "Any graphics card on Windows; needs ONNX Runtime for DirectML as GPU runtime"),
            ("coreml", "CoreML", "On macOS. Computes in half precision, which moves landmarks"),
        ),
    )
    runtime: StringProperty(
        name="GPU Runtime",
        description="Folder with ONNX Runtime for a graphics card; empty for the one installed below",
        subtype="DIR_PATH",
    )
    cache: FloatProperty(
        name="Keep Results Up To",
        description="GB of tracks and takes kept, so that a second run and a correction are quick; 0 keeps none",
        min=0,
        soft_max=20,
        max=10_000,
        default=1,
    )
    takes: StringProperty(
        name="Results Folder",
        description="Where takes go while the .blend file is not saved; empty for the extension's own folder",
        subtype="DIR_PATH",
    )


CLASSES = (MICROFACE_PG_span, MICROFACE_PG_settings, MICROFACE_PG_check, MICROFACE_PG_job)


def settings(context: bpy.types.Context) -> MICROFACE_PG_settings:
    """Give the user's choices of the current scene."""
    return cast(MICROFACE_PG_settings, context.scene.microface)


def job(context: bpy.types.Context) -> MICROFACE_PG_job:
    """Give the state of the job."""
    return cast(MICROFACE_PG_job, context.window_manager.microface)


def preferences(context: bpy.types.Context) -> Preferences | None:
    """Give the preferences; None when the package runs without being an enabled add-on, as in tests."""
    addon = context.preferences.addons.get(ADDON)
    return cast(Preferences, addon.preferences) if addon else None


def head(context: bpy.types.Context) -> str:
    """Give the head to use, as the option `--head` wants it: the scene's, else that of the preferences."""
    chosen, general = settings(context).head, preferences(context)
    return bpy.path.abspath(chosen) if chosen else (general and general.head) or BUILT_IN


def installed_gpu() -> Path:
    """Where the GPU runtime is installed: in the extension's user folder, which an upgrade leaves alone, for this Python."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    try:
        return Path(bpy.utils.extension_path_user(ADDON, path="gpu")) / tag
    except ValueError:  # not installed as an extension: the bpy module in a checkout
        return Path(bpy.utils.user_resource("DATAFILES", path="microface/gpu")) / tag


def gpu_folder(context: bpy.types.Context) -> str:
    """The ONNX Runtime that the worker shall try first: the folder of the preferences, else the installed one, else none."""
    general = preferences(context)
    if general and general.runtime:
        return bpy.path.abspath(general.runtime)
    return str(installed_gpu()) if installed_gpu().is_dir() else ""


def attach() -> None:
    """Hang the properties on Blender's types."""
    bpy.types.Scene.microface = PointerProperty(type=MICROFACE_PG_settings)
    bpy.types.WindowManager.microface = PointerProperty(type=MICROFACE_PG_job)


def detach() -> None:
    """Take the properties off again."""
    del bpy.types.WindowManager.microface
    del bpy.types.Scene.microface
