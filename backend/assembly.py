# SPDX-License-Identifier: GPL-3.0-or-later
"""From the solve's estimates, about one reference pose in camera space, to the head's own parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .deviation import SWING, Doubt, PictureMotion, doubt, unseen_depth
from .solve.causes import JAW_LIMIT
from .solve.clip import Solved
from .solve.surface import Surface
from .types import DETAIL_ENOUGH, FLIP, Floats

Array = NDArray[np.float64]

DETAIL_MODES = 16
DETAIL_KEPT = 0.995  #: share of the detail's energy the modes must hold, if 16 can
DETAIL_SMALLEST_PX = 0.02  #: a mode that never moves anything by this much is left out, if the others hold enough
EXPORT_JAW = ("jawOpen", "jawSide")  #: names of the jaw's turns among the units of an event


@dataclass(frozen=True)
class Performance:
    """The moving part of a take; arrays as in `types.Take`, float64, NaN where nothing was measured."""

    shape_offset: Array
    expression: Array
    expression_std: Array
    expression_factor: Array
    pose: Array
    pose_std: Array
    translation: Array
    translation_std: Array
    detail_basis: Array
    detail: Array
    detail_std: Array
    detail_kept: float  #: share of the detail's energy the modes hold
    depth_std: Array
    motion_names: tuple[str, ...]
    motion_px: Array  #: (T, U) size of every unit in work px: for events
    motion_std_px: Array  #: the posterior's alone: an event is not less sure for being large


def perform(surface: Surface, solved: Solved, modes: int = DETAIL_MODES) -> Performance:
    """Convert the estimates, with so many modes of detail at most. Eyes are left at rest."""
    head = surface.reference.head
    frames, units = len(solved.place), len(head.expression)
    of_head = [k for k, name in enumerate(surface.causes.unit_names) if name in head.expression_names]
    number = [head.expression_names.index(surface.causes.unit_names[k]) for k in of_head]
    seen = np.isfinite(solved.place[:, 0])
    expression, std, swing = (np.full((frames, units), np.nan) for _ in range(3))
    factor = np.full((frames, units, solved.factor.shape[2]), np.nan)
    of_solve = solved.units, solved.units_std, solved.units_swing, solved.factor
    for full, part in zip((expression, std, swing, factor), of_solve, strict=True):
        full[seen] = 0
        full[np.ix_(seen, number)] = part[np.ix_(seen, of_head)]
    picture = PictureMotion(surface)
    moved = picture.size(_strength(surface, solved.units, solved.detail))
    wide = np.tile(np.sqrt(np.maximum(solved.detail_variance, 0)), (frames, 1))
    doubts = doubt(picture.noise(_strength(surface, solved.units_std, wide)), moved)
    std = doubts.deviation(std, expression, swing)
    together = SWING * swing[:, :, None]  # units swing as one
    factor = np.concatenate([factor * doubts.posterior[:, None, None], together], 2)
    pose, pose_std, translation, translation_std = _rigid(surface, solved, doubts)
    detail = _detail_modes(surface, solved, seen, modes, doubts)
    size = surface.causes.full_px
    return Performance(
        surface.reference.offset + surface.depth_offset(solved.depth),
        expression, std, factor, pose, pose_std, translation, translation_std, *detail,
        unseen_depth(moved),
        tuple(EXPORT_JAW[name == "jaw_yaw"] if name.startswith("jaw_") else name for name in surface.causes.unit_names),
        solved.units * size, solved.units_std * size,
    )  # fmt: skip


def skin_motion(surface: Surface, solved: Solved, start: int, end: int) -> Array:
    """(V, 3) work px by which the skin moves between two frames, camera space."""
    columns = _strength(surface, solved.units[[start, end]], solved.detail[[start, end]])
    return np.asarray(np.tensordot(columns[1] - columns[0], surface.causes.basis, 1) * surface.px_per_m)


def largest_motion(surface: Surface, moved: Array, shown: NDArray[np.bool_]) -> float:
    """Work px of a motion (V, 3) at its most moved place of the skin shown (V,): what a person sees as the size."""
    visible = moved[surface.seen & surface.skin & shown]
    return float(np.percentile(np.linalg.norm(visible, axis=1), 99.7))


def _strength(surface: Surface, units: Floats, detail: Floats) -> Array:
    """Strength (T, X) px of every column, of units (T, U) with both sides told apart, and detail (T, F) px."""
    size = surface.causes.full_px
    both = np.zeros((len(units), int((surface.causes.group == 0).sum()) - len(size)))
    return np.concatenate([units * size, both, detail], 1)


def _rigid(surface: Surface, solved: Solved, doubts: Doubt) -> tuple[Array, Array, Array, Array]:
    """Poses (T, J, 3) and translations (T, 3) of the head from motion about the face's centre in camera space."""
    reference = surface.reference
    joint = reference.head.joints(reference.shape)[0]
    jaw = reference.head.joint_names.index("jaw")
    frames = len(solved.place)
    pose, std = (np.full((frames, len(reference.head.joint_names), 3), np.nan) for _ in range(2))
    translation = np.full((frames, 3), np.nan)
    seen = np.isfinite(solved.place[:, 0])
    # Where two blocks are faded together the mean of two rotations is a rotation only after projection.
    turn = Rotation.from_matrix(solved.turn[seen]).as_matrix()
    rest = Rotation.from_rotvec(reference.pose).as_matrix()
    pose[seen], std[seen] = 0, 0
    pose[seen, 0] = Rotation.from_matrix(FLIP @ turn @ FLIP @ rest).as_rotvec()
    std[seen, 0] = solved.pose_std[seen, :3]
    arm = FLIP @ joint + reference.translation - surface.centre
    translation[seen] = turn @ arm + solved.place[seen] - FLIP @ joint
    for axis, name in enumerate(("jaw_pitch", "jaw_yaw")):
        if name in surface.causes.unit_names:
            column = surface.causes.unit_names.index(name)
            pose[seen, jaw, axis] = solved.units[seen, column] * JAW_LIMIT
            parts = (part[:, column, None] for part in (solved.units_std, solved.units, solved.units_swing))
            std[seen, jaw, axis] = doubts.deviation(*parts)[seen, 0] * JAW_LIMIT
    return pose, std, translation, solved.pose_std[:, 3:]


