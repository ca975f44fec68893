# SPDX-License-Identifier: GPL-3.0-or-later
"""A result as plain keys on the character's own datablocks."""

from __future__ import annotations

import bpy
import numpy as np

from ...backend.errors import MicrofaceError
from ..result import MICROFACE_PG_result
from . import link
from .action import LINEAR
from .controls import controls_of
from .result import forget
from .rig_action import Timing, write_curves
from .rig_curves import STILL, curves_of


def bake(scene: bpy.types.Scene, result: MICROFACE_PG_result) -> bpy.types.Action:
    """Leave nothing but keys: those there are, or, of a character that follows a head, what it shows.

    Returns:
        The Action that holds them.

    Raises:
        MicrofaceError: ``no_motion`` or ``rig_changed``; nothing is changed then.
    """
    action = result.action
    if result.carrier:
        controls, rests = controls_of(result)
        frames = link.head_frames(scene, result.head)
        values = link.live_values(result, scene, frames)
        acting = np.flatnonzero(np.abs(values).max(0, initial=0) > STILL)
        if not len(acting):
            raise MicrofaceError("no_motion", "The head does not move the character.", "Follow a head that moves.")
        name = f"{result.head.name} on {result.root.name}"
        link.leave(result)
        action = bpy.data.actions.new(name)
        timing = Timing(frames, np.full(len(frames), LINEAR))
        write_curves(action, curves_of(controls, rests, values, acting), timing, "replace")
    forget(result)
    return action
