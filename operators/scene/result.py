# SPDX-License-Identifier: GPL-3.0-or-later
"""A result on a character: laid on its curves as it is set.

Curves that somebody has edited by hand are kept as a copy of the Action before they are written anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.mapping import Mapping
from ...backend.retarget.performance import Performance
from ..compat import channelbag
from ..head import NAMES, strength_property
from ..result import MICROFACE_PG_result, result_of, strength_path, together
from .action import CONSTANT, LINEAR
from .captured import curves_of as playing
from .captured import sampled
from .controls import address, controls_of, factors, limits
from .mirrored import mirror
from .rate import rate, seconds_to_frame
from .raw import PROPERTIES, VALUES, flat, raw_of, store
from .rig import Control
from .rig_action import Existing, Timing, slot_of, write_curves
from .rig_curves import STILL, Rest, curves_of, paths_of

Array = NDArray[np.float64]

STRENGTHS, WRITTEN = "microface_strengths", "microface_written"
REGIONS = ("", *NAMES)


def keep(
    root: bpy.types.Object,
    action: bpy.types.Action,
    controls: Sequence[Control],
    rests: Sequence[Rest],
    performance: Performance,
    table: Mapping,
    *,
    existing: Existing,
    start: float,
    strength: float,
) -> None:
    """Remember what an Action was made of, and let its settings act from now on.

    Args:
        root: the object that the character hangs on.
        action: just written.
        controls: of the performance, in its order.
        rests: of each, as they were before it was keyed.
        performance: raw.
        table: that it was solved with, in that order.
        existing, start, strength: as it was written.
    """
    store(action, performance)
    with together(root) as result:
        result.controls.clear()
        result.action, result.existing, result.head = action, existing, None
        for region in REGIONS:
            setattr(result, strength_property(region), 1.0 if region else strength)
        result.start, result.stretch, result.mirror = start, 1.0, False
        regions = performance.regions or ("",) * len(controls)
        for control, rest, row, region in zip(controls, rests, table, regions, strict=True):
            entry = result.controls.add()
            address(entry, control, rest)
            entry.units, entry.region = ", ".join(row.units), region or "NONE"
            entry.use, entry.gain, entry.low, entry.high = row.use, row.strength, row.low, row.high
            entry.solved = row.strength if row.use else 0.0
        action[WRITTEN] = _fingerprint(result, action)


def solve_again(root: bpy.types.Object, performance: Performance, table: Mapping) -> None:
    """Put newly solved values in the place of a result's, under the same settings and on the same Action.

    Args:
        root: with a result.
        performance: of the same rig; controls that it lacks go to rest.
        table: that it was solved with, in its order.
    """
    with together(root) as result:
        place = {(row.name, row.kind): number for number, row in enumerate(table)}
        columns = [place.get((row.name, row.kind), -1) for row in result.controls]
        values, link = (
            np.hstack([array, np.zeros((len(array), 1))])[:, columns]
            for array in (performance.values, performance.link.reshape(-1, len(table)))
        )
        store(result.action, replace(performance, values=values, link=link))
        for row, column in zip(result.controls, columns, strict=True):
            row.solved = table[column].strength if column >= 0 and table[column].use else 0.0


def forget(root: bpy.types.Object) -> None:
    """Leave an Action as it is, plain keys: the settings no longer act."""
    result = result_of(root)
    for name in (*PROPERTIES, STRENGTHS, WRITTEN):
        if result.action and name in result.action:
            del result.action[name]
    result.action = result.head = result.carrier = None
    result.controls.clear()


def show(root: bpy.types.Object) -> None:
    """Lay the result on the character as it is set now; what hinders is told in `problem`."""
    from . import link

    result = result_of(root)
    if not result.action:
        return
    try:
        if result.carrier:
            link.drive(root)
        else:
            _write(root)
        result.problem = ""
    except MicrofaceError as error:
        result.problem = f"{error.text} {error.remedy}"


def show_keyed(root: bpy.types.Object) -> None:
    """The same where a key of a strength has changed."""
    action = result_of(root).action
    if VALUES in action and not np.array_equal(flat(action, STRENGTHS), strengths(root, timing(root).frames).ravel()):
        show(root)


def timing(root: bpy.types.Object) -> Timing:
    """When the keys stand: from the start frame, stretched about the first one."""
    result = result_of(root)
    raw = raw_of(result)
    time_s = raw.time_s[0] + result.stretch * (raw.time_s - raw.time_s[0])
    frames = seconds_to_frame(time_s, rate(_scene(root))) + result.start - 1
    return Timing(frames, np.where(raw.held, CONSTANT, LINEAR))


def _scene(root: bpy.types.Object) -> bpy.types.Scene:
    here = bpy.context.scene
    return here if root.name in here.objects else root.users_scene[0]


def strengths(root: bpy.types.Object, frames: Array) -> Array:
    """(6, N) of the whole face and of each region, at frames (N,): by their keys where they have any."""
    result, curves = result_of(root), {curve.data_path: curve for curve in playing(root)}
    rows = []
    for region in REGIONS:
        curve = curves.get(strength_path(region))
        rows.append(
            sampled(curve, frames) if curve else np.full(len(frames), getattr(result, strength_property(region)))
        )
    return np.array(rows)


def shown_values(root: bpy.types.Object, frames: Array, controls: Sequence[Control]) -> Array:
    """(N, K) values counted from rest, as they are set."""
    result = result_of(root)
    values = raw_of(result).values
    if result.mirror:
        values = values @ mirror(controls)
    strong = strengths(root, frames)
    row = [REGIONS.index("" if control.region == "NONE" else control.region) for control in result.controls]
    region = np.where(np.equal(row, 0)[:, None], 1.0, strong[row])
    low, high = limits(result, controls)
    return np.asarray((values * factors(result) * strong[0][:, None] * region.T).clip(low, high))


def _write(root: bpy.types.Object) -> None:
    """Curves as they are set. One that is there stays, at rest if its control does no longer move."""
    result = result_of(root)
    action, (controls, rests), when = result.action, controls_of(result), timing(root)
    values = shown_values(root, when.frames, controls)
    there = {(owner, curve.data_path) for owner, curve in _curves(result, controls)}
    moving = np.abs(values).max(0, initial=0) > STILL
    acting = [k for k, control in enumerate(controls) if moving[k] or there & set(paths_of(control))]
    if WRITTEN in action and action[WRITTEN] != _fingerprint(result, action):
        copy = action.copy()
        copy.name, copy.use_fake_user = f"{action.name} edited", True
    before = (action.frame_range[0], action.frame_range[1])
    existing: Any = result.existing
    write_curves(action, curves_of(controls, rests, values, acting), when, existing)
    _fit_strips(controls, action, before)
    action[STRENGTHS] = strengths(root, when.frames).ravel().tolist()
    action[WRITTEN] = _fingerprint(result, action)
    for owner in dict.fromkeys(control.owner for control in controls):
        owner.update_tag()


def _curves(result: MICROFACE_PG_result, controls: Sequence[Control]) -> list[tuple[bpy.types.ID, bpy.types.FCurve]]:
    """The curves of the controls that are in the Action."""
    paths = {path for control in controls for path in paths_of(control)}
    owners = [(owner, slot_of(result.action, owner)) for owner in dict.fromkeys(owner for owner, _ in paths)]
    found = [(owner, curve) for owner, slot in owners if slot for curve in channelbag(result.action, slot).fcurves]
    return [(owner, curve) for owner, curve in found if (owner, curve.data_path) in paths]


def _fingerprint(result: MICROFACE_PG_result, action: bpy.types.Action) -> str:
    """Of all keys, to see whether somebody has edited them."""
    found = hashlib.blake2b(digest_size=16)
    for _, curve in sorted(
        _curves(result, controls_of(result)[0]), key=lambda one: (one[1].data_path, one[1].array_index)
    ):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        found.update(points.tobytes())
    return found.hexdigest()


def _fit_strips(controls: Sequence[Control], action: bpy.types.Action, before: tuple[float, float]) -> None:
    """Strips of the Action begin and end with its keys, where they were moved to and as slow as they were made."""
    first, last = action.frame_range[0], action.frame_range[1]
    for owner in dict.fromkeys(owner for control in controls for owner in control.datablocks):
        data = owner.animation_data
        for strip in [strip for track in (data.nla_tracks if data else ()) for strip in track.strips]:
            if strip.action == action and (first, last) != before:
                scale = strip.scale
                start = strip.frame_start + (first - before[0]) * scale
                strip.action_frame_start, strip.action_frame_end = first, last
                strip.scale = scale
                strip.frame_start, strip.frame_end = start, start + scale * (last - first)
