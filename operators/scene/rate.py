# SPDX-License-Identifier: GPL-3.0-or-later
"""Seconds and frames. Time 0 is scene frame 1, where Blender's own movies start; frames are fractional."""

from __future__ import annotations

import math
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Array = NDArray[np.float64]

FIRST_FRAME = 1
MAX_FPS = 32767  # of RenderSettings.fps
NTSC = 1.001
TOLERANCE = 2e-4  # relative: what rounded time stamps do to a mean rate


def nominal_rate(fps: float) -> tuple[int, float]:
    """Blender's `fps` and `fps_base` of a measured rate; whole and NTSC rates (24/1.001) are exact."""
    for base in (1.0, NTSC):
        whole = round(fps * base)
        if 0 < whole <= MAX_FPS and abs(whole / base / fps - 1) < TOLERANCE:
            return whole, base
    whole = min(max(math.ceil(fps), 1), MAX_FPS)
    return whole, whole / fps


def rate(scene: bpy.types.Scene) -> float:
    """Frames per second. `fps_base` is a float32: seven digits give back the 1.001 that was meant."""
    return scene.render.fps / float(f"{scene.render.fps_base:.7g}")


def set_rate(scene: bpy.types.Scene, fps: float) -> None:
    """Let the scene run at the footage's rate."""
    scene.render.fps, scene.render.fps_base = nominal_rate(fps)


def seconds_to_frame(seconds: Floats | float, fps: float) -> Array:
    """Fractional scene frames of times in seconds, any shape."""
    return np.asarray(seconds, np.float64) * fps + FIRST_FRAME


def frame_to_seconds(frame: Floats | Ints | float, fps: float) -> Array:
    """Times in seconds of scene frames, any shape."""
    return (np.asarray(frame, np.float64) - FIRST_FRAME) / fps
