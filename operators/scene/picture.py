# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture as one of Blender's images, and an editor that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray


def write_picture(name: str, picture: NDArray[np.uint8]) -> bpy.types.Image:
    """Put a picture (H, W, 3) in the file, in place of one of the same name; it is saved with the file."""
    height, width = picture.shape[:2]
    old = bpy.data.images.get(name)
    if old and tuple(old.size) != (width, height):
        bpy.data.images.remove(old)
        old = None
    image = old or bpy.data.images.new(name, width, height)
    pixels = np.ones((height, width, 4), np.float32)
    pixels[..., :3] = picture[::-1] / np.float32(255)  # Blender counts lines from below
    cast(Any, image.pixels).foreach_set(pixels.ravel())
    image.update()
    image.pack()
    return image


def show_picture(context: bpy.types.Context, name: str, picture: NDArray[np.uint8]) -> bpy.types.Image:
    """Write it, and show it in an open image editor or a window of its own; headless there is none."""
    image = write_picture(name, picture)
    if not bpy.app.background:
        area = _editor(context)
        area.spaces.active.image = image
        region = next(region for region in area.regions if region.type == "WINDOW")
        window = next(one for one in context.window_manager.windows if area in one.screen.areas[:])
        with context.temp_override(window=window, area=area, region=region):
            bpy.ops.image.view_all(fit_view=True)
    return image


def exchange(context: bpy.types.Context, old: Sequence[bpy.types.Image], new: bpy.types.Image) -> None:
    """Let every image editor that shows one of the old images show the new one."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            space = area.spaces.active
            if isinstance(space, bpy.types.SpaceImageEditor) and space.image in old:
                space.image = new
                area.tag_redraw()


def _editor(context: bpy.types.Context) -> bpy.types.Area:
    """An image editor, in a new window where none is open."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.ui_type == "IMAGE_EDITOR":
                return area
    bpy.ops.wm.window_new()
    area = context.window_manager.windows[-1].screen.areas[0]
    area.ui_type = "IMAGE_EDITOR"
    return area
