# SPDX-License-Identifier: GPL-3.0-or-later
"""The footage behind the camera: at every scene frame the source frame of that time.

Blender shows picture number `frame + offset` of a movie, and finds picture `n` at `(n - 1) / rate` seconds, `rate`
being its own guess for the file. That serves only scenes that run at this rate. So the offset is keyed, one step for
every scene frame where it changes.

Not in our hands: Blender cannot seek to the first group of pictures of an MPEG program stream (.mpg) and shows the
second group's first picture for it, about half a second long.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.types import Take
from ...backend.video import folder
from .action import CONSTANT, add_curve, assign
from .rate import FIRST_FRAME, frame_to_seconds, nominal_rate, seconds_to_frame

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

EARLY = 1e-3  # of a movie frame: what rounding does to a time that is meant to be exact
TICK = 1e-3  # s: clock of Matroska and WebM, to which the times of their frames are rounded
TIE = 1e-6  # s
ENDLESS = 1_000_000  # scene frames: the offset alone decides which picture is shown
PATH = "background_images[0].image_user.frame_offset"


def add_footage(
    scene: bpy.types.Scene, thing: bpy.types.Object, take: Take, path: Path, time_s: Floats, fps: float
) -> None:
    """Show the footage behind the camera `thing`; nothing where Blender cannot read it.

    Args:
        path: video file or folder of images.
        time_s: (N,) times of its frames from the first on, seconds.
        fps: the scene's rate.
    """
    found = _folder(path) if path.is_dir() else _movie(path, time_s)
    if found is None:
        return
    image, numbers = found
    _show(scene, cast(bpy.types.Camera, thing.data), take, image)
    frames, offsets = picture_offsets(numbers[: len(time_s)], time_s, fps)
    bag = assign(bpy.data.actions.new(f"{thing.name} footage"), thing.data, "CAMERA")
    add_curve(bag, PATH, 0, frames, offsets, CONSTANT)


def _show(scene: bpy.types.Scene, camera: bpy.types.Camera, take: Take, image: bpy.types.Image) -> None:
    camera.show_background_images = True
    background = camera.background_images.new()
    background.image = image
    background.alpha = 1.0
    background.frame_method = _fit(scene, take)
    user = background.image_user
    user.frame_start, user.frame_duration, user.use_auto_refresh = FIRST_FRAME, ENDLESS, True


def picture_offsets(numbers: Ints, time_s: Floats, fps: float) -> tuple[Ints, Ints]:
    """Scene frames (K,) and the offset (K,) of the picture from each of them on.

    Args:
        numbers: (N,) Blender's number of every source frame.
        time_s: (N,) its time, seconds.
        fps: the scene's rate.
    """
    first, last = seconds_to_frame(time_s[[0, -1]], fps)
    frames = np.arange(int(np.floor(first)), int(np.ceil(last)) + 1)
    shown = nearest(time_s, frame_to_seconds(frames, fps))
    offsets = numbers[shown] - np.maximum(frames - FIRST_FRAME + 1, 0)  # Blender's own count, which stops at 0
    changes = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 1))
    return frames[changes], offsets[changes]


def nearest(times: Floats, seconds: Floats) -> Ints:
    """Index (M,) of the entry of `times` (N,) nearest to each of `seconds` (M,); the earlier of two."""
    middles = (times[1:] + times[:-1]) / 2
    return np.searchsorted(middles, np.asarray(seconds) - TIE)


def movie_numbers(time_s: Floats, rate: float) -> Ints:
    """Blender's numbers (N,) of the frames of a movie that it reads at `rate`."""
    ticks = np.asarray(time_s, np.float64) / TICK
    rounded = 0.5 * TICK * rate if np.allclose(ticks, np.round(ticks), rtol=0, atol=EARLY) else 0.0
    return np.ceil((time_s - time_s[0]) * rate - rounded - EARLY).astype(np.int64) + 1


def sequence_numbers(names: list[str]) -> Ints | None:
    """Blender's numbers (N,) of images, rising: the last in their names. None unless they differ in nothing else."""
    parts = [re.fullmatch(r"(.*?)(\d+)(\D*)", name) for name in names]
    if not names or not all(parts):
        return None
    head, digits, tail = min(parts, key=lambda part: int(part[2])).groups()
    numbers = sorted(int(part[2]) for part in parts)
    regular = {f"{head}{number:0{len(digits)}d}{tail}" for number in numbers}
    return np.array(numbers) if regular == set(names) else None


def _movie(path: Path, time_s: Floats) -> tuple[bpy.types.Image, Ints] | None:
    """The movie, and its numbers by the rate at which Blender reads it, which only a movie clip tells."""
    image = bpy.data.images.load(str(path), check_existing=True)
    if not image.size[0]:  # a codec that this Blender lacks
        bpy.data.images.remove(image)
        return None
    if image.source != "MOVIE":  # one picture
        return image, np.ones(len(time_s), np.int64)
    clip = bpy.data.movieclips.load(str(path))
    whole, base = nominal_rate(clip.fps)
    bpy.data.movieclips.remove(clip)
    return image, movie_numbers(time_s, whole / base)


def names_of(path: Path) -> list[str]:
    """Names of the images in a folder."""
    return [file.name for file in path.iterdir() if file.suffix.lower() in folder.SUFFIXES and file.name[0] != "."]


def _folder(path: Path) -> tuple[bpy.types.Image, Ints] | None:
    """The images as a sequence."""
    names = names_of(path)
    numbers = sequence_numbers(names)
    if numbers is None:
        return None
    image = bpy.data.images.load(str(path / min(names, key=lambda name: (len(name), name))), check_existing=True)
    image.source = "SEQUENCE"
    return image, numbers


def _fit(scene: bpy.types.Scene, take: Take) -> str:
    """The camera matches the footage's width, so the background must fill the frame's width, whatever its height."""
    render = scene.render
    width, height = take.size
    frame = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    return "FIT" if width / height >= frame else "CROP"
