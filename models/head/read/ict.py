# SPDX-License-Identifier: GPL-3.0-or-later
"""ICT-FaceKit Light (its folder FaceXModel, or its meshes as arrays) as a `HeadModel`.

The folder holds one .obj per identity mode and expression, in centimetres. The arrays of an .npz are `neutral` (V, 3),
`polygons` (P, 4), `identity` (S, V, 3) and `expression` (E, V, 3) as offsets in centimetres, `expression_names` (E,).

The kit has blend shapes only. Joints stand where the generic head has them, in proportion to the distance between the
eyes; the eyeballs turn with theirs; how much of a jaw's turn each vertex follows is read off `jawOpen`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import JOINT_NAMES, HeadModel
from ..part import PART_NAMES
from ..units import UNIT_NAMES
from .editions import ICT
from .foreign import EYES, eye_parts, foreign_head

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Arrays = Mapping[str, Any]

NEUTRAL = "generic_neutral_mesh.obj"
CENTIMETRE = 0.01  # m
VERTICES, POLYGONS = 26719, 26384
MAX_OBJ = 50 * 2**20  # bytes; the kit's have 3 MB
#: First vertex and first polygon of each piece, from the kit's README, and what it is; the last row is the end.
PIECES = (
    (0, 0, "skin"), (11248, 11144, "mouth"), (13294, 13226, "skin"), (14062, 14034, "gums"), (17039, 17006, "teeth"),
    (21451, 21496, "eye_left"), (23021, 23094, "eye_right"), (24591, 24692, "cornea"), (25351, 25304, "lashes"),
    (VERTICES, POLYGONS, ""),
)  # fmt: skip
LOWER_TEETH = slice(19247, 21451)
#: Joints of the generic head from between its eyes, in eye distances: sideways, up, forward.
PLACES = {"root": (0, -2.42, -1.89), "neck": (0, -0.72, -1.31), "jaw": (0, -0.54, -1.09)}


def is_ict(arrays: Arrays) -> bool:
    return {"neutral", "polygons", "identity", "expression", "expression_names"} <= set(arrays)


def read_ict_folder(folder: Path) -> HeadModel:
    """The head in the kit's folder of .obj files.

    Raises:
        ValueError: meshes that are missing or differ in their vertices.
    """
    neutral, polygons = _mesh(folder / NEUTRAL)
    modes = sorted(folder.glob("identity[0-9]*.obj"))
    units = sorted(path.stem for path in folder.glob("*.obj") if arkit_name(path.stem))
    if not modes or not units:
        raise ValueError("its identity or expression meshes are missing")
    return read_ict({
        "neutral": neutral, "polygons": polygons, "expression_names": np.array(units),
        "identity": np.stack([_offsets(path, neutral) for path in modes]),
        "expression": np.stack([_offsets(folder / f"{name}.obj", neutral) for name in units]),
    })  # fmt: skip


def read_ict(arrays: Arrays) -> HeadModel:
    """The head in the kit's meshes as arrays.

    Raises:
        ValueError: other sizes than the kit's.
    """
    template = np.asarray(arrays["neutral"], np.float64) * CENTIMETRE
    polygons = np.asarray(arrays["polygons"], np.int64)
    if template.shape != (VERTICES, 3) or polygons.shape != (POLYGONS, 4):
        raise ValueError(f"its mesh has {len(template)} vertices and {len(polygons)} polygons, not the kit's")
    identity = np.asarray(arrays["identity"], np.float64) * CENTIMETRE
    names, units = named_units([str(n) for n in arrays["expression_names"]], np.asarray(arrays["expression"]))
    joints, follow = _joints(template)
    return foreign_head(
        ICT, polygons, _parts(template, polygons, joints),
        template=template, identity=identity, expression=units * CENTIMETRE, expression_names=names,
        joint_template=joints, joint_identity=np.einsum("jv,svc->sjc", follow, identity, optimize=True),
        weights=_weights(template, joints, units[names.index("jawOpen")] * CENTIMETRE if "jawOpen" in names else None),
        pose_correctives=np.zeros((0, VERTICES, 3)),
    )  # fmt: skip


def arkit_name(name: str) -> str:
    """ARKit's name of one of the kit's expressions, or "": `_L` is Left; what ARKit does not divide loses its side."""
    stem, side = (name[:-2], {"_L": "Left", "_R": "Right"}[name[-2:]]) if name.endswith(("_L", "_R")) else (name, "")
    return next((known for known in (stem + side, stem) if known in UNIT_NAMES), "")


def named_units(names: list[str], units: Array) -> tuple[tuple[str, ...], Array]:
    """The expressions under ARKit's names; of what ARKit does not divide, the sum of both sides."""
    out: dict[str, Array] = {}
    for name, unit in zip(map(arkit_name, names), units, strict=True):
        if not name:
            raise ValueError("it has an expression that ARKit does not name")
        out[name] = out.get(name, 0) + np.asarray(unit, np.float64)
    return tuple(out), np.stack(list(out.values()))


