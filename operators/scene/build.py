# SPDX-License-Identifier: GPL-3.0-or-later
"""From a take to a scene, everything in one collection: head, rig, performance, camera, footage; and sound and markers."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, Literal

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.atomic import whole_file
from ...backend.types import Clip, Take
from ...backend.video import open_clip
from ...models.head.correctives import bake
from ...models.head.model import HeadModel
from ..micro_expressions import attached
from . import stage
from .action import build_action
from .armature import build_armature
from .camera import build_camera, set_resolution
from .events import add_rows
from .footage import add_footage
from .live import add_live_correctives, add_strength_correctives
from .markers import add_markers, remember
from .mesh import build_head, slider_range
from .performance import channels, keyed_frames
from .pins import build_pins
from .rate import rate as scene_rate
from .rate import seconds_to_frame, set_rate
from .sound import add_sound
from .strength import add_strength

#: Custom property of the head: how far the baked pose correctives are from the exact ones at most, mm.
CORRECTIVE_ERROR = "pose_corrective_error_mm"


def build_scene(
    context: bpy.types.Context,
    take: Take,
    head: HeadModel,
    *,
    clip_path: str | Path | None,
    clip: Clip | None = None,
    rate: Literal["scene", "footage"] | None = None,
    name: str | None = None,
    live: bool = False,
    was_empty: bool = False,
) -> bpy.types.Collection:
    """Build the take in the scene of `context`.

    An empty scene becomes the footage's: frame rate, frame range, resolution, camera and a soft light. In any other
    scene only a collection is added; the keys then lie on fractional frames of that scene.

    Args:
        clip_path: the footage, shown behind the camera when it is there; None: there is none.
        clip: its timing, when already known.
        rate: whose frame rate the scene shall have; None: the footage's in an empty scene, else the scene's.
        name: of the collection; None: the footage's, or the head's.
        live: pose correctives follow the bones by drivers, instead of being baked into a few keys for this take.
        was_empty: the scene was empty when the job began, and counts as such though the artist went on working.

    Raises:
        MicrofaceError: ``other_head``, ``no_face`` or ``too_strong``, before anything is built.
    """
    scene, path = context.scene, Path(clip_path) if clip_path else None
    baked = None if live else bake(head.pose_correctives, take.pose[keyed_frames(take)])
    moving = channels(take, head, baked)
    for channel in moving:
        slider_range(channel.name, channel.values)
    empty = was_empty or stage.is_empty(scene)
    if rate == "footage" or (rate is None and empty):
        set_rate(scene, float(take.source["fps"]))
    if empty:
        set_resolution(scene, take)
    fps = scene_rate(scene)
    collection = bpy.data.collections.new(name or (path.stem if path else head.name))
    scene.collection.children.link(collection)
    label = collection.name  # Blender numbers a name that is taken
    rig = build_armature(context, collection, label, take, head)
    thing = build_head(collection, label, take, head, moving, rig)
    action = build_action(label, take, head, moving, seconds_to_frame(take.time_s, fps), thing, rig)
    if head.citation:  # the terms of other people's heads stay with what is made of them
        thing["head"], thing["head_licence"], thing["head_citation"] = head.name, head.licence, head.citation
    add_strength(thing, rig, head, moving)
    if live:
        add_live_correctives(thing, rig, head)
    elif baked and len(baked.basis):
        thing[CORRECTIVE_ERROR] = 1000 * baked.error_m
        add_strength_correctives(thing, rig, head)
    camera = build_camera(collection, label, take)
    build_pins(collection, camera, take, head)
    if path and path.exists():
        add_footage(scene, camera, take, path, _times(take, path, clip), fps)
        add_sound(scene, take, path, fps)
    add_markers(scene, action, take, fps)
    if attached():  # always, but where a script builds scenes without the add-on
        add_rows(thing, take.events)
        remember(scene, thing)
    scene.camera = camera if empty else scene.camera or camera
    if empty:
        stage.dress(scene, collection, take, fps)
    for other in context.view_layer.objects.selected[:]:
        other.select_set(False)
    thing.select_set(True)  # the editors show the curves of what is selected
    context.view_layer.objects.active = thing
    return collection


def corrective_note(collection: bpy.types.Collection) -> str:
    """How the built head carries its pose correctives, as a sentence; empty when it has none baked."""
    thing = next(thing for thing in collection.objects if thing.type == "MESH")
    error = thing.get(CORRECTIVE_ERROR)
    if error is None:
        return ""
    count = sum(key.name.startswith("corrective") for key in thing.data.shape_keys.key_blocks)
    return f" Pose correctives in {count} keys, within {error:.4f} mm."


def _times(take: Take, path: Path, clip: Clip | None) -> NDArray[np.floating[Any]]:
    """Times of the footage's frames from its first on: the take's own, unless it covers a part of them only."""
    numbers = take.footage_frames
    if clip is None and numbers[-1] >= len(numbers):
        clip = open_clip(path)
    return take.time_s if clip is None else clip.time_s


def open_take(
    take: Take, head: HeadModel, clip_path: str | Path | None = None, name: str | None = None
) -> bpy.types.Collection:
    """Build the take in a new file. What is open in this Blender is closed: for headless use."""
    bpy.ops.wm.read_homefile(use_empty=True)
    return build_scene(bpy.context, take, head, clip_path=clip_path and Path(clip_path).resolve(), name=name)


def write_blend(
    path: Path, take: Take, head: HeadModel, clip_path: str | Path | None, name: str | None = None
) -> bpy.types.Collection:
    """Build the take as `open_take` does and save it.

    Raises:
        MicrofaceError: ``disk_full``, ``read_only``, ``not_written``, or as `build_scene`; `path` is then as before.
    """
    collection = open_take(take, head, clip_path, name)
    _look_through_camera()
    with whole_file(path) as part:
        save_whole(part)
    return collection


def save_whole(part: Path) -> None:
    """Save and read back: on a full disk Blender cuts a compressed file short without a word."""
    part.touch()  # fails at once, in the system's words, where nothing can be written
    part.unlink()  # of an existing file Blender would keep a copy
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(part), copy=True, check_existing=False, compress=True)
    except RuntimeError as error:
        full = any(os.strerror(number) in str(error) for number in (errno.ENOSPC, errno.EFBIG))
        raise OSError(errno.ENOSPC if full else errno.EIO, str(error).strip()) from error
    finally:
        part.with_name(f"{part.name}@").unlink(missing_ok=True)  # where Blender writes before it renames
    try:
        with bpy.data.libraries.load(str(part)):
            pass
    except OSError as error:
        raise OSError(errno.ENOSPC, str(error)) from error


def _look_through_camera() -> None:
    """Every 3D view of the file opens on the matched camera."""
    views = (area.spaces.active for screen in bpy.data.screens for area in screen.areas if area.type == "VIEW_3D")
    for view in views:
        view.region_3d.view_perspective = "CAMERA"
        view.clip_start = 0.01
