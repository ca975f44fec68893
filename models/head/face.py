# SPDX-License-Identifier: GPL-3.0-or-later
"""Which vertices of a head are its face: visible skin from chin to hairline and ear to ear."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .model import FLIP
from .raster import project, rasterise
from .rotation import rotation_matrix

Array = NDArray[np.float64]
Faces = NDArray[np.int32]

TURNS = (0.0, 0.6, -0.6)  # rad, of the head about its vertical axis
CAMERA = np.array([[2000.0, 0, 300], [0, 2000, 300], [0, 0, 1]])
DISTANCE = 1.0  # m
AXIS = 1.2  # eye distances from between the eyes back to the axis of the head
#: The outline: (height above the eyes in eye distances, largest angle to the side in degrees), from the generic head.
OUTLINE = np.array([[-1.95, 0], [-1.9, 30], [-1.7, 50], [-1.5, 64], [-1.2, 69], [-0.8, 71], [0.0, 67], [0.4, 61],
                    [0.8, 48], [1.0, 30], [1.25, 0]])  # fmt: skip


def seen(vertices: Array, faces: Faces) -> NDArray[np.bool_]:
    """(V,) vertices of triangles seen from the front or from either side: not those in nostrils or under the chin."""
    out, middle = np.zeros(len(vertices), bool), vertices[faces[:, 0]].mean(0)
    for yaw in TURNS:
        turned = (vertices - middle) @ rotation_matrix(np.array([0, yaw, 0])).T @ FLIP + [0, 0, DISTANCE]
        triangle, _ = rasterise(project(turned, CAMERA), faces, 600, 600)
        out[faces[np.unique(triangle[triangle >= 0])]] = True
    return out


def face_of(vertices: Array, faces: Faces, skin: NDArray[np.bool_], eyes: Array) -> NDArray[np.bool_]:
    """The face of any head, by its place about the eyes.

    Args:
        vertices: (V, 3) m, head space.
        faces: (F, 3), lashes and other thin things in front of the skin left out.
        skin: (V,) vertices of skin.
        eyes: (2, 3) m, centres of the eyeballs.
    """
    middle, apart = eyes.mean(0), float(np.linalg.norm(eyes[0] - eyes[1]))
    x, y, z = ((vertices - middle) / apart).T
    aside = np.degrees(np.abs(np.arctan2(x, z + AXIS)))
    within = aside < np.interp(y, OUTLINE[:, 0], OUTLINE[:, 1], left=0, right=0)
    return np.asarray(skin & within & seen(vertices, faces))