def _mesh(path: Path) -> tuple[Array, Ints]:
    """Vertices (V, 3) and polygons (P, 4), -1 in the last column for a triangle."""
    if path.stat().st_size > MAX_OBJ:
        raise ValueError(f"{path.name} is far larger than the kit's meshes")
    lines = path.read_bytes().splitlines()
    vertices = np.array(b" ".join(line[2:] for line in lines if line.startswith(b"v ")).split(), float)
    rows = [[int(corner.split(b"/")[0]) - 1 for corner in line.split()[1:]] for line in lines if line[:2] == b"f "]
    if vertices.size % 3 or not all(3 <= len(row) <= 4 for row in rows):
        raise ValueError(f"{path.name} is no mesh of triangles and quads")
    polygons = np.array([row if len(row) == 4 else [*row, -1] for row in rows], np.int64).reshape(-1, 4)
    return vertices.reshape(-1, 3), polygons


def _offsets(path: Path, neutral: Array) -> Array:
    """(V, 3) of a mesh against the neutral one."""
    vertices, _ = _mesh(path)
    if vertices.shape != neutral.shape:
        raise ValueError(f"{path.name} has {len(vertices)} vertices, {NEUTRAL} has {len(neutral)}")
    return vertices - neutral


def _piece(name: str) -> tuple[slice, slice]:
    """Vertices and polygons of the piece of that name."""
    k = next(k for k, piece in enumerate(PIECES) if piece[2] == name)
    (first, face, _), (end, last, _) = PIECES[k], PIECES[k + 1]
    return slice(first, end), slice(face, last)


def _joints(template: Array) -> tuple[Array, Array]:
    """Joint centres (J, 3), and the mean of vertices (J, V) that each follows when the identity changes."""
    centre, follow = np.zeros((len(JOINT_NAMES), 3)), np.zeros((len(JOINT_NAMES), len(template)))
    for joint in EYES:
        ball = _piece(JOINT_NAMES[joint])[0]
        follow[joint, ball] = 1 / (ball.stop - ball.start)
        centre[joint] = _ball_centre(template[ball])
    eyes = centre[list(EYES)]
    for name, place in PLACES.items():
        joint = JOINT_NAMES.index(name)
        centre[joint] = eyes.mean(0) + np.linalg.norm(eyes[0] - eyes[1]) * np.array(place)
        follow[joint, : PIECES[1][0]] = 1 / PIECES[1][0]
    return centre, follow


def _ball_centre(points: Array) -> Array:
    """Centre of the sphere nearest to points (N, 3), by linear least squares."""
    rows = np.column_stack([2 * points, np.ones(len(points))])
    return np.asarray(np.linalg.lstsq(rows, (points**2).sum(1), rcond=None)[0][:3])


def _weights(template: Array, joints: Array, opening: Array | None) -> Array:
    """Skin weights (V, J): eyeballs to the eyes, the neck's foot to the root, the jaw as far as `opening` carries."""
    root, neck, jaw = (JOINT_NAMES.index(name) for name in PLACES)
    out = np.zeros((len(template), len(JOINT_NAMES)))
    out[:, root] = np.clip((joints[neck, 1] - template[:, 1]) / (joints[neck, 1] - joints[root, 1]), 0, 1)
    behind = np.clip((template[:, 2] - joints[neck, 2]) / 0.05, 0, 1)  # the chin, as low as the neck, is the head's
    out[:, root] *= 1 - behind
    for joint in EYES:
        ball = _piece(JOINT_NAMES[joint])[0]
        out[ball] = 0
        out[ball, joint] = 1
    if opening is not None:
        out[:, jaw] = _share(np.cross([1.0, 0, 0], template - joints[jaw]), opening) * (1 - out[:, list(EYES)].sum(1))
        out[:, root] *= 1 - out[:, jaw]
    out[:, neck] = 1 - out.sum(1)
    return out


def _share(turn: Array, opening: Array) -> Array:
    """(V,) how much of the lower teeth's turn about the jaw's hinge each vertex follows, 0..1."""
    along = (opening * turn).sum(1) / np.maximum((turn**2).sum(1), 1e-12)
    return np.clip(along / max(float(np.median(along[LOWER_TEETH])), 1e-6), 0, 1)


def _parts(template: Array, polygons: Ints, joints: Array) -> Ints:
    part = np.zeros(len(polygons), np.int64)
    for (_, begin, name), (_, end, _) in pairwise(PIECES):
        if name in JOINT_NAMES:
            part[begin:end] = eye_parts(template, polygons[begin:end], joints[JOINT_NAMES.index(name)])
        else:
            part[begin:end] = PART_NAMES.index(name)
    return part
