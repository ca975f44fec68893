# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME's formula: template + identity + expression + pose correctives, then linear blend skinning.

    v = skin(template + identity(shape) + offset + expression(expression) + correctives(pose), joints(shape), pose)
    vertices = FLIP @ v + translation

Li, Bolkart, Black, Li, Romero: Learning a model of facial shape and expression from 4D scans. ACM TOG 36(6), 2017.
There the joints move with the expression too (`joint_expression`); on the generic head with the identity only.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrofaceError
from .rotation import jacobian_left, rotation_matrix, skew
from .skinning import blend, shifts, skin, turn_derivatives, world_rotations
from .units import CARRIED, UNIT_NAMES

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Rows = NDArray[np.integer[Any]]

FLIP = np.diag([1.0, -1.0, -1.0])  # head space to camera space
JOINT_NAMES = ("root", "neck", "jaw", "eye_left", "eye_right")
PARENTS = (-1, 0, 1, 1, 1)

# The file
TEXTS = ("name", "licence", "citation", "part_names", "expression_names", "joint_names")
INTEGERS = ("faces", "polygons", "part", "landmark_index", "landmark_triangle", "parents")
GRID = 1e-8  # m: values are stored as multiples of it, which hides the last bits in which machines differ
_ABSENT = ("joint_expression", "citation")  # not in the file where they are empty
#: What gives coefficients their meaning, with the names of the expressions.
SPACE = ("template", "faces", "identity", "expression", "joint_template", "pose_correctives")


@dataclass(frozen=True)
class Jacobians:
    """Derivatives of the camera-space vertices. The one of the translation is the identity for every vertex."""

    vertices: Array  #: (N, 3) m, the vertices themselves
    shape: Array  #: (N, 3, S) m per sigma
    expression: Array  #: (N, 3, E) m per full strength
    pose: Array  #: (N, 3, J, 3) m per radian of the axis-angle vectors


