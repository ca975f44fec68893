# SPDX-License-Identifier: GPL-3.0-or-later
"""From what a face moves to the values of a rig's controls: find the rig's face, lay the source on it, solve."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...models.head.embedding import Landmarks
from ...models.head.model import HeadModel
from ...models.head.units import UNIT_NAMES
from ..errors import MicrofaceError
from ..exchange.arkit import weights_of
from ..types import BRIDGED, Take
from . import link
from .canvas import Canvas, find_face
from .correspondence import Correspondence, correspond
from .direction import ROUNDS, importance, renewed
from .mapping import KEYS_ENOUGH, Mapping, limited, on_rig, proposed
from .performance import Performance
from .region import control_regions, named_region
from .rig import Rig
from .solve import solve
from .source import SurfaceMotion, at_rest, surface_motion
from .turning import Turner, find_turners, moves_eyeball, moves_whole_face, turned, turning

Array = NDArray[np.float64]

ELSEWHERE = 0.2  #: of what a control moves anywhere it must move on the face: an eyeball's turn drags the lids a little
MOST_GAIN = 1.5  #: what is lost for more than that is not a matter of size
SKETCHED = 200  #: most frames from which it is found how the rig misses the motion's direction


@dataclass(frozen=True)
class Laid:
    """A rig whose face is found and on which a source's face is laid."""

    canvas: Canvas
    match: Correspondence
    basis: Array  #: (K, N, 3) m, what each control moves the matched vertices at value 1
    turners: tuple[Turner, ...] = ()  #: bones that turn the eyes and the head


def lay(source: HeadModel, rig: Rig, landmarks: Landmarks) -> Laid:
    """Find the rig's face and lay a source at rest on it.

    Args:
        source: with landmarks; its template at rest.
        rig: probed.
        landmarks: the tracker.

    Raises:
        MicrofaceError: ``no_face_on_rig``, ``bad_pins`` or ``few_landmarks``.
    """
    pins = rig.pins if len(rig.pins) else None
    canvas = find_face(rig.vertices, rig.faces, landmarks, _lively(rig), pins, source)
    match = correspond(source, canvas.head)
    turners = find_turners(canvas, rig, match.rows)
    return Laid(canvas, match, canvas.moved(rig.basis[:, match.rows]), turners)


def _lively(rig: Rig) -> NDArray[np.bool_]:
    """(V,) vertices that local controls move: the face is among them."""
    size = np.abs(rig.basis).max(2, initial=0)
    moved = size > 1e-3 * np.maximum(size.max(1, initial=0), 1e-30)[:, None]
    return np.asarray(moved[moved.mean(1) < 0.5].any(0))


def facial(laid: Laid, rig: Rig) -> NDArray[np.bool_]:
    """(K,) controls that move the face: more than in passing, and not the whole of it as a neck does."""
    anywhere = laid.canvas.scale * np.sqrt((rig.basis**2).sum(2).max(1))
    size = np.linalg.norm(laid.basis, axis=2)
    whole = moves_whole_face(laid.canvas.head.template[laid.match.rows], laid.basis)
    return np.asarray(
        (size.max(1) > ELSEWHERE * np.maximum(anywhere, 1e-9)) & ~whole & ~moves_eyeball(laid.canvas, rig)
    )


def chosen(rig: Rig, used: NDArray[np.bool_], which: str) -> NDArray[np.bool_]:
    """(K,) those of some controls that are to be moved.

    Args:
        which: all, keys, bones, or auto: keys where there are enough of them.

    Raises:
        MicrofaceError: ``no_controls``.
    """
    key = np.array([kind == "key" for kind in rig.kinds])
    if which == "auto":
        which = "keys" if (used & key).sum() >= KEYS_ENOUGH else "all"
    picked = used & (key if which == "keys" else ~key if which == "bones" else True)
    if not picked.any():
        what = {"keys": "shape keys", "bones": "bones or properties"}.get(which, "controls")
        text = f"None of the rig's {what} moves its face."
        raise MicrofaceError("no_controls", text, "Choose other controls, or another rig.")
    return np.asarray(picked)


def perform(laid: Laid, rig: Rig, source: SurfaceMotion, mapping: Mapping) -> Performance:
    """Values of the rig's controls for a motion of the source's vertices `laid.match.corner`.

    Controls that turn the eyes or the head follow the source's where these are told; the others show what is left.

    Args:
        mapping: in the order of the rig's controls; the others stay at rest.
    """
    rig = limited(rig, mapping)
    column = np.searchsorted(source.rows, laid.match.corner)
    wanted = np.einsum("tnkc,nk->tnc", source.motion[:, column], laid.match.share) @ laid.match.turn.T
    certain = np.einsum("qnk,nk->qn", source.certainty[:, column], laid.match.share) * laid.match.weight
    certain = certain * importance(wanted)
    use = np.array([row.use for row in mapping])
    eyes, head, told = turned(laid.turners, rig, mapping, source, laid.match.turn)
    wanted -= np.tensordot(eyes, laid.basis, 1)
    free = replace(laid, basis=np.where((use & ~told)[:, None, None], laid.basis, 0))
    values = _solved(free, rig, source, wanted, certain)
    seen = source.trust > 0
    explained = _explained(free, wanted[seen], values[seen])
    values = values * _kept_size(free, wanted[seen], values[seen]) + eyes + head
    values = (values * [row.strength for row in mapping]).clip(rig.low, rig.high)
    return Performance(rig.names, source.time_s, values, seen, use, explained)


