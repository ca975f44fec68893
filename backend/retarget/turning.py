# SPDX-License-Identifier: GPL-3.0-or-later
"""Bones that turn an eyeball or the whole head: found by what they turn, and set to the turns that were captured.

Skin tells a turn badly, so these are no part of the solve: a turn of the source's joint becomes the same turn of the
rig's, whatever the axes of its bone, whether the bone itself turns or a target that the eye looks at is shifted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import GAZE_UNITS
from .canvas import Canvas
from .islands import EYE, IRIS
from .mapping import Mapping
from .names import units_of
from .rig import Rig
from .source import SurfaceMotion

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Rows = NDArray[np.int64]

RIGID = 0.05  #: of the square of a motion: what may remain beyond a turn and a shift
BY_TURN = 0.5  #: of the motion of an eyeball that its turn, not a shift of it, must make
STIFF = 0.2  #: of the easier of two axes: what the other must reach
DRAGGED = 0.3  #: of what a control moves anywhere, what it may move of an eyeball and still be one of the skin
EVERYWHERE = 1e-3  #: of a control's largest motion: vertices that move less stand still


@dataclass(frozen=True)
class Turner:
    """The controls of one bone that turn a joint."""

    joint: str  #: eye_left, eye_right or head
    columns: Rows  #: (n,) of the rig's controls
    rate: Array  #: (3, n) turn, axis-angle in the canvas's axes, at value 1; rad

    def values(self, turn: Floats, use: NDArray[np.bool_]) -> Array:
        """Values (T, n) for turns (T, 3), axis-angle in the canvas's axes: exact for a bone's own turns, of any size.

        Args:
            turn: where to.
            use: (n,) the columns that may be set.
        """
        rate = np.where(use, self.rate, 0)
        return np.asarray(np.asarray(turn, np.float64) @ np.linalg.pinv(rate, rcond=STIFF / 2).T)


def rigid_fit(points: Array, motion: Array) -> tuple[Array, Array, Array]:
    """The turn and shift that explain motions best.

    Args:
        points: (N, 3) m.
        motion: (K, N, 3) m.

    Returns:
        Turn (K, 3) about the points' mean, shift (K, 3), and the share (K,) of the square of the motion that is left.
    """
    arm = points - points.mean(0)
    shift = motion.mean(1)
    inertia = (arm**2).sum() * np.eye(3) - arm.T @ arm
    turn = np.cross(arm, motion - shift[:, None]).sum(1) @ np.linalg.pinv(inertia).T
    left = motion - shift[:, None] - np.cross(turn[:, None], arm)
    return turn, shift, np.asarray((left**2).sum((1, 2)) / np.maximum((motion**2).sum((1, 2)), 1e-30))


def find_turners(canvas: Canvas, rig: Rig, face: Rows) -> tuple[Turner, ...]:
    """One bone for either eye and one for the head, where the rig has them.

    Args:
        canvas: of the rig.
        rig: probed.
        face: vertices of the face's skin.
    """
    balls = {"eye_left": _ball(canvas, 1), "eye_right": _ball(canvas, -1)}
    found = [_eye(canvas, rig, joint, rows, face) for joint, rows in balls.items() if len(rows)]
    return tuple(turner for turner in (*found, _head(canvas, rig, face)) if turner)


def _ball(canvas: Canvas, side: int) -> Rows:
    """Vertices of the eyeball on a side, 1 for the subject's left."""
    head = canvas.head
    rows = np.unique(head.faces[np.isin(head.part, (EYE, IRIS))])
    return np.asarray(rows[side * head.template[rows, 0] > 0], np.int64)


def _bones(rig: Rig, kinds: tuple[str, ...]) -> Iterator[Rows]:
    """Columns of the turns, or of the shifts, of one bone."""
    own = np.array([f"{kind} {name[:-1]}" for name, kind in zip(rig.names, rig.kinds, strict=True)])
    for bone in np.unique(own[np.isin(rig.kinds, kinds)]):
        yield np.flatnonzero(own == bone)


