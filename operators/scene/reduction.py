# SPDX-License-Identifier: GPL-3.0-or-later
"""The raw motion with as few keys as a tolerance on the surface allows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.curve_edit import kept_keys
from .action import key_path
from .derived import Course, courses, derive, raw_action

Array = NDArray[np.float64]
Kept = dict[str, NDArray[np.int64]]  #: which keys of every property

TRIES = 12
TIGHTER = 0.9  # than in proportion: keys come one at a time


@dataclass(frozen=True)
class Reduced:
    """What a reduction did."""

    before: int  #: keys
    after: int
    error_m: float  #: largest distance of any vertex from the raw motion, at any raw key


def reduce(head: bpy.types.Object, tolerance_m: float) -> Reduced:
    """Keep as few keys as leave every vertex within `tolerance_m` of the raw motion, at every raw key and strength 1.

    Every property is first given the whole tolerance; their errors add up, so all are tightened until the surface is within.
    """
    raw, surface = courses(raw_action(head)), _Surface(head)
    every: Kept = {course.path: np.arange(len(course.frames)) for course in raw}
    share, kept, error = 1.0, every, 0.0
    for _ in range(TRIES):
        kept = {course.path: _kept(course, share * tolerance_m / surface.reach(course.path)) for course in raw}
        error = surface.error(raw, kept)
        if error <= tolerance_m:
            break
        share *= TIGHTER * tolerance_m / error
    else:
        kept, error = every, 0.0
    derive(head, "reduced", lambda course: course.only(kept[course.path]))
    columns = {course.path: course.values.shape[1] for course in raw}
    before, after = (sum(columns[path] * len(keys) for path, keys in which.items()) for which in (every, kept))
    return Reduced(before, after, error)


def _kept(course: Course, tolerance: float) -> NDArray[np.int64]:
    """Within the tolerance; what is held over a gap, and where it goes on, always."""
    held = np.flatnonzero(course.held)
    edges = np.concatenate([held, np.minimum(held + 1, len(course.frames) - 1)])
    return np.union1d(kept_keys(course.frames, course.values, tolerance), edges)


class _Surface:
    """How properties of the head move its surface."""

    def __init__(self, head: bpy.types.Object) -> None:
        self._head = head

    @cached_property
    def _moved(self) -> dict[str, Array]:
        """(3 V,) m by which every shape key moves the vertices at 1, by its path."""
        blocks = self._head.data.shape_keys.key_blocks
        flat = np.empty((len(blocks), 3 * len(self._head.data.vertices)), np.float32)
        for row, block in zip(flat, blocks, strict=True):
            block.data.foreach_get("co", row)
        moved = (flat - flat[0]).astype(np.float64)
        return {key_path(block.name): row for block, row in zip(blocks, moved, strict=True)}

    @cached_property
    def _arms(self) -> dict[str, float]:
        """How far from its joint, in metres, every bone moves the surface."""
        points = self._basis().reshape(-1, 3)
        owned: dict[str, list[int]] = {group.name: [] for group in self._head.vertex_groups}
        names = list(owned)
        for vertex in self._head.data.vertices:
            for member in vertex.groups:
                owned[names[member.group]].append(vertex.index)
        arms = {}
        for bone in self._head.parent.data.bones:
            below = (bone.name, *(child.name for child in bone.children_recursive))
            own = [number for name in below for number in owned.get(name, [])]
            arms[bone.name] = float(np.linalg.norm(points[own] - np.array(bone.head_local), axis=1).max(initial=0))
        return arms

    def _basis(self) -> Array:
        """(3 V,) m, at rest."""
        flat = np.empty(3 * len(self._head.data.vertices), np.float32)
        self._head.data.shape_keys.reference_key.data.foreach_get("co", flat)
        return flat.astype(np.float64)

    def reach(self, path: str) -> float:
        """How far, in metres, a change of 1 in each component of a property moves the surface at most."""
        if path in self._moved:
            return max(float(np.linalg.norm(self._moved[path].reshape(-1, 3), axis=1).max()), 1e-9)
        if not path.endswith("rotation_quaternion"):
            return float(np.sqrt(3))  # three coordinates, metres
        return max(4 * self._arms[path.split('"')[1]], 1e-9)  # four components, of half the angle

    def error(self, raw: list[Course], kept: Kept) -> float:
        """Largest distance of a vertex, m: shape keys as they add up, frame by frame; bones by their bound."""
        off = {course.path: course.only(kept[course.path]).at(course.frames) - course.values for course in raw}
        frames = max((course.frames for course in raw), key=len)
        together = [c.path for c in raw if c.path in self._moved and np.array_equal(c.frames, frames)]
        weights = np.concatenate([off[path] for path in together], 1) if together else np.zeros((len(frames), 0))
        basis = np.array([self._moved[path] for path in together]).reshape(len(together), -1)
        skin = max(float(np.linalg.norm((row @ basis).reshape(-1, 3), axis=1).max(initial=0)) for row in weights)
        rest = (course.path for course in raw if course.path not in together)
        return skin + sum(float(np.abs(off[path]).max()) * self.reach(path) for path in rest)
