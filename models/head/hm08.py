# SPDX-License-Identifier: GPL-3.0-or-later
"""The head cut out of MakeHuman's body hm08: which polygons, which parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .model import JOINT_NAMES as JOINTS
from .obj import BaseMesh
from .part import PART_NAMES, Piece, rows
from .surface import QuadMesh

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

# One edge of each closed edge loop of hm08 that bounds a region, as vertex indices of base.obj.
NECK_LOOP = (760, 759)  # base of the neck, 42 vertices
LIP_LOOP = (536, 535)  # just behind the line where the lips meet, 38 vertices
FACE_LOOP = (272, 249)  # under the chin, before the ears, below the hairline, 52 vertices
LID_LOOPS = ((7747, 7748), (1056, 1055))  # inner margin of the lids, left and right, 28 vertices
TONGUE = (0.92, 0.72, 0.94)  # size against the helper's
CROWN, NOSE_TIP = 881, 297


def build_skin(base: BaseMesh, weights: Array) -> Piece:
    """The body above the neck loop: skin, inner mouth and the pockets behind the lids."""
    mesh = QuadMesh(base.polygons["body"])
    kept = mesh.region(CROWN, [mesh.loop(NECK_LOOP)])
    outside = mesh.region(CROWN, [mesh.loop(NECK_LOOP), mesh.loop(LIP_LOOP)])
    part = np.where(outside[kept], PART_NAMES.index("skin"), PART_NAMES.index("mouth"))
    still = weights.copy()  # a turning eye leaves the lids alone: gaze must not be read as a motion of the skin
    still[:, [JOINTS.index("eye_left"), JOINTS.index("eye_right")]] = 0
    still /= still.sum(1, keepdims=True).clip(1e-12)
    return _piece(base, "body", still, part, kept)


def build_tongue(base: BaseMesh) -> Piece:
    """The tongue goes with the jaw. It lies lower and further back than the helper, which fills the whole mouth."""
    weights = np.zeros((len(base.vertices), len(JOINTS)))
    weights[:, JOINTS.index("jaw")] = 1
    part = np.full(len(base.polygons["helper-tongue"]), PART_NAMES.index("tongue"))
    tongue = _piece(base, "helper-tongue", weights, part)
    low, rear = tongue.vertices[:, 1].min(), tongue.vertices[:, 2].min()
    return replace(tongue, vertices=[0, low, rear] + (tongue.vertices - [0, low, rear]) * TONGUE)


def face_region(base: BaseMesh) -> NDArray[np.bool_]:
    """(N,) vertices of the skin piece inside the face loop, without the pockets of eyes and mouth."""
    mesh = QuadMesh(base.polygons["body"])
    walls = [mesh.loop(edge) for edge in (FACE_LOOP, LIP_LOOP, *LID_LOOPS)]
    inside = mesh.region(NOSE_TIP, walls)
    return np.isin(kept_vertices(base), np.unique(base.polygons["body"][inside]))


def kept_vertices(base: BaseMesh) -> Ints:
    """Sorted indices in the base mesh of the skin's vertices."""
    mesh = QuadMesh(base.polygons["body"])
    return np.asarray(np.unique(base.polygons["body"][mesh.region(CROWN, [mesh.loop(NECK_LOOP)])]))


def _piece(base: BaseMesh, group: str, weights: Array, part: Ints, kept: NDArray[np.bool_] | None = None) -> Piece:
    """A subset of the base mesh's polygons as a piece."""
    chosen = slice(None) if kept is None else kept
    polygons = base.polygons[group][chosen]
    index, local = np.unique(polygons, return_inverse=True)
    return Piece(
        vertices=base.vertices[index],
        polygons=local.reshape(polygons.shape),
        uv=base.uv[base.polygon_uv[group][chosen]],
        part=part,
        weights=weights[index],
        grow=rows(index),
        move=rows(index),
    )