def _eye(canvas: Canvas, rig: Rig, joint: str, ball: Rows, face: Rows) -> Turner | None:
    """The bone that turns an eyeball up and down and to the sides, and moves the least skin."""
    points, best, least = canvas.head.template[ball], None, np.inf
    radius = float(np.linalg.norm(points - points.mean(0), axis=1).mean())
    for columns in _bones(rig, ("rotation", "location")):
        motion = canvas.moved(rig.basis[columns[:, None], ball])
        turn, shift, left = rigid_fit(points, motion)
        turns = (left < RIGID) & (radius * np.linalg.norm(turn, axis=1) > BY_TURN * np.linalg.norm(shift, axis=1))
        columns, rate = columns[turns], turn[turns].T
        strength = np.linalg.svd(rate[:2], compute_uv=False) if turns.sum() > 1 else np.zeros(2)
        if strength[-1] <= STIFF * max(strength[0], 1e-30):
            continue
        skin = np.sqrt((canvas.moved(rig.basis[columns[:, None], face]) ** 2).sum())
        dragged = float(skin / np.sqrt((motion[turns] ** 2).sum()))
        if dragged < least:
            best, least = Turner(joint, columns, np.where([[1], [1], [0]], rate, 0)), dragged
    return best


def _head(canvas: Canvas, rig: Rig, face: Rows) -> Turner | None:
    """The bone that turns all of the face about three axes, and the least of what is not face."""
    best, fewest = None, np.inf
    for columns in _bones(rig, ("rotation",)):
        turn, _, left = rigid_fit(canvas.head.template[face], canvas.moved(rig.basis[columns[:, None], face]))
        strength = np.linalg.svd(turn.T, compute_uv=False)
        if len(columns) < 3 or left.max() > RIGID or strength[-1] <= STIFF * strength[0]:
            continue
        size = np.abs(rig.basis[columns]).max((0, 2))
        moved = float((size > EVERYWHERE * size.max()).sum())
        if moved < fewest:
            best, fewest = Turner("head", columns, turn.T), moved
    return best


def moves_whole_face(points: Array, motion: Array) -> NDArray[np.bool_]:
    """(K,) motions (K, N, 3) m of a face's points (N, 3) that carry it along as it is, as head and neck do."""
    return rigid_fit(points, motion)[2] < RIGID


def moves_eyeball(canvas: Canvas, rig: Rig) -> NDArray[np.bool_]:
    """(K,) controls that move an eyeball too much to be used for the skin: gaze would be false."""
    size = np.abs(rig.basis).max(2)
    ball = np.concatenate([_ball(canvas, side) for side in (1, -1)])
    return np.asarray(size[:, ball].max(1, initial=0) > DRAGGED * size.max(1))


def turning(turners: tuple[Turner, ...], rig: Rig, which: str, head: bool) -> NDArray[np.bool_]:
    """(K,) the bones that turn eyes, where no key that is used does, and the head where that is asked for.

    Args:
        turners: of the rig.
        rig: probed.
        which: as `transfer.chosen`.
        head: also the head's.
    """
    used = np.zeros(len(rig.names), bool)
    keys = which != "bones" and any(
        kind == "key" and set(units_of(name)) & set(GAZE_UNITS) for name, kind in zip(rig.names, rig.kinds, strict=True)
    )
    for turner in turners:
        used[turner.columns] = head if turner.joint == "head" else which != "keys" and not keys
    return used


def turned(
    turners: tuple[Turner, ...], rig: Rig, mapping: Mapping, source: SurfaceMotion, laid: Array
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Values (T, K), within their bounds, of the controls that turn the eyes and of those that turn the head, and which
    controls (K,) these are.

    Args:
        turners: of the rig.
        rig: probed.
        mapping: in its order.
        source: what the eyes and the head do.
        laid: (3, 3) rotation times scale, source to canvas.
    """
    use = np.array([row.use for row in mapping])
    eyes, told = _by_names(mapping, source)
    head = np.zeros_like(eyes)
    for turner in turners:
        columns, course = turner.columns, source.turns.get(turner.joint)
        if course is not None and (use & ~told)[columns].any():
            values = turner.values(course @ (laid / np.cbrt(np.linalg.det(laid))).T, (use & ~told)[columns])
            (head if turner.joint == "head" else eyes)[:, columns] += values
    for turner in turners:
        told[turner.columns] = True
    return eyes.clip(rig.low, rig.high), head.clip(rig.low, rig.high), told


def _by_names(mapping: Mapping, source: SurfaceMotion) -> tuple[Array, NDArray[np.bool_]]:
    """Values (T, K) of the controls whose names say that they turn the eyes, and which (K,) these are."""
    values, told = np.zeros((len(source.time_s), len(mapping))), np.zeros(len(mapping), bool)
    for number, row in enumerate(mapping):
        if row.use and row.units and all(unit in source.gaze for unit in row.units):
            told[number] = True
            values[:, number] = np.mean([source.gaze[unit] for unit in row.units], 0)
    return values, told
