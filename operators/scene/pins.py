# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins: empties before the take's camera, each tied to a vertex of the head in one frame of the footage."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ...backend.mesh import vertices_at
from ...backend.types import FLIP, Pin, Take
from ...models.head.model import HeadModel
from ...models.head.raster import project
from ..pins import FRAME, VERTEX, pins_of

Array = NDArray[np.float64]

SIZE = 0.006  #: m, of an empty
#: Tracker landmarks that anybody finds in a picture.
PLACES = {
    "outer eye right": 33, "outer eye left": 263, "nose": 1, "mouth right": 61, "mouth left": 291, "chin": 175,
}  # fmt: skip


def places(head: HeadModel) -> dict[int, str]:
    """The vertices of a head at those of PLACES that it carries, with their names."""
    out = {}
    for name, landmark in PLACES.items():
        found = np.flatnonzero(head.landmark_index == landmark)
        if not len(found):
            continue
        row = int(found[0])
        corner = int(np.argmax(head.landmark_weight[row]))
        out[int(head.faces[head.landmark_triangle[row], corner])] = name
    return out


def build_pins(collection: bpy.types.Collection, camera: bpy.types.Object, take: Take, head: HeadModel) -> None:
    """The pins that a take was made with, where they were in the picture."""
    own = [Pin(**pin) for pin in take.settings.get("pins", ())]
    for frame in sorted({pin.frame for pin in own}):
        here = [pin for pin in own if pin.frame == frame]
        depth = _seen(take, head, frame)[[pin.vertex for pin in here], 2]
        _place(collection, camera, take, head, here, depth)


def add_pins(
    collection: bpy.types.Collection,
    camera: bpy.types.Object,
    take: Take,
    head: HeadModel,
    frame: int,
    vertices: Iterable[int],
) -> list[bpy.types.Object]:
    """Pin vertices of the head to where they are now, in a frame of the footage; pins that are there already stay.

    Returns:
        the new empties.
    """
    there = {(pin[FRAME], pin[VERTEX]) for pin in pins_of(collection)}
    new = [vertex for vertex in vertices if (frame, vertex) not in there]
    at = _seen(take, head, frame)[new]
    image = project(at, take.camera)[:, :2] if new else np.zeros((0, 2))
    pins = [Pin(frame, vertex, float(x), float(y)) for vertex, (x, y) in zip(new, image, strict=True)]
    return _place(collection, camera, take, head, pins, at[:, 2])


def read_pins(collection: bpy.types.Collection, camera: bpy.types.Object, take: Take) -> list[Pin]:
    """The pins of a take as they stand now."""
    own = pins_of(collection)
    if not own:
        return []
    inward = np.array(camera.matrix_world.inverted())
    world = np.array([pin.matrix_world.translation for pin in own])
    image = project((world @ inward[:3, :3].T + inward[:3, 3]) @ FLIP, take.camera)[:, :2]
    return [Pin(pin[FRAME], pin[VERTEX], float(x), float(y)) for pin, (x, y) in zip(own, image, strict=True)]


def _seen(take: Take, head: HeadModel, frame: int) -> Array:
    """Vertices (V, 3) camera space m in a frame of the footage; where it has no result, in the nearest that has one."""
    told = np.flatnonzero(np.isfinite(take.translation[:, 0]))
    return vertices_at(take, head, int(told[np.argmin(np.abs(take.footage_frames[told] - frame))]))


def _place(
    collection: bpy.types.Collection,
    camera: bpy.types.Object,
    take: Take,
    head: HeadModel,
    pins: list[Pin],
    depth: Array,
) -> list[bpy.types.Object]:
    """Empties at pixels in the depth (P,) of their vertices."""
    names, out = places(head), []
    for pin, far in zip(pins, depth.tolist(), strict=True):
        ray = np.linalg.solve(take.camera, [pin.x, pin.y, 1.0])
        what = names.get(pin.vertex, f"vertex {pin.vertex}")
        thing: Any = bpy.data.objects.new(f"pin {what}, frame {pin.frame}", None)
        thing.empty_display_type, thing.empty_display_size = "SPHERE", SIZE
        thing.show_in_front, thing.show_name = True, True
        thing.location = camera.matrix_world @ Vector(far * ray @ FLIP)
        thing[FRAME], thing[VERTEX] = pin.frame, pin.vertex
        collection.objects.link(thing)
        out.append(thing)
    return out
