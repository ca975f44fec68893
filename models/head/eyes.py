# SPDX-License-Identifier: GPL-3.0-or-later
"""An eyeball turned on a lathe about its optical axis: sclera, recessed iris, pupil and a clear cornea."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .model import JOINT_NAMES as JOINTS
from .obj import BaseMesh
from .part import PART_NAMES, Piece, affine, similarity

Array = NDArray[np.float64]

SEGMENTS = 32
# All lengths in units of the eyeball's radius.
LIMBUS = 0.46  # radius of the iris, a little under the 12 mm to 24 mm of an eye: this eyeball is large
PUPIL = 0.17
RECESS = 0.035  # iris behind the plane of the limbus
BULGE = 0.03  # cornea before the eyeball's sphere: no more, or it comes through closing lids
SCLERA_STEPS = np.array([20.0, 40, 60, 80, 95, 108, 120, 132, 143])  # degrees from the back pole, before the limbus


def build_eye(base: BaseMesh, side: str) -> Piece:
    """The eyeball of `side` ("left" or "right") in place of the base mesh's helper sphere."""
    guide = base.members(f"helper-{side[0]}-eye")
    centre = base.members(f"joint-{side[0]}-eye")
    middle = base.vertices[centre].mean(0)
    radius = float(np.linalg.norm(base.vertices[guide] - middle, axis=1).mean())
    shells = [_shell(*profile) for profile in _profiles()]
    vertices = np.concatenate([shell[0] for shell in shells]) * radius + middle
    start = np.cumsum([0, *(len(shell[0]) for shell in shells)])
    polygons = np.concatenate([np.where(s[1] < 0, -1, s[1] + k) for s, k in zip(shells, start[:-1], strict=True)])
    part = np.concatenate([np.full(len(s[1]), PART_NAMES.index(s[2])) for s in shells])
    weights = np.zeros((len(vertices), len(JOINTS)))
    weights[:, JOINTS.index(f"eye_{side}")] = 1
    local = (vertices - middle) / radius
    spread = 1 - 0.9 * np.minimum(local[:, 2:], 0)  # seen from the front, the back spread around it
    return Piece(
        vertices=vertices,
        polygons=polygons,
        uv=(0.5 + 0.25 * local[:, :2] * spread)[polygons],
        part=part,
        weights=weights,
        grow=similarity(vertices, guide, base.vertices),
        move=affine(vertices, guide, base.vertices),
    )


def _profiles() -> list[tuple[Array, str]]:
    """(radius, height) along the axis, from the rear to the front, of every shell."""
    rim = np.sqrt(1 - LIMBUS**2)
    angle = np.radians(np.r_[SCLERA_STEPS, 180 - np.degrees(np.arcsin(LIMBUS))])
    sclera = np.stack([np.sin(angle), -np.cos(angle)], 1)
    apex = 1 + BULGE
    ball = (LIMBUS**2 + (apex - rim) ** 2) / (2 * (apex - rim))  # radius of the cornea's sphere
    open_angle = np.arcsin(LIMBUS / ball) * np.array([1, 0.8, 0.6, 0.4, 0.2])
    cornea = np.stack([ball * np.sin(open_angle), apex - ball + ball * np.cos(open_angle)], 1)
    floor = rim - RECESS
    iris = np.array([[LIMBUS, rim], [0.42, floor], [0.3, floor], [PUPIL, floor - 0.01]])
    pupil = np.array([[PUPIL, floor - 0.01], [0.09, floor - 0.02]])
    return [
        (np.r_[[[0.0, -1.0]], sclera], "eye"),
        (iris, "iris"),
        (np.r_[pupil, [[0.0, floor - 0.02]]], "pupil"),
        (np.r_[cornea, [[0.0, apex]]], "cornea"),
    ]


def _shell(profile: Array, part: str) -> tuple[Array, NDArray[np.int64], str]:
    """Turn a profile about z. A point on the axis closes the shell with triangles."""
    turn = np.arange(SEGMENTS) * 2 * np.pi / SEGMENTS
    vertices: list[Array] = []
    index: list[NDArray[np.int64]] = []
    for radius, height in profile:
        size = 1 if radius == 0 else SEGMENTS
        start = sum(len(done) for done in vertices)
        index.append(np.broadcast_to(np.arange(start, start + size), SEGMENTS))
        ring = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.full(SEGMENTS, height)], 1)
        vertices.append(ring[:size])
    quads = [_band(a, b) for a, b in pairwise(index)]
    return np.concatenate(vertices), np.concatenate(quads), part


def _band(rear: NDArray[np.int64], front: NDArray[np.int64]) -> NDArray[np.int64]:
    """Polygons between two rings, counter-clockwise seen from outside (the rear ring is further from the viewer)."""
    band = np.stack([rear, np.roll(rear, -1), np.roll(front, -1), front], 1)
    if rear[0] == rear[1]:
        return np.stack([rear, np.roll(front, -1), front, np.full_like(rear, -1)], 1)
    if front[0] == front[1]:
        band[:, 2:] = np.stack([front, np.full_like(front, -1)], 1)
    return np.asarray(band)
