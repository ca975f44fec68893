# SPDX-License-Identifier: GPL-3.0-or-later
"""The colour of the eyes, as the footage shows it."""

from __future__ import annotations

import numpy as np

from ...models.head.model import HeadModel
from ...models.head.raster import project, rasterise
from ..mesh import vertices_at
from ..types import Clip, Take
from ..video import frames as frames_of
from .projection import chosen_frames, solid

FEWEST = 30  #: px of all frames together: with fewer the eyes are too small to tell


def iris_colour(take: Take, head: HeadModel, clip: Clip) -> tuple[int, int, int] | None:
    """Red, green and blue 0..255, the median of all pixels that show an iris; None where they are too few.

    Raises:
        MicrofaceError: as `video.frames`.
    """
    faces, numbers = head.faces[solid(head)], take.footage_frames
    part = head.face_part[solid(head)]
    if "iris" not in head.part_names:
        return None
    seen = [np.zeros((0, 3), np.uint8)]
    for index in chosen_frames(take).tolist():
        triangle, _ = rasterise(project(vertices_at(take, head, index), take.camera), faces, *take.size)
        iris = (triangle >= 0) & (part[triangle] == head.part_names.index("iris"))
        frame = next(frames_of(clip, int(numbers[index]), int(numbers[index]) + 1))
        seen.append(frame.rgb[iris])
    pixels = np.concatenate(seen)
    if len(pixels) < FEWEST:
        return None
    red, green, blue = np.median(pixels, axis=0).round().astype(int).tolist()
    return red, green, blue
