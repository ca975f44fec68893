# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME 2020, 2023 and 2023 Open: the arrays of its `.pkl` or `.npz`, in any of the layouts in use, as a `HeadModel`.

FLAME's own expressions are called expression_000 and so on; they have no other names. Its joints move with shape and
expression. Units are metres, axes those of head space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import MicrofaceError
from ..model import PARENTS, HeadModel
from ..part import PART_NAMES
from .editions import FLAME, FLAME_2020, FLAME_2023, FLAME_2023_NO_JAW, FLAME_OPEN, Edition
from .foreign import EYES, eye_parts, foreign_head, normalised

Array = NDArray[np.float64]
Arrays = Mapping[str, Any]

VERTICES = 5023
JOINTS = len(PARENTS)
#: What FLAME's file calls its arrays, and what FLAME_PyTorch and smplx call them in their buffers.
ALIASES = {
    "template": ("v_template",), "directions": ("shapedirs",), "correctives": ("posedirs",),
    "faces": ("f", "faces_tensor", "faces"), "regressor": ("J_regressor",), "weights": ("weights", "lbs_weights"),
    "parents": ("kintree_table", "parents"),
}  # fmt: skip
#: Number of directions -> how many of them are shape; the rest is expression.
SPLITS = {400: 300, 350: 300, 200: 100, 150: 100, 20: 10}
BODIES = {6890: "SMPL, a body", 10475: "SMPL-X, a body", 10595: "SMPL+H, a body", 778: "MANO, a hand"}
OPEN_MARK = "supr_expression_metadata"
#: Corners of the box about the template of 2023 Open, m: 2020 differs by millimetres.
OPEN_BOX = np.array([[-0.10978, -0.18724, -0.15323], [0.10777, 0.13212, 0.07509]])
NAMED = {"flame2023_no_jaw": FLAME_2023_NO_JAW, "flame2023": FLAME_2023, "2023": FLAME_2023, "generic_model": FLAME_2020,
         "female_model": FLAME_2020, "male_model": FLAME_2020, "2020": FLAME_2020}  # fmt: skip
REMEDY = "Choose FLAME's own file as downloaded, e.g. flame2023_Open.pkl or generic_model.pkl."


def is_flame(arrays: Arrays) -> bool:
    """Whether these are arrays of the SMPL family."""
    return "v_template" in arrays and ("shapedirs" in arrays or "posedirs" in arrays)


def read_flame(arrays: Arrays, file: str) -> HeadModel:
    """The head in the arrays of a file.

    Args:
        arrays: by the file's own names.
        file: its path, for messages and, where nothing else tells, for the edition.

    Raises:
        MicrofaceError: ``body_model``, ``bad_head`` or ``unknown_layout``.
        ValueError: arrays that contradict one another.
    """
    found = _found(arrays, file)
    _refuse_others(found, file)
    template = found["template"]
    shape, expression = _split(found["directions"], arrays.get(OPEN_MARK), file)
    polygons = np.column_stack([found["faces"].astype(np.int64), np.full(len(found["faces"]), -1)])
    weights = normalised(found["weights"])
    regress = found["regressor"]
    joints = regress @ template
    return foreign_head(
        edition_of(arrays, template, file), polygons, _parts(template, polygons, weights, joints),
        template=template, identity=shape, expression=expression,
        expression_names=tuple(f"expression_{number:03d}" for number in range(len(expression))),
        joint_template=joints, joint_identity=_moved(regress, shape), joint_expression=_moved(regress, expression),
        weights=weights, pose_correctives=_correctives(found["correctives"]),
    )  # fmt: skip


def edition_of(arrays: Arrays, template: Array, file: str) -> Edition:
    """Which FLAME: by what only 2023 Open holds, by its template, else by the file's name."""
    box = np.array([template.min(0), template.max(0)])
    if OPEN_MARK in arrays or np.abs(box - OPEN_BOX).max() < 1e-4:
        return FLAME_OPEN
    words = file.lower().replace("\\", "/").split("/")[-2:]
    return next((edition for key, edition in NAMED.items() for word in words[::-1] if key in word), FLAME)


