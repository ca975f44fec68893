# SPDX-License-Identifier: GPL-3.0-or-later
"""What may move the skin, as vertex motion: the head's units, its jaw, and smooth bumps for what no unit explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...models.head.units import JOINT_OWNED, MINOR, NEVER_SOLVED, measured
from .bumps import detail_bumps
from .reference import Reference

Array = NDArray[np.float64]

MINOR_TRUST = 0.3
SHUT = 0.05  #: of UNIT_LIMIT: backwards turn of the jaw
UNIT_LIMIT = 0.35  #: of full strength: the landmarks would have seen more
DETAIL_LIMIT = 3.0  #: px at 240: what no unit explains is small
JAW_LIMIT = 0.5  #: rad of jaw opening that counts as its full strength
LEAST_SHOWN_PX = 0.5  #: of motion at full strength: a unit that shows less of it is left out


@dataclass(frozen=True)
class Causes:
    """The expression columns: U units and jaw turns, sides told apart; both sides of a unit at once; bumps of detail.

    Attributes:
        basis: (X, V, 3) m: vertex motion of every column at strength 1 (px), camera axes of the reference.
        group: (X,) 0 for units, 1.. for the scales of detail.
        unit_names: of the units and jaw turns.
        unit_scale: (columns of group 0) strength 1 as a share of full strength.
        pairs: left and right of the columns that are both sides at once.
        scale: face width / 240 px.
    """

    basis: Array
    group: NDArray[np.int64]
    unit_names: tuple[str, ...]
    unit_scale: Array
    pairs: tuple[tuple[int, int], ...]
    scale: float

    @property
    def units(self) -> Array:
        """(U, V, 3) m: that of the units and jaw turns alone."""
        return self.basis[: len(self.unit_names)]

    @property
    def detail(self) -> Array:
        """(F, V, 3) m: that of the bumps."""
        return self.basis[self.group > 0]

    @property
    def detail_count(self) -> int:
        """F, of bumps."""
        return int((self.group > 0).sum())

    @property
    def full_px(self) -> Array:
        """(U,) px of every unit and jaw turn at full strength."""
        return np.asarray(1 / self.unit_scale[: len(self.unit_names)])

    def trust(self) -> Array:
        """(X,) how readily the evidence lets a column grow: less for minor units."""
        minor = np.array([name in MINOR for name in self.unit_names])
        units = np.r_[minor, [minor[left] for left, _ in self.pairs]]
        return np.r_[np.where(units, MINOR_TRUST, 1.0), np.ones(self.detail_count)]

    def limits(self) -> Array:
        """(X,) px: UNIT_LIMIT times full strength for units, DETAIL_LIMIT for detail."""
        detail = np.full(self.detail_count, DETAIL_LIMIT * self.scale)
        return np.r_[UNIT_LIMIT / self.unit_scale, detail]

    def lowest(self) -> Array:
        """(X,) px: how far a column may run backwards. The jaw hardly closes beyond rest."""
        closed = np.array([SHUT if name == "jaw_pitch" else 1.0 for name in self.unit_names])
        low = -self.limits()
        low[: len(closed)] *= closed
        return low

    def mixing(self) -> Array:
        """(U, X): how the columns (sides, both sides at once) add up to the U units and jaw turns, at full strength = 1."""
        count = len(self.unit_names)
        mix = np.zeros((count, len(self.basis)))
        mix[np.arange(count), np.arange(count)] = self.unit_scale[:count]
        for number, (left, right) in enumerate(self.pairs, count):
            mix[left, number] = mix[right, number] = self.unit_scale[number]
        return mix


def find_causes(
    reference: Reference,
    vertices: Array,
    shown: NDArray[np.bool_],
    skin: NDArray[np.bool_],
    pixels: Array,
    px_per_m: float,
) -> Causes:
    """All causes that show.

    Args:
        reference: the head.
        vertices: (V, 3) m, at rest in the reference pose, camera space.
        shown, skin: (V,) vertices under the template's pixels; of skin.
        pixels: (M, 2) px, the template's.
        px_per_m: at the face's depth.
    """
    names, columns = _units(reference, shown, px_per_m)
    columns *= skin[None, :, None]
    pairs = _pairs(names)
    both = np.array([columns[left] + columns[right] for left, right in pairs]).reshape(-1, *columns.shape[1:])
    units = np.concatenate([columns, both])
    # Scaled to 1 px of peak 3D motion on the visible face: a physical, not a statistical, prior.
    size = np.linalg.norm(units[:, shown & skin], axis=2) * px_per_m
    scale = 1 / (np.percentile(size, 99.7, axis=1) + 1e-9)
    bumps, number = detail_bumps(reference, vertices, skin, pixels, px_per_m)
    return Causes(
        np.concatenate([units * scale[:, None, None], bumps]), np.r_[np.zeros(len(units), int), number],
        names, scale, pairs, reference.scale,
    )  # fmt: skip


def _units(reference: Reference, shown: NDArray[np.bool_], px_per_m: float) -> tuple[tuple[str, ...], Array]:
    """Names and motion (U, V, 3) m of units and jaw turns at full strength, camera axes of the reference."""
    head, turn = reference.head, reference.turn
    names, basis = [], []
    for number in measured(head.expression_names):
        name = head.expression_names[number]
        if name in (*JOINT_OWNED, *NEVER_SOLVED):
            continue
        moved = head.expression[number] @ turn.T
        if np.abs(moved[shown]).max() * px_per_m > LEAST_SHOWN_PX:
            names.append(name)
            basis.append(moved)
    for axis, name in enumerate(("jaw_pitch", "jaw_yaw")):
        moved = _jaw(reference, axis)
        if moved.any():  # a head without a jaw that moves it
            names.append(name)
            basis.append(moved)
    return tuple(names), np.array(basis)


def _jaw(reference: Reference, axis: int) -> Array:
    """Vertex motion (V, 3) m of a jaw turn of JAW_LIMIT about head axis `axis`, linear."""
    head = reference.head
    jaw = head.joint_names.index("jaw")
    arm = head.neutral(reference.shape) + reference.offset - head.joints(reference.shape)[jaw]
    turned = np.cross(np.eye(3)[axis], arm) * head.weights[:, jaw, None]
    return np.asarray(turned * JAW_LIMIT @ reference.turn.T)


def _pairs(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Numbers of the left and the right side of each unit that has both."""
    right = {name[:-5]: number for number, name in enumerate(names) if name.endswith("Right")}
    return tuple(
        (number, right[name[:-4]]) for number, name in enumerate(names) if name.endswith("Left") and name[:-4] in right
    )
