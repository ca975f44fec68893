# SPDX-License-Identifier: GPL-3.0-or-later
"""How the controls of a rig follow a head, as a linear map: what each key of the head and each turn of its joints is there.

    value_k = sum_s source_s link[s, k]

A source is a named unit, a detail key, or a component of a joint's rotation vector, "jaw 0" being that about x. Each is
moved a little on the head and the rig's controls are solved for it, as for a frame of a clip. What turns both ways is
moved both ways: a control that goes one way, such as a key for the jaw's right, answers the side on which it lies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...models.head.model import HeadModel
from ..exchange.arkit import TURNS
from ..types import Take
from .mapping import Mapping
from .rig import Rig
from .solve import Array, Floats, solve

if TYPE_CHECKING:
    from .transfer import Laid

TURNING = ("jaw", "eye_left", "eye_right")  #: joints whose turns are expression
SMALL_RAD = 1e-3  #: by which a joint is turned
APART_S = 10.0  #: between sources, as frames of a clip: none feels its neighbour
STILL = 1e-9  #: m rms: a source that moves less is none
LEVEL = 1e-5  #: m rms that every source moves while it is solved: far within what controls can do
ALONG = 0.5  #: cosine between a control's motion and a source's, either way, from which it answers both sides
FAINT = 0.02  #: of a source's motion: what a control does less of is left out
MOST_GAIN = 1.5  #: as in a clip, a motion gets back what it loses of its size, up to that


@dataclass(frozen=True)
class Link:
    """The map."""

    sources: tuple[str, ...]  #: (S,) of the head
    matrix: Array  #: (S, K) per full strength of a key, per radian of a turn


def by_surface(laid: Laid, rig: Rig, person: HeadModel, take: Take, mapping: Mapping) -> Link:
    """From what each source moves; controls that turn the eyes follow the eyes' turns.

    Args:
        laid: the person on the rig.
        rig: probed.
        person: the take's head, its template this person at rest.
        take: for its detail.
        mapping: in the order of the rig's controls; those not to use stay 0.
    """
    names, moved = sources_of(person, take.detail_basis)
    wanted = laid.match.carried(moved)
    told = _by_turns(names, mapping)
    level = np.sqrt((wanted**2).mean((1, 2)))
    kept = np.flatnonzero((level > STILL) | told.any(1))
    names, told, level = tuple(names[row] for row in kept), told[kept], level[kept]
    wanted = wanted[kept] / np.maximum(level, STILL)[:, None, None]
    use = np.array([row.use for row in mapping]) & ~told.any(0)
    basis = np.where(use[:, None, None], laid.basis, 0)
    forth, back = (_solved(basis, sign * wanted, rig, laid.match.weight) for sign in (1, -1))
    both = np.array([name not in person.expression_names for name in names])
    answers = np.outer(both, (rig.low == 0) | (rig.high == 0)) & (_along(basis, wanted, laid.match.weight) > ALONG)
    matrix = forth - np.where(answers, back, 0)
    return Link(names, matrix * np.maximum(level, STILL)[:, None] + told)


def sources_of(person: HeadModel, detail: Floats) -> tuple[tuple[str, ...], Array]:
    """What of a head moves its face, and its motion (S, V, 3) m at 1, or per radian."""
    joints = [name for name in TURNING if name in person.joint_names]
    names = [*person.expression_names, *(f"detail {number:02d}" for number in range(1, len(detail) + 1))]
    names += [turn_name(joint, axis) for joint in joints for axis in range(3)]
    turned = [_turned(person, joint, axis) for joint in joints for axis in range(3)]
    nothing = np.zeros((0, *person.template.shape))
    return tuple(names), np.concatenate([person.expression, np.asarray(detail, np.float64), turned or nothing])


def turn_name(joint: str, axis: int) -> str:
    """The name of a joint's turn as a source."""
    return f"{joint} {axis}"


def _turned(person: HeadModel, joint: str, axis: int) -> Array:
    pose = np.zeros((len(person.joint_names), 3))
    pose[person.joint_names.index(joint), axis] = SMALL_RAD
    moved = person.pose(person.template, person.joint_template, pose)
    return np.asarray((moved - person.template) / SMALL_RAD)


def _by_turns(names: tuple[str, ...], mapping: Mapping) -> Array:
    """(S, K) of controls that by their names turn the eyes, in closed form; 0 for the others."""
    out = np.zeros((len(names), len(mapping)))
    for number, row in enumerate(mapping):
        turning = [TURNS[unit] for unit in row.units if unit in TURNS and TURNS[unit][0] != "jaw"]
        if row.use and row.units and len(turning) == len(row.units):
            for joint, axis, sign, full in turning:
                if turn_name(joint, axis) in names:
                    out[names.index(turn_name(joint, axis)), number] += sign / full / len(turning)
    return out


def _solved(basis: Array, wanted: Array, rig: Rig, weight: Array) -> Array:
    """(S, K) of motions of 1 m rms."""
    if not basis.any() or not len(wanted):
        return np.zeros((len(wanted), len(basis)))
    apart = APART_S * np.arange(len(wanted))
    values = solve(basis, LEVEL * wanted, apart, rig.low, rig.high, weight=weight[None]) / LEVEL
    share = weight / weight.sum()
    size = np.sqrt((basis**2).sum(2) @ share)
    reach = np.sqrt((wanted**2).sum(2) @ share)
    values = np.where(np.abs(values) * size > FAINT * reach[:, None], values, 0)
    shown = np.sqrt((np.tensordot(values, basis, 1) ** 2).sum(2) @ share)
    return values * (reach / np.maximum(shown, 1e-30)).clip(1, MOST_GAIN)[:, None]


def _along(basis: Array, wanted: Array, weight: Array) -> Array:
    """|cosine| (S, K) between what sources are to move and what controls do."""
    flat, moved = ((motion * np.sqrt(weight)[:, None]).reshape(len(motion), -1) for motion in (wanted, basis))
    size = np.outer(np.linalg.norm(flat, axis=1), np.linalg.norm(moved, axis=1))
    return np.asarray(np.abs(flat @ moved.T) / np.maximum(size, 1e-30))


def by_names(take: Take, mapping: Mapping) -> Link:
    """Every control that stands for units takes their weights: for faces that no tracker recognises."""
    joints = [name for name in TURNING if name in take.joint_names]
    sources = (*take.expression_names, *(turn_name(joint, axis) for joint in joints for axis in range(3)))
    matrix = np.zeros((len(sources), len(mapping)))
    for number, row in enumerate(mapping):
        for unit in row.units if row.use else ():
            if unit in sources:
                matrix[sources.index(unit), number] += 1 / len(row.units)
            if unit in TURNS and TURNS[unit][0] in joints:
                joint, axis, sign, full = TURNS[unit]
                matrix[sources.index(turn_name(joint, axis)), number] += sign / full / len(row.units)
    return Link(sources, matrix)
