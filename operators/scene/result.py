# SPDX-License-Identifier: GPL-3.0-or-later
"""A result on a character: laid on its curves as it is set.

Curves that somebody has edited by hand are kept as a copy of the Action before they are written anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.mapping import Mapping
from ...backend.retarget.performance import Performance
from ..compat import channelbag
from ..head import NAMES, strength_property
from ..result import CHOSEN, FIELD, MICROFACE_PG_result, forget_keys, results_of, strength_path, together
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
    take: str,
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
        take: its file.
        existing, start, strength: as it was written.
    """
    store(action, performance)
    if existing != "add":
        _clear(root)  # they do not play any more
    result = _added(root, action)
    with together(result):
        result.action, result.take, result.existing = action, take, existing
        result.strength, result.start = strength, start
        regions = performance.regions or ("",) * len(controls)
        for control, rest, row, region in zip(controls, rests, table, regions, strict=True):
            entry = result.controls.add()
            address(entry, control, rest)
            entry.units, entry.region = ", ".join(row.units), region or "NONE"
            entry.use, entry.gain, entry.low, entry.high = row.use, row.strength, row.low, row.high
            entry.solved = row.strength if row.use else 0.0
        action[WRITTEN] = _fingerprint(result, action)


def _clear(root: bpy.types.Object) -> None:
    for result in results_of(root):
        _free_strengths(result)
    results_of(root).clear()


def _free_strengths(result: MICROFACE_PG_result) -> None:
    """Nobody's curves are left behind."""
    for region in REGIONS:
        forget_keys(result.root, strength_path(result, region))


def _added(root: bpy.types.Object, action: bpy.types.Action) -> MICROFACE_PG_result:
    """New settings, chosen."""
    result = results_of(root).add()
    result.name = action.name
    setattr(root, CHOSEN, len(results_of(root)) - 1)
    return cast(MICROFACE_PG_result, result)


def solve_again(result: MICROFACE_PG_result, performance: Performance, table: Mapping) -> None:
    """Put newly solved values in the place of a result's, under the same settings and on the same Action.

    Args:
        result: on the character.
        performance: of the same rig; controls that it lacks go to rest.
        table: that it was solved with, in its order.
    """
    with together(result):
        place = {(row.name, row.kind): number for number, row in enumerate(table)}
        columns = [place.get((row.name, row.kind), -1) for row in result.controls]
        values, link = (
            np.hstack([array, np.zeros((len(array), 1))])[:, columns]
            for array in (performance.values, performance.link.reshape(-1, len(table)))
        )
        store(result.action, replace(performance, values=values, link=link))
        for row, column in zip(result.controls, columns, strict=True):
            row.solved = table[column].strength if column >= 0 and table[column].use else 0.0


def forget(result: MICROFACE_PG_result) -> None:
    """Leave an Action as it is, plain keys: the settings no longer act, and are gone."""
    for name in (*PROPERTIES, STRENGTHS, WRITTEN):
        if result.action and name in result.action:
            del result.action[name]
    _free_strengths(result)
    root, number = result.root, results_of(result.root).values().index(result)
    results_of(root).remove(number)
    _renumber(root, number)


def _renumber(root: bpy.types.Object, gone: int) -> None:
    """The takes after one that is gone have other paths now."""
    for number in range(gone, len(results_of(root))):
        for curve in playing(root):
            curve.data_path = curve.data_path.replace(f"{FIELD}[{number + 1}]", f"{FIELD}[{number}]")
        if results_of(root)[number].carrier:
            show(results_of(root)[number])


def show(result: MICROFACE_PG_result) -> None:
    """Lay a result on its character as it is set now; what hinders is told in `problem`."""
    from . import link

    if not result.action:
        return
    try:
        if result.carrier:
            link.drive(result)
        else:
            _write(result)
        result.problem = ""
    except MicrofaceError as error:
        result.problem = f"{error.text} {error.remedy}"


def show_keyed(result: MICROFACE_PG_result) -> None:
    """The same where a key of a strength has changed."""
    action = result.action
    if action and VALUES in action:
        told = strengths(result, timing(result).frames).ravel()
        if not np.array_equal(flat(action, STRENGTHS), told):
            show(result)


def timing(result: MICROFACE_PG_result) -> Timing:
    """When the keys stand: from the start frame, stretched about the first one."""
    raw = raw_of(result)
    time_s = raw.time_s[0] + result.stretch * (raw.time_s - raw.time_s[0])
    frames = seconds_to_frame(time_s, rate(_scene(result.root))) + result.start - 1
    return Timing(frames, np.where(raw.held, CONSTANT, LINEAR))


def _scene(root: bpy.types.Object) -> bpy.types.Scene:
    here = bpy.context.scene
    return here if root.name in here.objects else root.users_scene[0]


def strengths(result: MICROFACE_PG_result, frames: Array) -> Array:
    """(6, N) of the whole face and of each region, at frames (N,): by their keys where they have any."""
    curves = {curve.data_path: curve for curve in playing(result.root)}
    rows = []
    for region in REGIONS:
        curve = curves.get(strength_path(result, region))
        rows.append(
            sampled(curve, frames) if curve else np.full(len(frames), getattr(result, strength_property(region)))
        )
    return np.array(rows)


def shown_values(result: MICROFACE_PG_result, frames: Array, controls: Sequence[Control]) -> Array:
    """(N, K) values counted from rest, as they are set."""
    values = raw_of(result).values
    if result.mirror:
        values = values @ mirror(controls)
    strong = strengths(result, frames)
    row = [REGIONS.index("" if control.region == "NONE" else control.region) for control in result.controls]
    region = np.where(np.equal(row, 0)[:, None], 1.0, strong[row])
    low, high = limits(result, controls)
    return np.asarray((values * factors(result) * strong[0][:, None] * region.T).clip(low, high))


def _write(result: MICROFACE_PG_result) -> None:
    """Curves as they are set. One that is there stays, at rest if its control does no longer move."""
    action, (controls, rests), when = result.action, controls_of(result), timing(result)
    values = shown_values(result, when.frames, controls)
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
    action[STRENGTHS] = strengths(result, when.frames).ravel().tolist()
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
