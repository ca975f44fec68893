# SPDX-License-Identifier: GPL-3.0-or-later
"""What other people's heads leave out and a `HeadModel` needs: eyes with irises, UVs, the face."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..face import face_of
from ..model import JOINT_NAMES, HeadModel, check, named
from ..part import PART_NAMES, triangles
from .editions import Edition

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

EYES = tuple(JOINT_NAMES.index(name) for name in ("eye_left", "eye_right"))
EYE_DISTANCE = (0.045, 0.085)  # m, of grown and nearly grown heads
#: Radii in units of the eyeball's, just outside rings of FLAME's eye: 12 mm and 6.6 mm across there.
IRIS, PUPIL = 0.47, 0.22
THIN = ("cornea", "lashes")


def foreign_head(edition: Edition, polygons: Ints, part: Ints, **known: Any) -> HeadModel:
    """A head of somebody else's arrays, without landmarks.

    Args:
        edition: its name, licence and citation.
        polygons: (P, 4), -1 in the last column for a triangle.
        part: (P,) index into `PART_NAMES`.
        known: the remaining fields of `HeadModel` that do not follow from others.

    Raises:
        ValueError: arrays that do not agree, numbers that are not finite, or no head of human size.
    """
    template = known["template"]
    for name, values in known.items():
        if isinstance(values, np.ndarray) and values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ValueError(f"{name} holds numbers that are not finite")
    if polygons.size and not -1 <= polygons.min() <= polygons.max() < len(template):
        raise ValueError("its polygons point outside the mesh")
    eyes = known["joint_template"][list(EYES)]
    if not EYE_DISTANCE[0] < np.linalg.norm(eyes[0] - eyes[1]) < EYE_DISTANCE[1]:
        raise ValueError("its eyes are not a human eye distance apart")
    faces = triangles(polygons)
    names = np.array(PART_NAMES)[np.repeat(part, np.where(polygons[:, 3] < 0, 1, 2))]
    skin = np.zeros(len(template), bool)
    skin[faces[names == "skin"]] = True
    fields: dict[str, Any] = {
        "name": edition.name, "licence": edition.licence, "citation": edition.citation, "sha256": "",
        "faces": faces, "polygons": polygons.astype(np.int32), "part": part.astype(np.int8), "part_names": PART_NAMES,
        "uv": cylinder_uv(template, polygons),
        "face_mask": face_of(template, faces[~np.isin(names, THIN)], skin, eyes),
        "landmark_index": np.zeros(0, np.int32), "landmark_triangle": np.zeros(0, np.int32),
        "landmark_weight": np.zeros((0, 3)),
    }  # fmt: skip
    head = HeadModel(**(fields | known))
    check(head)
    return named(head)


def normalised(weights: NDArray[Any]) -> Array:
    """Skin weights (V, J) whose rows sum to 1.

    Raises:
        ValueError: negative weights, or a vertex without any.
    """
    weights = np.asarray(weights, np.float64)
    total = weights.sum(1, keepdims=True)
    if (weights < -1e-6).any() or (np.abs(total - 1) > 1e-2).any():
        raise ValueError("its skin weights do not sum to 1")
    return np.asarray(weights / total)


def cylinder_uv(vertices: Array, polygons: Ints) -> NDArray[np.float32]:
    """(P, 4, 2) of a cylinder about the head, cut at its back; polygons across the cut run on beyond 1."""
    low, high = vertices.min(0), vertices.max(0)
    middle = (low + high) / 2
    around = np.arctan2(vertices[:, 0] - middle[0], vertices[:, 2] - middle[2]) / (2 * np.pi)
    polygons = np.where(polygons < 0, polygons[:, :1], polygons)
    u, v = around[polygons], (vertices[polygons, 1] - low[1]) / max(high[1] - low[1], 1e-9)
    u = np.where((np.ptp(u, axis=1)[:, None] > 0.5) & (u < 0), u + 1, u) + 0.5
    return np.stack([u, v], -1).astype(np.float32)


def eye_parts(vertices: Array, polygons: Ints, centre: Array) -> Ints:
    """(P,) parts of an eyeball's polygons: pupil and iris about its front pole (+z), the rest white."""
    corner = vertices[polygons[:, :3]].mean(1) - centre
    radius = np.linalg.norm(vertices[polygons[:, :3]] - centre, axis=-1).mean()
    aside = np.hypot(corner[:, 0], corner[:, 1]) / radius
    inner = np.select([(aside < PUPIL), (aside < IRIS)], [PART_NAMES.index("pupil"), PART_NAMES.index("iris")], -1)
    return np.where((inner >= 0) & (corner[:, 2] > 0), inner, PART_NAMES.index("eye"))
