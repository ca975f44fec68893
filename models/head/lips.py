# SPDX-License-Identifier: GPL-3.0-or-later
"""Close the lips of the mean adult: the base mesh leaves a slit through which the teeth would show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .obj import BaseMesh
from .surface import QuadMesh

Array = NDArray[np.float64]

CONTACT_LOOP = (420, 421)  # an edge of the loop of base.obj along which the lips meet, 38 vertices
OVERLAP = 0.2e-3  # m, so that a rounding or a neighbouring person does not reopen them
REACH = 4.0e-3  # m, how far into the lips the correction fades


def seal(template: Array, base: BaseMesh, index: NDArray[np.int64]) -> Array:
    """Offsets (V, 3) that bring the lips together.

    Args:
        template: (V, 3) m, the mean adult, whose first vertices are the skin's.
        base: the base mesh.
        index: (N,) indices in the base mesh of the skin's vertices.
    """
    loop = _from_upper_middle(np.array(QuadMesh(base.polygons["body"]).loop(CONTACT_LOOP)), base.vertices)
    contact = template[np.searchsorted(index, loop)]
    place = np.arange(len(loop))
    half = len(loop) // 2
    opposite = (half - place) % len(loop)  # the mouth's corners are edges, not vertices
    upper = np.abs((place + half) % len(loop) - half) < half / 2
    gap = np.where(upper, 1, -1) * (contact - contact[opposite])[:, 1] + OVERLAP
    shift = np.where(upper, -0.5, 0.5) * np.maximum(gap, 0)
    distance, nearest = cKDTree(contact).query(template[: len(index)])
    offsets = np.zeros_like(template)
    offsets[: len(index), 1] = shift[nearest] * np.exp(-((distance / REACH) ** 2))
    return offsets


def _from_upper_middle(loop: NDArray[np.int64], vertices: Array) -> NDArray[np.int64]:
    """Turn a loop round so that it starts at the middle of the upper lip."""
    score = vertices[loop, 1] - 10 * np.abs(vertices[loop, 0])
    return np.roll(loop, -int(score.argmax()))
