# SPDX-License-Identifier: GPL-3.0-or-later
"""Any mesh of a face as a head on which the tracker's landmarks are known: drawn, tracked, framed anew, embedded.

The mesh may be of any size, stand anywhere upright and look anywhere. On its canvas it is a head like ours: metres, x
to the subject's left, y up, z forward, the face at the origin, eyes 63 mm apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.embedding import Landmarks, embed
from ...models.head.model import FLIP, JOINT_NAMES, HeadModel
from ...models.head.raster import project, rasterise, shade
from ...models.head.rotation import rotation_matrix
from ..errors import MicrofaceError
from .islands import PART_NAMES, REACH, island_parts, islands
from .pins import laid_by_pins, moved_to_pins, pinned_frame

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Faces = NDArray[np.integer[Any]]

SIZE = 512  # px
FOCAL = 2.4 * SIZE
CAMERA = np.array([[FOCAL, 0, SIZE / 2], [0, FOCAL, SIZE / 2], [0, 0, 1.0]])
DISTANCE = 0.9  # m
WHOLE = 0.33  # m: what is drawn first is made this large
LOOKING = np.radians([0, 180, 90, -90])  # about the vertical axis, tried in this order
CORNERS = ((33, 133), (362, 263))  # landmarks of the subject's right eye, left eye
APART = 0.063  # m, between the eyes of an adult
TURNS = np.radians([[0, 0], [0, 12], [0, -12], [8, 0], [-8, 0]])  # pitch, yaw
LEAST = 150  # landmarks of 478
SKIN = (226, 178, 150)


@dataclass(frozen=True)
class Canvas:
    """A mesh as a head, and the way there: point = scale * turn @ (mesh point - origin)."""

    head: HeadModel
    turn: Array  #: (3, 3) rotation
    scale: float  #: m per unit of the mesh
    origin: Array  #: (3,) of the mesh

    def moved(self, motion: Floats) -> Array:
        """Displacements (..., 3) of the mesh, m on the canvas."""
        return np.asarray(np.asarray(motion, np.float64) @ (self.scale * self.turn.T))


def find_face(
    vertices: Floats,
    faces: Faces,
    landmarks: Landmarks,
    around: NDArray[np.bool_] | None = None,
    pins: Floats | None = None,
    source: HeadModel | None = None,
) -> Canvas:
    """Lay a mesh on a canvas.

    Args:
        vertices: (V, 3) any unit, y up.
        faces: (F, 3) counter-clockwise seen from outside.
        landmarks: the tracker.
        around: (V,) where to look for the face; everywhere when left out.
        pins: (3, 3) where the user says that right eye, left eye and mouth are; the tracker's word when left out.
        source: looks as the face at the pins does; where the tracker recognises no face, its landmarks are laid on.

    Raises:
        MicrofaceError: ``no_face_on_rig`` or ``bad_pins``.
    """
    place: Array = np.asarray(vertices, np.float64)
    if pins is not None and source is not None:
        return _pinned(place, faces, landmarks, np.asarray(pins, np.float64), source)
    box = place if around is None or not around.any() else place[around]
    origin, extent = (box.min(0) + box.max(0)) / 2, float(np.ptp(box, axis=0).max())
    for yaw in LOOKING:
        turn, scale = rotation_matrix(np.array([0.0, yaw, 0.0])), WHOLE / max(extent, 1e-30)
        found = _framed(place, faces, landmarks, Canvas(_head(place, faces), turn, scale, origin))
        if found is not None:
            return _embedded(found, place, faces, landmarks)
    raise _no_face()


def _pinned(vertices: Array, faces: Faces, landmarks: Landmarks, pins: Array, source: HeadModel) -> Canvas:
    """The canvas that pins say, its landmarks the tracker's moved to them, or a source's."""
    canvas = Canvas(_head(vertices, faces), *pinned_frame(pins, source, APART))
    placed = canvas.moved(pins - canvas.origin)
    try:
        found = _embedded(canvas, vertices, faces, landmarks)
        return replace(found, head=moved_to_pins(found.head, placed))
    except MicrofaceError as error:
        if error.code not in ("no_face_on_rig", "few_landmarks"):
            raise
    return replace(canvas, head=laid_by_pins(_own_head(canvas, vertices, faces), placed, source))


def _no_face() -> MicrofaceError:
    text = "No face was found on the rig: drawn from the front and the sides, the tracker recognises none."
    return MicrofaceError("no_face_on_rig", text, "Choose meshes of a human face, or set pins on its eyes and mouth.")


def _framed(vertices: Array, faces: Faces, landmarks: Landmarks, first: Canvas) -> Canvas | None:
    """The canvas with the face at its origin and in its size, or None where no face looks at us."""
    points = landmarks(_picture(vertices, faces, first))
    if points is None:
        return None
    again = _centred(vertices, faces, first, points)
    points = landmarks(_picture(vertices, faces, again))  # a small face is found roughly
    return None if points is None else _centred(vertices, faces, again, points)


def _picture(vertices: Array, faces: Faces, canvas: Canvas) -> NDArray[np.uint8]:
    return shade(_placed(vertices, canvas), faces, np.tile(SKIN, (len(faces), 1)), CAMERA, (SIZE, SIZE))


def _placed(vertices: Array, canvas: Canvas) -> Array:
    """In front of the camera."""
    return np.asarray(canvas.moved(vertices - canvas.origin) @ FLIP + [0, 0, DISTANCE])


def _centred(vertices: Array, faces: Faces, canvas: Canvas, points: Floats) -> Canvas:
    """Put the middle of the tracked face at the origin, its eyes APART."""
    placed = _placed(vertices, canvas)
    triangle, weight = rasterise(project(placed, CAMERA), faces, SIZE, SIZE)
    right, left = (np.mean(points[list(corners), :2], 0) for corners in CORNERS)
    middle = np.clip(np.rint(np.mean(points[:468, :2], 0)), 0, SIZE - 1).astype(int)
    at = triangle[middle[1], middle[0]]
    depth = float(weight[middle[1], middle[0]] @ placed[faces[at], 2]) if at >= 0 else DISTANCE
    apart = float(np.linalg.norm(left - right)) / FOCAL * depth
    place = np.array([*((middle - SIZE / 2) / FOCAL * depth), depth - DISTANCE]) @ FLIP
    return replace(
        canvas, scale=canvas.scale * APART / apart, origin=canvas.origin + place @ canvas.turn / canvas.scale
    )


def _head(vertices: Array, faces: Faces, part: NDArray[np.int8] | None = None) -> HeadModel:
    """A head of one person who does not move."""
    count, joints = len(vertices), len(JOINT_NAMES)
    polygons = np.column_stack([faces, np.full(len(faces), -1)])
    nothing = np.zeros((0, count, 3))
    return HeadModel(
        name="rig", licence="", sha256="", template=vertices, faces=np.asarray(faces, np.int32),
        polygons=polygons.astype(np.int32), uv=np.zeros((len(faces), 4, 2), np.float32),
        part=np.zeros(len(faces), np.int8) if part is None else part, part_names=PART_NAMES, identity=nothing,
        expression=nothing, expression_names=(), joint_template=np.zeros((joints, 3)),
        joint_identity=np.zeros((0, joints, 3)), weights=np.eye(joints)[np.zeros(count, int)],
        pose_correctives=nothing, face_mask=np.linalg.norm(vertices, axis=1) < REACH,
        landmark_index=np.zeros(0, np.int32), landmark_triangle=np.zeros(0, np.int32), landmark_weight=np.zeros((0, 3)),
    )  # fmt: skip


def _own_head(canvas: Canvas, vertices: Array, faces: Faces) -> HeadModel:
    """The mesh on the canvas, its parts told apart."""
    placed = canvas.moved(vertices - canvas.origin)
    return _head(placed, faces, island_parts(placed, faces, islands(placed, faces)))


def _embedded(canvas: Canvas, vertices: Array, faces: Faces, landmarks: Landmarks) -> Canvas:
    """The canvas with the landmarks of its head."""
    head = _own_head(canvas, vertices, faces)
    index, triangle, weight = embed(head, landmarks, TURNS, people=1)
    if len(index) < LEAST:
        raise _no_face()
    return replace(canvas, head=replace(head, landmark_index=index, landmark_triangle=triangle, landmark_weight=weight))