def _detail_modes(
    surface: Surface, solved: Solved, seen: NDArray[np.bool_], modes: int, doubts: Doubt
) -> tuple[Array, Array, Array, float]:
    """At most `modes` principal motions of the detail, (D, V, 3) head space, their strengths and deviations (T, D).

    Last the share they hold of the visible detail's energy, its sum of squares over frames and vertices; 1 when none of it is
    large enough to keep.
    """
    columns = surface.causes.detail
    strength = solved.detail[seen]
    visible = columns[:, surface.seen].reshape(len(columns), -1) * surface.px_per_m
    gram = visible @ visible.T / max(int(surface.seen.sum()), 1)
    root = np.linalg.cholesky(gram + 1e-9 * np.trace(gram) / max(len(gram), 1) * np.eye(len(gram)))
    value, vector = (
        np.linalg.eigh(root.T @ (strength.T @ strength) @ root) if len(columns) else (np.zeros(0), np.zeros((0, 0)))
    )
    order = np.argsort(-value)
    energy = np.cumsum(value[order]) / max(float(value.sum()), 1e-30)
    keep = order[: min(modes, int(np.searchsorted(energy, DETAIL_KEPT)) + 1)] if len(order) else order
    # A mode's shape has an RMS of 1 px over the face; its strength is then scaled so that its peak is 1, like a unit's.
    read, write = root @ vector[:, keep], np.linalg.solve(root.T, vector[:, keep])
    peak = np.abs(strength @ read).max(0, initial=0)
    large = peak > DETAIL_SMALLEST_PX
    large |= large.any() & (energy[: len(keep)] - value[keep] / max(float(value.sum()), 1e-30) < DETAIL_ENOUGH)
    read, write, keep = read[:, large] / peak[large], write[:, large] * peak[large], keep[large]
    kept = float(value[keep].sum() / value.sum()) if len(keep) else 1.0
    basis = np.tensordot(write.T, columns, 1) @ surface.reference.turn
    detail, std = (np.full((len(seen), len(keep)), np.nan) for _ in range(2))
    detail[seen] = strength @ read
    alike = np.sqrt(np.maximum(solved.detail_variance @ read**2, 0))
    std[seen] = doubts.deviation(alike, detail, solved.detail_swing @ read)[seen]
    return basis, detail, std, kept
