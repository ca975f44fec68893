# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage and head in one picture: where the camera shows the footage, and the head as lines over it."""

from __future__ import annotations

from typing import cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.retarget.islands import islands
from ...models.head.regions import region_of
from ..compare import BESIDE, LINES, OFF, OVER

HALF = 0.5  # of the footage's opacity over the head
MOVES = 5e-4  # m at full strength of some unit: what is face


def place_footage(camera: bpy.types.Object, place: str) -> None:
    """Show the footage behind the head, through it, to its left, or not at all. Nothing happens without footage."""
    lens = cast(bpy.types.Camera, camera.data)
    lens.show_background_images = place != OFF
    lens.show_passepartout = place != BESIDE  # it would darken what is beside the frame
    for background in lens.background_images:
        background.display_depth = "FRONT" if place == OVER else "BACK"
        background.alpha = HALF if place == OVER else 1.0
        background.offset = (-1.0 if place == BESIDE else 0.0, 0.0)  # in widths of the frame


def show_lines(head: bpy.types.Object) -> None:
    """Draw the face, and of the head nothing else, as lines in the viewport; renders stay as they are."""
    group = head.vertex_groups.new(name=LINES)
    group.add(np.flatnonzero(_face(head)).tolist(), 1.0, "REPLACE")
    mask = cast(bpy.types.MaskModifier, head.modifiers.new(LINES, "MASK"))
    mask.vertex_group, mask.show_render = group.name, False
    head.display_type = "WIRE"


def hide_lines(head: bpy.types.Object) -> None:
    """Take them away."""
    head.modifiers.remove(head.modifiers[LINES])
    group = head.vertex_groups.get(LINES)
    if group:
        head.vertex_groups.remove(group)
    head.display_type = "TEXTURED"


def _face(head: bpy.types.Object) -> NDArray[np.bool_]:
    """(V,) skin that some named unit moves, in one piece and without holes, as the bridge of the nose would be one."""
    mesh = cast(bpy.types.Mesh, head.data)
    keys = mesh.shape_keys
    basis, moved = _points(keys.reference_key), np.zeros(len(mesh.vertices))
    for key in keys.key_blocks:
        if region_of(key.name):
            moved = np.maximum(moved, np.linalg.norm(_points(key) - basis, axis=1))
    skin = np.zeros(len(moved), bool)
    for polygon in mesh.polygons:
        skin[list(polygon.vertices)] |= polygon.material_index == 0
    face = _largest_island(mesh, basis, skin & (moved > MOVES))
    return np.asarray(skin & ~_largest_island(mesh, basis, skin & ~face))


def _largest_island(mesh: bpy.types.Mesh, points: NDArray[np.float32], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(V,) of the chosen vertices (V,) the most that hang together; `points` (V, 3) is where they are."""
    edges = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", edges)
    pairs = edges.reshape(-1, 2)
    label = islands(points, pairs[chosen[pairs].all(1)])
    return np.asarray(chosen & (label == np.bincount(label[chosen]).argmax()))


def _points(key: bpy.types.ShapeKey) -> NDArray[np.float32]:
    points = np.empty(3 * len(key.data), np.float32)
    key.data.foreach_get("co", points)
    return points.reshape(-1, 3)
