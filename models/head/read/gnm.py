# SPDX-License-Identifier: GPL-3.0-or-later
"""GNM Head (google/GNM, gnm_head.npz) as a `HeadModel`.

GNM has no jaw joint: its lower face is 150 expressions. Its joints are given this project's names, and a jaw that moves
nothing stands at the head's joint. Units are metres, axes those of head space.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model import JOINT_NAMES, HeadModel
from ..part import PART_NAMES
from .editions import GNM
from .foreign import foreign_head, normalised

Array = NDArray[np.float64]
Arrays = Mapping[str, Any]

NEEDED = ("template_vertex_positions", "template_joint_positions", "vertex_identity_basis", "joint_identity_basis",
          "expression_basis", "joint_names", "expression_names", "joint_parent_indices", "skinning_weights", "quads",
          "quad_uvs", "vertex_groups", "vertex_group_names")  # fmt: skip
#: GNM's joint of each of ours; where there is none, ours moves nothing and stands where the head's does.
JOINTS = {"root": "neck", "neck": "head", "eye_left": "left_eye", "eye_right": "right_eye"}
#: Vertex groups (of this and older versions) and the part they are, later ones over earlier ones.
GROUPS = {
    "left_eye": "eye", "right_eye": "eye", "eyes": "eye", "iris": "iris", "irises": "iris", "pupil": "pupil", "pupils": "pupil",
    "eyeball_exterior": "cornea", "eye_exteriors": "cornea", "upper_teeth": "teeth", "lower_teeth": "teeth",
    "upper_teeth_and_gums": "teeth", "lower_teeth_and_gums": "teeth", "tongue": "tongue",
}  # fmt: skip


def is_gnm(arrays: Arrays) -> bool:
    return "template_vertex_positions" in arrays and "vertex_identity_basis" in arrays


def read_gnm(arrays: Arrays) -> HeadModel:
    """The head in GNM's arrays.

    Raises:
        ValueError: missing arrays, other joints, or arrays that contradict one another.
    """
    missing = [name for name in NEEDED if not isinstance(arrays.get(name), np.ndarray)]
    if missing:
        raise ValueError(f"it has no '{missing[0]}'")
    template = arrays["template_vertex_positions"].astype(np.float64)
    quads = arrays["quads"].astype(np.int64)
    column = _columns([str(name) for name in arrays["joint_names"]])
    weights = np.zeros((len(template), len(JOINT_NAMES)))
    for ours, theirs in column.items():
        if JOINT_NAMES[ours] in JOINTS:
            weights[:, ours] = arrays["skinning_weights"][theirs]
    order = [column[joint] for joint in range(len(JOINT_NAMES))]
    return foreign_head(
        GNM, quads, _parts(quads, arrays),
        template=template, identity=arrays["vertex_identity_basis"].astype(np.float64),
        expression=arrays["expression_basis"].astype(np.float64),
        expression_names=tuple(str(name) for name in arrays["expression_names"]),
        joint_template=arrays["template_joint_positions"].astype(np.float64)[order],
        joint_identity=arrays["joint_identity_basis"].astype(np.float64)[:, order],
        weights=normalised(weights), pose_correctives=_correctives(arrays, order, len(template)),
        uv=arrays["quad_uvs"].astype(np.float32),
    )  # fmt: skip


def _columns(names: list[str]) -> dict[int, int]:
    """For each of our joints GNM's."""
    if sorted(names) != sorted(JOINTS.values()):
        raise ValueError(f"its joints are {', '.join(names)[:80]}, not {', '.join(JOINTS.values())}")
    return {k: names.index(JOINTS.get(ours, JOINTS["neck"])) for k, ours in enumerate(JOINT_NAMES)}


def _correctives(arrays: Arrays, order: list[int], vertices: int) -> Array:
    """(36, V, 3) of GNM's (9 J, 3 V); none where they are all zero, as in version 3.0."""
    given = arrays.get("pose_correctives_regressor")
    if not isinstance(given, np.ndarray) or given.dtype.kind != "f" or not given.any():
        return np.zeros((0, vertices, 3))
    each = given.astype(np.float64).reshape(-1, 9, vertices, 3)
    if each[order[0]].any():
        raise ValueError("its root's turns deform the skin")
    own = [joint for joint, name in zip(order, JOINT_NAMES, strict=True) if name in JOINTS][1:]
    out = np.zeros((len(JOINT_NAMES) - 1, 9, vertices, 3))
    out[[k - 1 for k, name in enumerate(JOINT_NAMES) if name in JOINTS and k]] = each[own]
    return out.reshape(-1, vertices, 3)


def _parts(quads: NDArray[np.int64], arrays: Arrays) -> NDArray[np.int64]:
    """(P,) part of every quad, by the vertex groups that hold all its corners."""
    part = np.full(len(quads), PART_NAMES.index("skin"))
    names = [str(name) for name in arrays["vertex_group_names"]]
    for group, name in GROUPS.items():
        if group in names:
            inside = (arrays["vertex_groups"][names.index(group)] > 0.5)[quads].all(1)
            part[inside] = PART_NAMES.index(name)
    return part
