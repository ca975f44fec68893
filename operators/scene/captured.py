# SPDX-License-Identifier: GPL-3.0-or-later
"""The captured motion as it lies in a head's Action: raw, whatever its strength."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.types import Event
from ..compat import channelbag
from .action import key_path
from .rate import frame_to_seconds, rate

Array = NDArray[np.float64]


def curves_of(owner: bpy.types.ID) -> Any:
    """The F-curves that animate a datablock; empty when it has no Action."""
    animation = owner.animation_data
    if not animation or not animation.action or not animation.action_slot:
        return ()
    return channelbag(animation.action, animation.action_slot).fcurves


def points_of(curve: bpy.types.FCurve) -> Array:
    """Keys (N, 2): frame and value."""
    flat = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", flat)
    return flat.reshape(-1, 2).astype(np.float64)


def strongest_course(scene: bpy.types.Scene, head: bpy.types.Object, event: Event) -> tuple[Array, Array]:
    """Times (N,) in seconds and values (N,) of the event's strongest unit that is keyed; 0 throughout when none is."""
    curves = {curve.data_path: curve for curve in curves_of(head.data.shape_keys)}
    for unit in event.units:
        curve = curves.get(key_path(unit.removeprefix("-")))
        if curve is not None and len(curve.keyframe_points):
            frames, values = points_of(curve).T
            return frame_to_seconds(frames, rate(scene)), values
    return np.array([event.onset_s, event.offset_s]), np.zeros(2)
