# SPDX-License-Identifier: GPL-3.0-or-later
"""The lowest NLA strip of shape keys, in which all are 0: in Blender 5.0 strips that add up would begin at 1."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np

from .. import compat
from .action import LINEAR, add_curve

GROUND = "neutral"  # its name


def lay_ground(keys: bpy.types.Key, paths: Iterable[str]) -> None:
    """Hold keys at 0 below all strips, where this Blender needs it. Where an artist's own strips are lowest, that is their part.

    Args:
        keys: the datablock, with animation data.
        paths: of its keys' values.
    """
    if not compat.KEYS_REST_AT_ONE:
        return
    tracks = keys.animation_data.nla_tracks
    if not tracks:
        action = bpy.data.actions.new(GROUND)
        strip = tracks.new().strips.new(GROUND, 0, action)
        tracks[0].name = GROUND
        strip.action_slot = action.slots.new(id_type="KEY", name=keys.name)
    if tracks[0].name != GROUND:
        return
    strip = tracks[0].strips[0]
    bag = compat.channelbag(strip.action, strip.action_slot)
    for path in paths:
        if not bag.fcurves.find(path):
            add_curve(bag, path, 0, np.array([0.0, 1.0]), np.zeros(2), LINEAR)