def _solved(laid: Laid, rig: Rig, source: SurfaceMotion, wanted: Array, certain: Array) -> Array:
    """Values (T, K) that keep the direction of motions (T, N, 3), with weights `certain` (Q, N)."""
    effort, scale = _effort(laid, rig), np.ones(len(laid.match.rows))
    seen = np.flatnonzero(source.trust > 0)
    some = seen[np.unique(np.linspace(0, len(seen) - 1, min(SKETCHED, len(seen))).astype(int))]
    weight = certain

    def solved(rows: NDArray[np.int64] | slice) -> Array:
        return solve(
            laid.basis, wanted[rows], source.time_s[rows], rig.low, rig.high, weight=weight, scale=scale,
            state=source.state[rows], trust=source.trust[rows], effort=effort,
        )  # fmt: skip

    for _ in range(ROUNDS):
        again, scale = renewed(wanted[some], np.tensordot(solved(some), laid.basis, 1))
        weight = certain * again
    return solved(slice(None))


def _effort(laid: Laid, rig: Rig) -> Array:
    """(K,) of the turns and shifts of a bone: a shift into an eyeball that holds its lid moves skin too, but hardly."""
    size = np.sqrt((laid.basis**2).sum(2) @ laid.match.weight)
    own = np.array([f"{kind} {name[:-1]}" for name, kind in zip(rig.names, rig.kinds, strict=True)])
    effort = np.zeros(len(size))
    for bone in np.unique(own[np.isin(rig.kinds, ("rotation", "location"))]):
        axes = own == bone
        effort[axes] = size[axes].max() / np.maximum(size[axes], 1e-30)
    return effort


def _kept_size(laid: Laid, wanted: Array, values: Array) -> Array:
    """Gains (K,) that give a motion back the size it loses where the rig cannot show its direction.

    Least squares shows a motion at an angle to all that the rig can do only by the cosine of the angle: small motions
    would drown. Each control is raised by how much smaller than wanted the motion is, over the clip, where it acts.
    """
    moved = (np.tensordot(values, laid.basis, 1) ** 2).sum((0, 2))
    acts = np.linalg.norm(laid.basis, axis=2) * laid.match.weight
    lost = acts @ (wanted**2).sum((0, 2)) / np.maximum(acts @ moved, 1e-30)
    return np.asarray(np.sqrt(lost).clip(1, MOST_GAIN))


def _explained(laid: Laid, wanted: Array, values: Array) -> float:
    """1 - |what is left| / |what is wanted|, over the face and the clip."""
    left = np.tensordot(values, laid.basis, 1) - wanted
    share = laid.match.weight[:, None]
    size = float((wanted**2 * share).sum())
    return 1 - float(np.sqrt((left**2 * share).sum() / size)) if size else 1.0


def by_names(take: Take, rig: Rig, mapping: Mapping) -> Performance:
    """Every control that stands for units takes their weights from the take: for faces no tracker recognises."""
    weights = weights_of(take).value
    seen = np.isfinite(weights).all(1)
    values, use = np.zeros((len(weights), len(mapping))), np.array([row.use and bool(row.units) for row in mapping])
    for number in np.flatnonzero(use):
        row = mapping[number]
        columns = [UNIT_NAMES.index(unit) for unit in row.units]
        values[seen, number] = row.strength * weights[seen][:, columns].mean(1)
    rig = limited(rig, mapping)
    return Performance(rig.names, take.time_s, values.clip(rig.low, rig.high), seen, use, 0.0, "names")


def retarget(
    take: Take,
    head: HeadModel,
    rig: Rig,
    landmarks: Landmarks,
    which: str = "auto",
    mapping: Mapping | None = None,
    turn_head: bool = False,
) -> tuple[Performance, Mapping]:
    """Put a take on a rig: by its surface, or by its controls' names where no face is found and names say enough.

    Args:
        take: raw.
        head: the take's.
        rig: probed.
        landmarks: the tracker.
        which: as `chosen`; not asked where there is a mapping.
        mapping: the user's table; the one that is found when left out.
        turn_head: also turn the head; not asked where there is a mapping.

    Returns:
        The performance, and the table it was made with, in the rig's order.

    Raises:
        MicrofaceError: ``other_head``, ``no_face``, ``other_rig``, ``no_controls`` or as `lay`.
    """
    person = at_rest(take, head)
    if not (take.valid <= BRIDGED).any():
        raise MicrofaceError("no_face", "The take has no frame with a face.", "Reconstruct a part that shows the face.")
    table = on_rig(mapping, rig) if mapping is not None else None
    try:
        laid = lay(person, rig, landmarks)
    except MicrofaceError as error:
        named = table or proposed(rig, chosen(rig, np.ones(len(rig.names), bool), which))
        if error.code != "no_face_on_rig" or not any(row.use and row.units for row in named):
            raise
        found, follows = by_names(take, rig, named), link.by_names(take, named)
        return _with_link(found, follows, tuple(named_region(row) for row in named)), named
    if table is None:
        used = chosen(rig, facial(laid, rig), which) | turning(laid.turners, rig, which, turn_head)
        table = proposed(rig, used)
    found = perform(laid, rig, surface_motion(take, head, np.unique(laid.match.corner)), table)
    follows = link.by_surface(laid, rig, person, take, table)
    return _with_link(found, follows, control_regions(person, laid.match, laid.basis, table)), table


def _with_link(found: Performance, follows: link.Link, regions: tuple[str, ...]) -> Performance:
    return replace(found, regions=regions, sources=follows.sources, link=follows.matrix)
