# SPDX-License-Identifier: GPL-3.0-or-later
"""Two rows of fourteen teeth set along the arch of the base mesh's helper strips, which become the gums."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .model import JOINT_NAMES as JOINTS
from .obj import BaseMesh
from .part import PART_NAMES, Piece, affine, rows

Array = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Arch:
    """One jaw's helper strip: two rows of vertices of base.obj, from the middle to the subject's left rear."""

    group: str
    joint: str
    biting: tuple[int, ...]  #: along the cutting edges
    gum: tuple[int, ...]  #: along the edge of the gums
    widths: tuple[float, ...]  #: mm, of the teeth from the middle to the rear
    proud: float  #: m, how far the teeth stand before the strip: the upper ones close over the lower ones
    overbite: float  #: how much longer than the strip an incisor is, of its height


UPPER = Arch(
    "helper-upper-teeth", "neck",
    (15069, 15086, 15071, 15070, 15085, 15078, 15077, 15076, 15080),
    (15079, 15075, 15074, 15073, 15072, 15084, 15083, 15082, 15081),
    (8.5, 6.6, 7.6, 7.1, 6.8, 10.2, 9.5), 1.2e-3, 0.2,
)  # fmt: skip
LOWER = Arch(
    "helper-lower-teeth", "jaw",
    (15010, 15001, 15002, 15003, 15004, 15005, 15006, 15007, 15008),
    (15012, 15013, 15014, 15015, 15011, 15016, 15017, 15018, 15009),
    (5.4, 5.9, 6.9, 7.0, 7.1, 11.0, 10.4), -0.6e-3, 0.0,
)  # fmt: skip

AROUND = 10  # vertices around a tooth
RISE = np.array([-0.25, 0.1, 0.5, 0.85, 1.0])  # heights on a tooth: 0 = edge of the gum, 1 = cutting edge
WIDTH = np.array([0.74, 0.86, 0.97, 0.98, 0.86])  # of a tooth's share of the arch, at those heights
INCISOR = np.array([0.9, 1.0, 0.8, 0.45, 0.22])  # thickness at those heights
MOLAR = np.array([0.95, 1.0, 1.0, 0.95, 0.72])
THICKNESS = (6.5, 6.2, 7.5, 8.5, 8.8, 10.5, 10.5)  # mm
SLENDER = (1.0, 1.0, 0.75, 0.25, 0.15, 0.0, 0.0)  # 1 = incisor, 0 = molar


def build_teeth(base: BaseMesh, arch: Arch) -> Piece:
    """All teeth of one jaw."""
    biting, gum = _both_sides(base.vertices[list(arch.biting)]), _both_sides(base.vertices[list(arch.gum)])
    along = np.r_[0, np.cumsum(np.linalg.norm(np.diff(biting, axis=0), axis=1))]
    middle, share = along[-1] / 2, along[-1] / 2 / sum(arch.widths)
    edges = np.r_[0, np.cumsum(arch.widths)] * share
    vertices = []
    for side in (1, -1):
        for kind in range(len(arch.widths)):
            place = middle + side * (edges[kind] + edges[kind + 1]) / 2
            ends = _at(gum, along, place), _at(biting, along, place)
            vertices.append(_tooth(arch, kind, ends, _outward(biting, along, place), edges[kind + 1] - edges[kind]))
    polygons, uv = _tooth_polygons()
    count = len(vertices[0])
    cloud = np.concatenate(vertices)
    guide = base.members(arch.group)
    follow = affine(cloud, guide, base.vertices)
    return Piece(
        vertices=cloud,
        polygons=np.concatenate([np.where(polygons < 0, -1, polygons + k * count) for k in range(len(vertices))]),
        uv=np.tile(uv, (len(vertices), 1, 1)),
        part=np.full(len(polygons) * len(vertices), PART_NAMES.index("teeth")),
        weights=_weights(len(cloud), arch.joint),
        grow=follow,
        move=follow,
    )


def build_gums(base: BaseMesh, arch: Arch) -> Piece:
    """The helper strip, drawn back from the cutting edges."""
    guide, polygons = np.unique(base.polygons[arch.group], return_inverse=True)
    vertices = base.vertices.copy()
    biting, gum = (_mirrored(base, row) for row in (arch.biting, arch.gum))
    vertices[biting] = 0.85 * vertices[gum] + 0.15 * vertices[biting]
    polygons = polygons.reshape(-1, 4)
    return Piece(
        vertices=vertices[guide],
        polygons=polygons,
        uv=base.uv[base.polygon_uv[arch.group]],
        part=np.full(len(polygons), PART_NAMES.index("gums")),
        weights=_weights(len(guide), arch.joint),
        grow=rows(guide),
        move=rows(guide),
    )


def _weights(count: int, joint: str) -> Array:
    weights = np.zeros((count, len(JOINTS)))
    weights[:, JOINTS.index(joint)] = 1
    return weights


def _both_sides(left: Array) -> Array:
    """The whole arch from the subject's right rear to the left rear; `left` starts on the middle."""
    return np.concatenate([(left * [-1, 1, 1])[:0:-1], left])