@dataclass(frozen=True)
class HeadModel:
    """Any person with any expression. Head space: x to the subject's left, y up, z forward, metres."""

    name: str
    licence: str
    sha256: str  #: `fingerprint` of the space its coefficients live in
    template: Array  #: (V, 3) m, the mean adult
    faces: NDArray[np.int32]  #: (F, 3) counter-clockwise seen from outside
    polygons: NDArray[np.int32]  #: (P, 4) the same surface as quads; -1 in the last column for a triangle
    uv: NDArray[np.float32]  #: (P, 4, 2)
    part: NDArray[np.int8]  #: (P,) index into part_names
    part_names: tuple[str, ...]
    identity: Array  #: (S, V, 3) m per sigma
    expression: Array  #: (E, V, 3) m at full strength
    expression_names: tuple[str, ...]
    joint_template: Array  #: (J, 3) m
    joint_identity: Array  #: (S, J, 3) m per sigma
    weights: Array  #: (V, J), rows sum to 1
    pose_correctives: Array  #: (9 (J - 1), V, 3) m per element of R - I of the joints after the root, or (0, V, 3)
    face_mask: NDArray[np.bool_]  #: (V,) visible skin from chin to hairline and ear to ear
    landmark_index: NDArray[np.int32]  #: (L,) which of the tracker's 478 landmarks
    landmark_triangle: NDArray[np.int32]  #: (L,) index into faces
    landmark_weight: Array  #: (L, 3) barycentric
    joint_names: tuple[str, ...] = JOINT_NAMES
    parents: tuple[int, ...] = PARENTS
    #: (E, J, 3) m at full strength, or (0, J, 3) where an expression moves no joint
    joint_expression: Array = field(default_factory=lambda: np.zeros((0, len(JOINT_NAMES), 3)))
    citation: str = ""  #: what to cite when publishing with it

    @property
    def face_part(self) -> NDArray[np.int8]:
        """(F,) part of every triangle, in the order of `faces`."""
        return np.repeat(self.part, np.where(self.polygons[:, 3] < 0, 1, 2))

    def landmark_points(self, vertices: Floats) -> Array:
        """Landmarks (..., L, 3) of vertices (..., V, 3)."""
        corner = np.asarray(vertices, np.float64)[..., self.faces[self.landmark_triangle], :]
        return np.asarray(np.einsum("...lkc,lk->...lc", corner, self.landmark_weight))

    def neutral(self, shape: Floats) -> Array:
        """Vertices (V, 3) of a person at rest, head space, from identity coefficients (S,)."""
        return self.template + np.tensordot(np.asarray(shape, np.float64), self.identity, 1)

    def joints(self, shape: Floats, expression: Floats | None = None) -> Array:
        """Joint centres (J, 3) of a person, head space: at rest, or with an expression before posing."""
        at_rest = self.joint_template + np.tensordot(np.asarray(shape, np.float64), self.joint_identity, 1)
        return at_rest if expression is None else at_rest + self.joint_shift(expression)

    def joint_shift(self, expression: Floats) -> Array:
        """How far expressions (..., E) move the joints before posing, (..., J, 3) m."""
        values = np.asarray(expression, np.float64)
        if not len(self.joint_expression):
            return np.zeros((*values.shape[:-1], *self.joint_template.shape))
        return np.asarray(np.tensordot(values, self.joint_expression, 1))

    def pose(self, vertices: Floats, joints: Floats, pose: Floats) -> Array:
        """Pose correctives and skinning.

        Args:
            vertices: (V, 3) m, head space, at rest.
            joints: (J, 3) m, head space, at rest.
            pose: (J, 3) axis-angle.

        Returns:
            (V, 3) m, head space.
        """
        local = rotation_matrix(pose)
        rest = np.asarray(vertices, np.float64) + self._corrective(local)
        return skin(rest, joints, world_rotations(local, self.parents), self.weights, self.parents)

    def vertices(
        self, shape: Floats, expression: Floats, pose: Floats, translation: Floats, offset: Floats | None = None
    ) -> Array:
        """The whole formula.

        Args:
            shape: (S,) sigma.
            expression: (E,) 1 = full strength.
            pose: (J, 3) axis-angle.
            translation: (3,) m, camera space.
            offset: (V, 3) m, added to the neutral, head space; joints do not move with it.

        Returns:
            (V, 3) m, camera space.
        """
        rest = self._rest(shape, expression, offset, slice(None))
        return np.asarray(self.pose(rest, self.joints(shape, expression), pose) @ FLIP + translation)

    def jacobians(
        self,
        shape: Floats,
        expression: Floats,
        pose: Floats,
        translation: Floats,
        offset: Floats | None = None,
        rows: Rows | None = None,
    ) -> Jacobians:
        """Vertices and their analytic derivatives, of `rows` (N,) or of all vertices; arguments as in `vertices`."""
        row: Rows = np.arange(len(self.template)) if rows is None else rows
        local, joints, weights = rotation_matrix(pose), self.joints(shape, expression), self.weights[row]
        world = world_rotations(local, self.parents)
        rest = self._rest(shape, expression, offset, row) + self._corrective(local, row)
        linear = FLIP @ blend(world, weights)
        turn = turn_derivatives(rest, joints, np.asarray(pose, np.float64), world, weights, self.parents)
        carried, moved = (
            FLIP @ np.einsum("sja,nj->nas", shifts(world, basis, self.parents), weights)
            for basis in (self.joint_identity, self.joint_expression)
        )
        return Jacobians(
            vertices=skin(rest, joints, world, weights, self.parents) @ FLIP + translation,
            shape=linear @ self.identity[:, row].transpose(1, 2, 0) + carried,
            expression=linear @ self.expression[:, row].transpose(1, 2, 0) + (moved if moved.size else 0.0),
            pose=np.einsum("ab,nbjc->najc", FLIP, turn) + self._d_corrective(pose, local, linear, row),
        )

    def _rest(self, shape: Floats, expression: Floats, offset: Floats | None, row: Rows | slice) -> Array:
        """Vertices (N, 3) before posing."""
        rest = self.template[row] + np.tensordot(np.asarray(shape, np.float64), self.identity[:, row], 1)
        rest += np.tensordot(np.asarray(expression, np.float64), self.expression[:, row], 1)
        return rest if offset is None else rest + np.asarray(offset, np.float64)[row]

    def _corrective(self, local: Array, row: Rows | slice = slice(None)) -> Array | float:
        """Offsets (N, 3) linear in R - I; 0.0 for a head without them."""
        if not len(self.pose_correctives):
            return 0.0
        return np.tensordot((local[1:] - np.eye(3)).ravel(), self.pose_correctives[:, row], 1)

    def _d_corrective(self, pose: Floats, local: Array, linear: Array, row: Rows) -> Array | float:
        """d correctives / d axis-angle, (N, 3, J, 3), camera space."""
        if not len(self.pose_correctives):
            return 0.0
        # d R / d axis-angle, (J, 3 axes, 3, 3)
        turned = skew(np.moveaxis(jacobian_left(pose), -1, -2)) @ local[:, None]
        basis = self.pose_correctives[:, row].reshape(len(local) - 1, 9, len(row), 3)
        moved = np.einsum("jce,jenb->nbjc", turned[1:].reshape(len(local) - 1, 3, 9), basis)
        out = np.zeros((len(row), 3, len(local), 3))
        out[:, :, 1:] = np.einsum("nab,nbjc->najc", linear, moved)
        return out


