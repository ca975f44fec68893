# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin's colour where frames of the footage show it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...models.head.model import HeadModel
from ...models.head.raster import project, rasterise, vertex_normals
from ..mesh import hidden_vertices, vertices_at
from ..types import MEASURED, Clip, Progress, Take
from ..video import frames as frames_of
from .atlas import Atlas

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_REST, TURNED = 6, 8  #: frames at most, of the face at rest, and of a head that turns
APART = np.radians(6)  #: two of them at least
FACING = 4  #: power of the cosine of the angle at which skin is seen
BEHIND_M = 0.004  #: farther away than what is drawn there, a place is hidden
EDGE = 0.03  #: of the head's width in the picture: so near its outline the background may shine in
SOFT = 4  #: edges of the mesh over which the face ends
THIN = ("cornea", "lashes")  #: parts that hide nothing
_ROW = 4096  # OpenCV wants maps that are not wide


def chosen_frames(take: Take) -> Ints:
    """Frames (n,) of the take, rising: at rest, the head turned every way it turns, and one with the eyes shut."""
    usable = np.flatnonzero(take.valid == MEASURED)
    rest = np.intersect1d(take.template_frames, usable)
    rest = rest if len(rest) else usable[:1]
    chosen = rest[np.unique(np.linspace(0, len(rest) - 1, AT_REST).round().astype(int))].tolist()
    view = take.pose[:, 0].astype(float)
    for _ in range(TURNED):
        nearest = np.linalg.norm(view[usable, None] - view[chosen], axis=2).min(1, initial=np.inf)
        if not len(nearest) or nearest.max() < APART:
            break
        chosen.append(int(usable[nearest.argmax()]))
    blinks = [event for event in take.events if event.kind == "blink"]
    shut = [usable[np.abs(take.time_s[usable] - event.apex_s).argmin()] for event in blinks[:1]]
    return np.unique(np.array([*chosen, *shut], np.int64))


def projected(take: Take, head: HeadModel, clip: Clip, atlas: Atlas, progress: Progress) -> tuple[Array, Array]:
    """Colour (N, 3) 0..255 of the atlas's pixels, and how well it is known (N,), 0 where no frame shows a place.

    Raises:
        MicrofaceError: as `video.frames`.
    """
    colour, known = np.zeros((len(atlas.pixel), 3)), np.zeros(len(atlas.pixel))
    face = _soft_face(head)
    near = atlas.at(face) > 0
    part = atlas.part(near)
    numbers, wanted = take.footage_frames, chosen_frames(take)
    for number, index in enumerate(wanted.tolist()):
        progress("texture", number / len(wanted))
        frame = next(frames_of(clip, int(numbers[index]), int(numbers[index]) + 1))
        shown = face * ~hidden_vertices(take, index)
        where, seen = _seen(vertices_at(take, head, index), head, part, shown, take)
        colour[near] += seen[:, None] * _sampled(frame.rgb, where)
        known[near] += seen
    return colour / np.maximum(known, 1e-9)[:, None], known


def solid(head: HeadModel) -> NDArray[np.bool_]:
    """(F,) triangles that hide what is behind them."""
    return ~np.isin(head.face_part, [k for k, name in enumerate(head.part_names) if name in THIN])


def _soft_face(head: HeadModel) -> Array:
    """(V,) 1 on the face, falling to 0 at its border: beyond it hair and background are not the head's."""
    share = head.face_mask.astype(float)
    sides = np.concatenate([head.faces[:, [0, 1]], head.faces[:, [1, 2]], head.faces[:, [2, 0]]])
    for _ in range(SOFT):
        least = share.copy()
        np.minimum.at(least, sides[:, 0], share[sides[:, 1]])
        np.minimum.at(least, sides[:, 1], share[sides[:, 0]])
        share = (share + least) / 2
    return share


def _seen(vertices: Array, head: HeadModel, atlas: Atlas, shown: Array, take: Take) -> tuple[Array, Array]:
    """Where the pixels of the atlas stand in the picture (N, 2) px, and how well they are seen (N,) 0..1."""
    point = project(atlas.at(vertices), take.camera)
    towards = -(atlas.at(vertex_normals(vertices, head.faces)) * atlas.at(vertices)).sum(1)
    facing = np.clip(towards / np.linalg.norm(atlas.at(vertices), axis=1), 0, 1) ** FACING
    depth, inside = _depth(vertices, head, take)
    column, row = (np.round(point[:, k]).astype(int) for k in range(2))
    within = (column >= 0) & (row >= 0) & (column < take.size[0]) & (row < take.size[1])
    column, row = column * within, row * within
    front = within & (point[:, 2] < depth[row, column] + BEHIND_M)
    return point[:, :2], front * facing * inside[row, column] * atlas.at(shown)


def _depth(vertices: Array, head: HeadModel, take: Take) -> tuple[Array, Array]:
    """Depth (H, W) m of what is seen of the head, 0 beside it, and 0..1 (H, W) how far inside its outline a pixel is."""
    faces = head.faces[solid(head)]
    triangle, weight = rasterise(project(vertices, take.camera), faces, *take.size)
    drawn = triangle >= 0
    depth = np.zeros(triangle.shape)
    depth[drawn] = (vertices[faces[triangle[drawn]], 2] * weight[drawn]).sum(1)
    width = max(float(np.count_nonzero(drawn.any(0))), 1.0)
    return depth, np.clip(cv2.distanceTransform(drawn.astype(np.uint8), cv2.DIST_L2, 5) / (EDGE * width), 0, 1)


def _sampled(picture: NDArray[Any], where: Array) -> Array:
    """(N, 3) of a picture at places (N, 2) px."""
    count = -(-len(where) // _ROW) * _ROW
    maps = np.zeros((2, count), np.float32)
    maps[:, : len(where)] = where.T
    column, row = maps.reshape(2, -1, _ROW)
    found = np.asarray(cv2.remap(picture, column, row, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
    return np.asarray(found.reshape(count, 3)[: len(where)], np.float64)