def _mirrored(base: BaseMesh, row: tuple[int, ...]) -> Ints:
    """A row's vertices on both sides: the nearest to the mirrored positions, in the order left then right."""
    left = base.vertices[list(row)]
    members = base.members("helper-upper-teeth" if row in (UPPER.biting, UPPER.gum) else "helper-lower-teeth")
    distance = np.linalg.norm(base.vertices[members] - (left * [-1, 1, 1])[:, None], axis=-1)
    return np.concatenate([np.array(row), members[distance.argmin(1)]])


def _at(curve: Array, along: Array, place: float) -> Array:
    return np.array([np.interp(place, along, curve[:, k]) for k in range(3)])


def _outward(curve: Array, along: Array, place: float) -> Array:
    """Unit normal of the arch, horizontal, away from the tongue."""
    tangent = _at(curve, along, place + 2e-3) - _at(curve, along, place - 2e-3)
    normal = np.array([-tangent[2], 0, tangent[0]])
    return np.asarray(normal / np.linalg.norm(normal))


def _tooth(arch: Arch, kind: int, ends: tuple[Array, Array], outward: Array, width: float) -> Array:
    """Vertices of a tooth: rings from the gum to the cutting edge and a point on top."""
    slender = SLENDER[kind]
    gum, biting = ends[0], ends[1] + arch.overbite * slender * (ends[1] - ends[0])
    up = gum - biting
    tangent = np.cross(up / np.linalg.norm(up), outward)
    turn = np.arange(AROUND) * 2 * np.pi / AROUND
    # a rounded box: a circle pushed towards a square
    circle = np.stack([np.cos(turn), np.sin(turn)], 1)
    box = 0.5 * np.sign(circle) * np.abs(circle) ** 0.7
    depth = THICKNESS[kind] * 1e-3 * (slender * INCISOR + (1 - slender) * MOLAR)
    rings = []
    for rise, wide, deep in zip(RISE, WIDTH * width, depth, strict=True):
        lean = arch.proud * (1 - 0.5 * slender * max(rise, 0)) - deep / 2  # front faces stay in line, backs slope
        centre = gum + (biting - gum) * rise + outward * lean
        rings.append(centre + box[:, :1] * wide * tangent + box[:, 1:] * deep * outward)
    return np.concatenate([*rings, rings[-1].mean(0, keepdims=True)])


def _tooth_polygons() -> tuple[Ints, Array]:
    """Polygons of one tooth, counter-clockwise from outside, and their UVs on a small square."""
    ring = np.arange(AROUND)
    turned = np.roll(ring, -1)
    bands = [np.stack([ring, turned, turned + AROUND, ring + AROUND], 1) + k * AROUND for k in range(len(RISE) - 1)]
    last = (len(RISE) - 1) * AROUND
    top = np.stack([ring + last, turned + last, np.full(AROUND, last + AROUND), np.full(AROUND, -1)], 1)
    polygons = np.concatenate([*bands, top])
    u = np.r_[np.tile(ring / AROUND, len(RISE)), 0.5]
    v = np.r_[np.repeat(np.linspace(0, 0.9, len(RISE)), AROUND), 1.0]
    return polygons, 0.02 * np.stack([u, v], 1)[polygons]