def fingerprint(head: HeadModel) -> str:
    """SHA-256 of the space its coefficients live in: the same for one head, whatever file it was read from.

    A take records it: the same numbers are another face in another space, even on the same topology. Named units that
    were carried over to a head count by the version of the way they were, not by their last digits, in which machines
    differ.
    """
    names = head.expression_names
    own = [k for k, name in enumerate(names) if name not in UNIT_NAMES] or list(range(len(names)))
    values = {name: getattr(head, name) for name in SPACE} | {"expression": head.expression[own]}
    digest = hashlib.sha256("\n".join(names).encode())
    if len(own) < len(names):
        digest.update(f"units carried over {CARRIED}".encode())
    for name, value in values.items():
        raw = _stored(value).tobytes()
        digest.update(f"{name} {len(raw)}\n".encode() + raw)
    return digest.hexdigest()


def _stored(array: NDArray[Any]) -> NDArray[Any]:
    """As it lies in a file: little endian, floats as float32 on a fixed grid and without a negative zero."""
    if array.dtype.kind == "f":
        return np.asarray((np.round(array.astype(np.float64) / GRID) * GRID).astype("<f4") + np.float32(0))
    return array.astype(array.dtype.newbyteorder("<"))


def write_head(path: Path, head: HeadModel) -> None:
    """Store a head. Floats become float32 on a fixed grid, so that equal heads give equal bytes."""
    arrays: dict[str, Any] = {
        f.name: _stored(np.asarray(getattr(head, f.name))) for f in fields(head) if f.name not in ("sha256", *_ABSENT)
    }
    arrays |= {name: _stored(np.asarray(getattr(head, name))) for name in _ABSENT if len(getattr(head, name))}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # NumPy dates every entry 1980
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(buffer.getvalue())
    part.replace(path)


def read_head(path: Path) -> HeadModel:
    """Read a head written by `write_head`.

    Raises:
        MicrofaceError: the file is missing, damaged, or not a head.
    """
    try:
        raw = Path(path).read_bytes()
        with np.load(io.BytesIO(raw), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = HeadModel(sha256="", **{k: _value(k, v) for k, v in arrays.items()})
        check(head)
        return named(head)
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        text = f"{path} is not a readable head file: {error}."
        raise MicrofaceError("bad_head", text, "Build it again: remove it and run `python3 dev.py demo`.") from error


def named(head: HeadModel) -> HeadModel:
    """The head with its fingerprint."""
    return replace(head, sha256=fingerprint(head))


def _value(name: str, array: NDArray[Any]) -> Any:
    """A stored array as the type of its field."""
    if name in TEXTS:
        return str(array) if array.ndim == 0 else tuple(str(item) for item in array)
    if name == "parents":
        return tuple(int(item) for item in array)
    if name == "weights":  # float32 rows sum to 1 only to 1e-7
        return array / array.sum(1, keepdims=True, dtype=np.float64)
    if name in ("uv", "face_mask") or name in INTEGERS:
        return array
    return array.astype(np.float64)


def check(head: HeadModel) -> None:
    """Shapes agree with one another, indices stay inside, numbers are finite.

    Raises:
        ValueError: with what is wrong.
    """
    v, j = len(head.template), len(head.joint_names)
    s, e, p, m = len(head.identity), len(head.expression_names), len(head.polygons), len(head.landmark_index)
    expected = {
        "template": (v, 3), "faces": (len(head.faces), 3), "polygons": (p, 4), "uv": (p, 4, 2), "part": (p,),
        "identity": (s, v, 3), "expression": (e, v, 3), "joint_template": (j, 3), "joint_identity": (s, j, 3),
        "weights": (v, j), "pose_correctives": (len(head.pose_correctives), v, 3), "face_mask": (v,),
        "landmark_triangle": (m,), "landmark_weight": (m, 3), "parents": (j,),
        "joint_expression": (min(e, len(head.joint_expression)), j, 3),
    }  # fmt: skip
    for name, shape in expected.items():
        if np.shape(getattr(head, name)) != shape:
            raise ValueError(f"{name} has shape {np.shape(getattr(head, name))} instead of {shape}")
    for name, top in (("faces", v), ("polygons", v), ("landmark_triangle", len(head.faces))):
        index = getattr(head, name)
        if index.size and (index.min() < -1 or index.max() >= top):
            raise ValueError(f"{name} points outside the mesh")
    if len(head.joint_expression) not in (0, e):
        raise ValueError(f"{len(head.joint_expression)} expressions move joints")
    if len(head.pose_correctives) not in (0, 9 * (j - 1)):
        raise ValueError(f"{len(head.pose_correctives)} pose correctives")
