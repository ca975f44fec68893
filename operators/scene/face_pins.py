# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins as a user sets them: three empties of fixed names on a character's eyes and mouth."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.pins import PIN_NAMES
from .character import Character
from .space import STAND

Array = NDArray[np.float64]

PLACES = (
    (-0.13, 0.0, 0.62),
    (0.13, 0.0, 0.62),
    (0.0, 0.0, 0.32),
)  # of the character's height: x, y, height above its foot
SIZE = 0.02  # of the character's size


def placed_pins(scene: bpy.types.Scene) -> Array:
    """(3, 3) right eye, left eye, mouth, y up, as `probe` says places; (0, 3) where there are none.

    Raises:
        MicrofaceError: ``few_pins``.
    """
    found = [scene.objects.get(name) for name in PIN_NAMES]
    lost = [name for name, thing in zip(PIN_NAMES, found, strict=True) if thing is None]
    if len(lost) == len(PIN_NAMES):
        return np.zeros((0, 3))
    if lost:
        text = f"Of the three pins, '{lost[0]}' is missing."
        raise MicrofaceError("few_pins", text, "Add it, or remove the others.")
    to_head = STAND.inverted()
    return np.array([(to_head @ thing.matrix_world.translation).to_tuple() for thing in found if thing], np.float64)


def add_pins(context: bpy.types.Context, character: Character) -> list[bpy.types.Object]:
    """Three empties before a character, to be moved onto its eyes and mouth; those there are stay where they are."""
    corners = [
        (mesh.matrix_world @ Vector(corner)).to_tuple() for mesh in character.meshes for corner in mesh.bound_box
    ]
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    height, middle = high[2] - low[2], (low + high) / 2
    made = []
    for name, place in zip(PIN_NAMES, PLACES, strict=True):
        if name not in context.scene.objects:
            pin = bpy.data.objects.new(name, None)
            pin.empty_display_type, pin.empty_display_size = "SPHERE", SIZE * float(max(high - low))
            pin.location = (middle[0] + place[0] * height, low[1], low[2] + place[2] * height)
            pin.show_name = pin.show_in_front = True
            context.scene.collection.objects.link(pin)
            made.append(pin)
    return made
