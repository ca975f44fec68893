# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain pictures of a head, coloured by part."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .model import HeadModel
from .raster import shade

Floats = NDArray[np.floating[Any]]

SKIN = (226, 178, 150)
COLOURS = {
    "mouth": (150, 72, 72), "eye": (242, 242, 240), "iris": (84, 110, 140), "pupil": (16, 16, 18),
    "teeth": (246, 242, 228), "gums": (196, 112, 110), "tongue": (204, 110, 112), "lashes": (62, 46, 40),
}  # fmt: skip
CLEAR = (-1, -1, -1)


def part_colours(head: HeadModel) -> NDArray[np.int64]:
    """(F, 3) RGB of every triangle; the cornea is clear, unknown parts are skin."""
    table = [CLEAR if name == "cornea" else COLOURS.get(name, SKIN) for name in head.part_names]
    return np.array(table)[head.face_part]


def portrait(head: HeadModel, vertices: Floats, camera: Floats, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw a head (vertices (V, 3) in camera space) with plain shading, four samples a pixel: (H, W, 3) uint8."""
    twice = np.asarray(camera, np.float64) * [[2.0], [2.0], [1.0]]
    twice[:2, 2] += 0.5  # pixel centres are integers: pixel 0 becomes pixels 0 and 1
    fine = shade(vertices, head.faces, part_colours(head), twice, (2 * size[0], 2 * size[1]))
    blocks = fine.reshape(size[1], 2, size[0], 2, 3)
    picture: NDArray[np.uint8] = np.rint(blocks.mean((1, 3))).astype(np.uint8)
    return picture
