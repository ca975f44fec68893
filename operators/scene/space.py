# SPDX-License-Identifier: GPL-3.0-or-later
"""From the project's spaces to Blender's: the one place where axes change.

Camera space is x right, y down, z forward; Blender's camera looks along its -z with y up. Head space is y up, z
towards the camera. So a head point at `FLIP @ v + translation` in camera space stands at `v + FLIP @ translation` in
the axes of Blender's camera: head space needs no turn against the camera, only this shift. What is left is Blender's
world, z up: camera and rig both stand under `STAND`, the head looks along -y, as Blender's front view expects, and the
camera is at the world's origin.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ...models.head.model import FLIP

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

#: y up -> z up: a quarter turn about x.
STAND = Matrix(((1, 0, 0, 0), (0, 0, -1, 0), (0, 1, 0, 0), (0, 0, 0, 1)))


def head_location(translation: Floats) -> Array:
    """Root bone locations (..., 3) of translations (..., 3) in camera space, metres."""
    return np.asarray(translation, np.float64) @ FLIP


def world_to_camera(points: Floats) -> Array:
    """Camera space (..., 3) of points (..., 3) in Blender's world, metres."""
    return np.asarray(points, np.float64) @ np.array(STAND.to_3x3()) @ FLIP