def _found(arrays: Arrays, file: str) -> dict[str, NDArray[Any]]:
    """The needed arrays by our names, floats as float64."""
    out: dict[str, NDArray[Any]] = {}
    for name, aliases in ALIASES.items():
        value = next((arrays[alias] for alias in aliases if alias in arrays), None)
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu":
            text = f"{file} has no array '{aliases[0]}', so it is not a whole FLAME model."
            raise MicrofaceError("bad_head", text, REMEDY)
        out[name] = value.astype(np.float64) if name not in ("faces", "parents") else value
    return out


def _refuse_others(found: Mapping[str, NDArray[Any]], file: str) -> None:
    """Other models of the same family, and arrays of other sizes."""
    count = len(found["template"])
    if count in BODIES:
        text = f"{file} is {BODIES[count]} model with {count} vertices, not a FLAME head."
        raise MicrofaceError("body_model", text, REMEDY)
    if count != VERTICES:
        raise MicrofaceError("bad_head", f"{file} has {count} vertices; FLAME has {VERTICES}.", REMEDY)
    expected = {"template": (VERTICES, 3), "regressor": (JOINTS, VERTICES), "weights": (VERTICES, JOINTS),
                "faces": (len(found["faces"]), 3)}  # fmt: skip
    for name, shape in expected.items():
        if found[name].shape != shape:
            text = f"In {file} the array '{ALIASES[name][0]}' has shape {found[name].shape} instead of {shape}."
            raise MicrofaceError("bad_head", text, REMEDY)
    if found["faces"].size and not 0 <= found["faces"].min() <= found["faces"].max() < VERTICES:
        raise MicrofaceError("bad_head", f"In {file} the array 'f' points outside the mesh.", REMEDY)
    tree = np.atleast_2d(found["parents"])[0].astype(np.int64)
    if tree[1:].tolist() != list(PARENTS[1:]):
        text = f"{file} has joints {tree.tolist()}; FLAME's are root, neck, and jaw and eyes below the neck."
        raise MicrofaceError("bad_head", text, REMEDY)


def _split(directions: NDArray[Any], metadata: Any, file: str) -> tuple[Array, Array]:
    """Shape (S, V, 3) and expression (E, V, 3) of directions (V, 3, S + E)."""
    if directions.ndim != 3 or directions.shape[:2] != (VERTICES, 3):
        text = f"In {file} the array 'shapedirs' has shape {directions.shape} instead of ({VERTICES}, 3, 400)."
        raise MicrofaceError("bad_head", text, REMEDY)
    count = directions.shape[2]
    told = metadata.get("n_expr") if isinstance(metadata, dict) else None
    shapes = count - int(told) if isinstance(told, int | np.integer) else SPLITS.get(count, 0)
    if not 0 < shapes < count:
        text = f"{file} has {count} directions; which of them are shape and which expression is not known."
        remedy = "Use FLAME's own file with 300 + 100, or a copy with 300 + 50, 100 + 100, 100 + 50 or 10 + 10."
        raise MicrofaceError("unknown_layout", text, remedy)
    basis = np.ascontiguousarray(directions.transpose(2, 0, 1))
    return basis[:shapes], basis[shapes:]


def _correctives(directions: NDArray[Any]) -> Array:
    """(36, V, 3) of FLAME's (V, 3, 36) or of smplx's (36, 3 V)."""
    count = 9 * (JOINTS - 1)
    if directions.shape == (VERTICES, 3, count):
        return np.ascontiguousarray(directions.transpose(2, 0, 1))
    if directions.shape == (count, 3 * VERTICES):
        return directions.reshape(count, VERTICES, 3)
    raise ValueError(f"'posedirs' has shape {directions.shape} instead of ({VERTICES}, 3, {count})")


def _moved(regress: Array, basis: Array) -> Array:
    """(N, J, 3) how directions (N, V, 3) move the joints."""
    return np.asarray(np.einsum("jv,nvc->njc", regress, basis, optimize=True))


def _parts(template: Array, polygons: NDArray[np.int64], weights: Array, joints: Array) -> NDArray[np.int64]:
    """(P,) skin, or for what only an eye moves its parts."""
    part = np.full(len(polygons), PART_NAMES.index("skin"))
    for joint in EYES:
        ball = (weights[polygons[:, :3], joint] > 0.5).all(1)
        if ball.any():
            part[ball] = eye_parts(template, polygons[ball], joints[joint])
    return part
