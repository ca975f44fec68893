# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether eyeballs and head of a character turn on Blender's mesh as they are told, for rigs that carry the generic head."""

import bpy
import numpy as np
from microface.backend.heads import load_head
from microface.backend.retarget.mapping import proposed
from microface.backend.retarget.transfer import chosen, facial, perform
from microface.backend.retarget.turning import turning
from microface.operators.scene.rig_action import write_action
from microface.tests.blender.scene.test_retarget import APEX, JAW, Stage, acted
from scipy.spatial.transform import Rotation

TURNS = {"eye_left": (0.05, 0.12, 0), "eye_right": (0.05, 0.1, 0), "head": (0.1, -0.2, 0.05)}  # rad


def check_turns(stage: Stage) -> None:
    """The eyeballs and the head on Blender's mesh turn as they are told, about their own centres."""
    head, laid = load_head("generic"), stage.laid
    source = acted(head, np.unique(laid.match.corner), {}, JAW)
    course = np.sin(np.pi * np.arange(len(source.time_s)) / (len(source.time_s) - 1)) ** 2
    source.turns.update({name: course[:, None] * turn for name, turn in TURNS.items()})
    used = chosen(stage.rig, facial(laid, stage.rig), "bones") | turning(laid.turners, stage.rig, "bones", True)
    performance = perform(laid, stage.rig, source, proposed(stage.rig, used))
    write_action(bpy.context.scene, stage.controls, performance, "turns", existing="replace")
    shown = laid.canvas.head.template + stage.shown(APEX)
    skull = np.flatnonzero(head.weights[:, head.joint_names.index("neck")] > 0.999)
    carried = _turn(laid.canvas.head.template[skull], shown[skull])
    np.testing.assert_allclose(carried.as_rotvec(), TURNS["head"], atol=0.01)
    for side in ("left", "right"):
        ball = np.flatnonzero(head.weights[:, head.joint_names.index(f"eye_{side}")] > 0.5)
        own = carried.inv() * _turn(laid.canvas.head.template[ball], shown[ball])
        np.testing.assert_allclose(own.as_rotvec(), TURNS[f"eye_{side}"], atol=0.02)


def _turn(before: np.ndarray, after: np.ndarray) -> Rotation:
    return Rotation.align_vectors(after - after.mean(0), before - before.mean(0))[0]
