# SPDX-License-Identifier: GPL-3.0-or-later
"""Three pins that a user sets on a rig's face, where the tracker finds none or finds it wrongly: both eyes and the mouth.

They say where the face is, how large, and which way it looks. What the tracker then sees is moved until its eyes and
mouth are where the pins are; where it still sees nothing, the source's own landmarks are laid on by the pins alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ...models.head.raster import vertex_normals
from ...models.head.surface_points import closest_points
from ...models.head.transfer import skin_faces
from ..errors import MicrofaceError

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

PIN_NAMES = ("Face Pin Right Eye", "Face Pin Left Eye", "Face Pin Mouth")  # sides are the subject's
OF_PINS = ((33, 133), (362, 263), (61, 291))  # landmarks in whose middle a pin belongs: corners of eyes and mouth
DEPTH = np.array([1, 1, 0.15])  # how much a distance counts along each axis: a landmark keeps its place in the picture
LEAST = 0.3  # of the way between the eyes: what the mouth must lie below them


def pinned_frame(pins: Floats, source: HeadModel, apart: float) -> tuple[Array, float, Array]:
    """How a face with such pins is stood as a source stands: turn (3, 3), scale, and its middle (3,), as
    `canvas.Canvas` has them.

    Args:
        pins: (3, 3) right eye, left eye, mouth, in the rig's space.
        source: with landmarks, upright and looking along z.
        apart: m that the eyes are to be apart.

    Raises:
        MicrofaceError: ``bad_pins``.
    """
    own = _axes(_middles(source.landmark_points(source.template), source.landmark_index))
    pins = np.asarray(pins, np.float64)
    return own.T @ _axes(pins), apart / float(np.linalg.norm(pins[1] - pins[0])), pins.mean(0)


def _axes(pins: Array) -> Array:
    """Rows across, up and out of the plane of three pins."""
    right, left, mouth = pins
    across = left - right
    width = float(np.linalg.norm(across))
    x = across / max(width, 1e-30)
    up = (right + left) / 2 - mouth
    up -= (up @ x) * x
    if not width or np.linalg.norm(up) < LEAST * width:
        text = "The pins do not stand as two eyes above a mouth."
        raise MicrofaceError(
            "bad_pins", text, "Put them on the subject's right eye, left eye and mouth, or remove them."
        )
    y = up / np.linalg.norm(up)
    return np.stack([x, y, np.cross(x, y)])


def moved_to_pins(head: HeadModel, pins: Array) -> HeadModel:
    """The head with its landmarks moved over its skin until eyes and mouth are at the pins, seen from the front.

    Args:
        head: with landmarks, looking along z.
        pins: (3, 3) in its space.
    """
    points = head.landmark_points(head.template)
    middles = _middles(points, head.landmark_index)
    return _on_skin(head, points + _shift(middles, pins, points), head.landmark_index)


def laid_by_pins(head: HeadModel, pins: Array, source: HeadModel) -> HeadModel:
    """The head with the landmarks of another, laid on by the pins alone.

    Args:
        head: looking along z.
        pins: (3, 3) in its space.
        source: with landmarks, looking along z too.
    """
    points = source.landmark_points(source.template)
    middles = _middles(points, source.landmark_index)
    scale = np.linalg.norm(pins[1] - pins[0]) / np.linalg.norm(middles[1] - middles[0])
    points = points * scale + pins.mean(0) - scale * middles.mean(0)
    middles = _middles(points, source.landmark_index)
    return _on_skin(head, points + _shift(middles, pins, points), source.landmark_index)


def _middles(points: Array, index: NDArray[np.int32]) -> Array:
    """(3, 3) where landmarks say that eyes and mouth are."""
    if not np.isin(OF_PINS, index).all():
        text = "The corners of eyes and mouth were not found on the face."
        raise MicrofaceError("few_landmarks", text, "Choose meshes that show the whole face.")
    return np.stack([points[np.searchsorted(index, pair)].mean(0) for pair in OF_PINS])


def _shift(middles: Array, pins: Array, points: Array) -> Array:
    """(L, 3) in the plane of the picture, the affine motion that brings the middles to the pins; depth is the skin's."""
    fit = np.linalg.solve(np.column_stack([middles[:, :2], np.ones(3)]), (pins - middles)[:, :2])
    shift = np.column_stack([points[:, :2], np.ones(len(points))]) @ fit
    return np.column_stack([shift, np.zeros(len(points))])


def _on_skin(head: HeadModel, points: Array, index: NDArray[np.int32]) -> HeadModel:
    """The head with these landmarks, each at the place of its skin before or behind it, as seen from the front."""
    faces = skin_faces(head)
    faces = faces[head.face_mask[faces].all(1)]
    faces = faces[vertex_normals(head.template, faces)[faces].mean(1)[:, 2] > 0]
    triangle, weight = closest_points(points * DEPTH, head.template[faces] * DEPTH)
    rows = _rows(head.faces, faces)[triangle].astype(np.int32)
    return replace(head, landmark_index=index, landmark_triangle=rows, landmark_weight=weight)


def _rows(every: NDArray[np.int32], some: NDArray[np.int32]) -> NDArray[np.int64]:
    """Which of all triangles each of some is."""
    known = {tuple(corners): row for row, corners in enumerate(every.tolist())}
    return np.array([known[tuple(corners)] for corners in some.tolist()], np.int64)
