# SPDX-License-Identifier: GPL-3.0-or-later
"""A take in other words: a head's own coefficients, such as FLAME's, in named units, and named units in these.

Both move the same skin, and neither can say all of the other by least squares (`models/head/conversion.py`). What is left
is told, and goes where an offset before posing goes, so that the surface stays what it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...models.head.conversion import own_columns, said, unit_columns
from ...models.head.model import HeadModel
from ...models.head.rotation import rotation_matrix
from ...models.head.skinning import blend, shifts, world_rotations
from ..types import Floats, Take
from .imported import modes

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Restated:
    """Strengths in other words."""

    expression: Array  #: (T, E); NaN rows stay
    text: str  #: how much could not be said; empty where there was nothing to say


def speaks_own(take: Take) -> bool:
    """Whether a take with named units moves by coefficients beside them."""
    names = take.expression_names
    return bool(unit_columns(names) and np.nan_to_num(take.expression[:, own_columns(names)]).any())


def in_units(expression: Floats, head: HeadModel) -> Restated:
    """A head's own coefficients said in its named units."""
    names = head.expression_names
    return _restated(expression, head, own_columns(names), unit_columns(names), "coefficients in named units")


def in_coefficients(expression: Floats, head: HeadModel) -> Restated:
    """Named units said in a head's own coefficients."""
    own = own_columns(head.expression_names)
    start = np.setdiff1d(np.arange(len(head.expression_names)), own).tolist()
    return _restated(expression, head, start, own, "named units in coefficients")


def onto_units(take: Take, head: HeadModel) -> tuple[Take, str]:
    """The take with named units in the place of coefficients, what these cannot say as detail; and how much it is."""
    found = in_units(take.expression, head)
    if not found.text:
        return take, ""
    seen = np.isfinite(take.expression).all(1)
    basis, strength = modes(np.stack(list(beside(take, head, found.expression))), seen, head)
    said_so = replace(
        take, expression=found.expression.astype(np.float32), detail_basis=basis.astype(np.float32),
        detail=strength.astype(np.float32), detail_std=np.full(strength.shape, np.nan, np.float32),
    )  # fmt: skip
    return said_so, found.text


def beside(take: Take, head: HeadModel, expression: Floats) -> Iterator[Array]:
    """What must be added before posing, (V, 3) m for each frame, for other strengths (T, E) to give the take's surface.

    Joints move with coefficients, so the other strengths turn the skin about other places: x' = x + L⁻¹ W (s - s'), L the
    blended turns, W the skin weights and s the joints' translations.
    """
    for row, detail, pose, other in zip(take.expression, take.detail, take.pose, expression, strict=True):
        change = np.asarray(row, np.float64) - other
        unit = np.tensordot(change, head.expression, 1)
        offset = np.asarray(unit + np.tensordot(detail.astype(np.float64), take.detail_basis, 1), np.float64)
        moved = head.joint_shift(change)
        if np.isfinite(change).all() and moved.any():
            world = world_rotations(rotation_matrix(pose.astype(np.float64)), head.parents)
            shift = head.weights @ shifts(world, moved, head.parents)
            offset = offset + np.linalg.solve(blend(world, head.weights), shift[..., None])[..., 0]
        yield offset


def _restated(expression: Floats, head: HeadModel, start: list[int], to: list[int], what: str) -> Restated:
    out = np.array(expression, np.float64)
    seen = np.isfinite(out).all(1)
    if not to or not out[seen][:, start].any():
        return Restated(out, "")
    found = said(head, out[np.ix_(seen, start)], start, to)
    out[np.ix_(seen, start)] = 0
    out[np.ix_(seen, to)] += found.value
    left, size = (float(np.sqrt((part**2).mean())) for part in (found.residual_mm, found.size_mm))
    return Restated(out, f"{what}: {left:.2f} of {size:.2f} mm could not be said (RMS over the face)")
