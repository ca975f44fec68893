# SPDX-License-Identifier: GPL-3.0-or-later
"""A mask drawn over the footage, as grey pictures for the worker.

Blender's own sequencer draws them: so curves, feather, layers, keys and the tracks that points follow are as the clip editor
shows them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import cv2
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.types import Clip
from ..compat import colour_strip
from .footage import movie_numbers, names_of, sequence_numbers
from .rate import nominal_rate

Ints = NDArray[np.int64]

WHITE = 100  #: brightness that makes white of black
LONGER_SIDE = 640  #: px of a picture at most: a mask is drawn by hand


def footage_clip(path: Path) -> bpy.types.MovieClip:
    """The footage as the clip editor shows it, loaded when it is not yet.

    Raises:
        MicrofaceError: ``not_shown`` when Blender cannot read it.
    """
    try:
        if path.is_dir():
            names = names_of(path)
            if sequence_numbers(names) is None:
                raise RuntimeError("its pictures are not numbered in one row")
            path = path / min(names, key=lambda name: (len(name), name))
        return bpy.data.movieclips.load(str(path), check_existing=True)
    except RuntimeError as error:
        text = f"Blender cannot show {path.name} in the clip editor: {str(error).strip()}."
        raise MicrofaceError("not_shown", text, "Convert it to mp4.") from error


def clip_frames(shown: bpy.types.MovieClip, clip: Clip) -> Ints:
    """The scene's frame (N,) at which the clip editor shows each frame of some footage."""
    if clip.path.is_dir():
        found = sequence_numbers(names_of(clip.path))
        numbers = np.arange(len(clip.time_s)) if found is None else found - found[0]
    else:
        whole, base = nominal_rate(shown.fps)
        numbers = movie_numbers(clip.time_s, whole / base) - 1
    return numbers + shown.frame_start - shown.frame_offset


def write_masks(mask: bpy.types.Mask, shown: bpy.types.MovieClip, clip: Clip, wanted: range, folder: Path) -> None:
    """One grey picture for every frame of the footage into an empty folder; black beyond the frames wanted.

    Args:
        mask: drawn over `shown`.
        clip: the same footage, with its timing.
        wanted: frames of it.
        folder: is emptied first.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shrink = min(1.0, LONGER_SIDE / max(clip.width, clip.height))
    size = max(round(clip.width * shrink), 4), max(round(clip.height * shrink), 4)
    at = clip_frames(shown, clip)
    with _drawn(mask, at[list(wanted)], size, folder) as drawn:
        none = cv2.imencode(".png", np.zeros(size[::-1], np.uint8))[1].tobytes()
        for number, frame in enumerate(at.tolist()):
            picture = drawn / f"{frame:06d}.png"
            data = _whole(picture) if number in wanted and picture.is_file() else none
            (folder / f"{number:06d}.png").write_bytes(data)


def _whole(picture: Path) -> bytes:
    """A drawn picture; the pixel at its top right is its neighbour's, for up to 5.0 Blender leaves in it what memory held."""
    grey = cv2.imdecode(np.fromfile(picture, np.uint8), cv2.IMREAD_GRAYSCALE)
    grey[0, -1] = grey[0, -2]
    return cv2.imencode(".png", grey)[1].tobytes()


@contextmanager
def _drawn(mask: bpy.types.Mask, frames: Ints, size: tuple[int, int], folder: Path) -> Iterator[Path]:
    """A folder of pictures, named by the scene's frame, that a sequencer of its own draws; nothing stays in the file."""
    first, last = int(frames.min()), int(frames.max())
    scene = bpy.data.scenes.new("Microface mask")
    drawn = folder / "drawn"
    try:
        editor: Any = scene.sequence_editor_create()
        # not a strip of the mask: Blender counts its users wrongly, and complains when the scene goes
        black = colour_strip(editor.strips, mask.name, first, last + 1)
        black.color = (0, 0, 0)
        with bpy.context.temp_override(sequencer_scene=scene):  # Blender 5.0 looks for one, and crashes
            white = black.modifiers.new("Mask", "BRIGHT_CONTRAST")
        white.input_mask_type, white.mask_time, white.input_mask_id = "ID", "ABSOLUTE", mask
        white.bright = WHITE
        render = scene.render
        render.resolution_x, render.resolution_y, render.resolution_percentage = *size, 100
        render.use_sequencer, render.use_file_extension = True, False
        render.image_settings.file_format, render.image_settings.color_mode = "PNG", "BW"
        scene.view_settings.view_transform = "Raw"
        scene.frame_start, scene.frame_end = first, last
        render.filepath = str(drawn / "######.png")
        bpy.ops.render.render(animation=True, scene=scene.name)
        yield drawn
    finally:
        bpy.data.scenes.remove(scene)
        shutil.rmtree(drawn, ignore_errors=True)
