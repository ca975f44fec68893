# SPDX-License-Identifier: GPL-3.0-or-later
"""An NLA strip of shape keys in which all are 0, below what adds to them: in Blender 5.0 strips that add up would begin at 1."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

from .. import compat
from .action import LINEAR, add_curve
from .rig_curves import paths_played

GROUND = "neutral"  # its name


def lay_ground(keys: bpy.types.Key, paths: Iterable[str]) -> None:
    """Hold keys at 0 below what is added next, where this Blender needs it.

    Where strips of the artist's are there, those keys that they move are their part: held are the others.

    Args:
        keys: the datablock, with animation data.
        paths: of its keys' values.
    """
    if not compat.KEYS_REST_AT_ONE:
        return
    tracks = keys.animation_data.nla_tracks
    ground = next((track for track in tracks if track.name == GROUND), None)
    lowest = not tracks or tracks[0] == ground
    strips = [strip for track in tracks if track != ground for strip in track.strips]
    theirs = set() if lowest else {path for strip in strips for path in paths_played(strip)}
    strip = ground.strips[0] if ground else _ground_strip(keys)
    bag = compat.channelbag(strip.action, strip.action_slot)
    for path in paths:
        if path not in theirs and not bag.fcurves.find(path):
            add_curve(bag, path, 0, np.array([0.0, 1.0]), np.zeros(2), LINEAR)


def _ground_strip(keys: bpy.types.Key) -> bpy.types.NlaStrip:
    action = bpy.data.actions.new(GROUND)
    track = keys.animation_data.nla_tracks.new()
    track.name = GROUND
    strip = track.strips.new(GROUND, 0, action)
    strip.action_slot = action.slots.new(id_type="KEY", name=keys.name)
    return strip
