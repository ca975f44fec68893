# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that took the footage."""

from __future__ import annotations

import bpy
import numpy as np

from ...backend.types import Take
from .performance import keyed_frames
from .space import STAND

SENSOR_MM = 36.0  # any width does: only its ratio to the focal length shows
PIXEL_CENTRE = 0.5  # px: our pixel centres are integers, Blender's image starts at the edge of the first pixel
NEAR, FAR = 0.1, 10.0  # times the distance of the head


def build_camera(collection: bpy.types.Collection, name: str, take: Take) -> bpy.types.Object:
    """A camera with the take's focal length and principal point, at the world's origin."""
    camera = bpy.data.cameras.new(f"{name} camera")
    thing = bpy.data.objects.new(f"{name} camera", camera)
    collection.objects.link(thing)
    thing.matrix_world = STAND
    _set_lens(camera, take)
    depth = take.translation[keyed_frames(take), 2]
    camera.clip_start, camera.clip_end = NEAR * depth.min(), FAR * depth.max()
    return thing


def set_resolution(scene: bpy.types.Scene, take: Take) -> None:
    """Render what the footage shows; fx != fy means pixels that are not square."""
    render, squash = scene.render, pixel_aspect(take)
    render.resolution_x, render.resolution_y = take.size
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = max(1.0, 1 / squash), max(1.0, squash)


def pixel_aspect(take: Take) -> float:
    """Height of a pixel over its width."""
    return float(take.camera[0, 0] / take.camera[1, 1])


def _set_lens(camera: bpy.types.Camera, take: Take) -> None:
    """Blender counts shifts in image widths, to the right and up, of the frame against the optical axis."""
    width, height = take.size
    camera.sensor_fit = "HORIZONTAL"
    camera.sensor_width = SENSOR_MM
    camera.lens = SENSOR_MM * take.camera[0, 0] / width
    right, down = take.camera[:2, 2] + PIXEL_CENTRE - np.array([width, height]) / 2
    camera.shift_x = -right / width
    camera.shift_y = down * pixel_aspect(take) / width
