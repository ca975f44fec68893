# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of bones with the names that Auto-Rig Pro and MetaHuman publish: only what an animator moves is moved, and truly."""

import pytest
from microface.backend.heads import load_head, portrait_tracker
from microface.backend.retarget.bone_names import bone_convention
from microface.backend.retarget.transfer import facial
from microface.tests.blender.scene.bone_face import ARP, METAHUMAN, Names, bone_face
from microface.tests.blender.scene.test_retarget import compare, set_stage
from microface.tests.blender.scene.turns import check_turns


@pytest.mark.parametrize(("convention", "names"), [("Auto-Rig Pro", ARP), ("MetaHuman", METAHUMAN)])
def test_a_face_of_a_makers_bones(built: None, convention: str, names: Names) -> None:
    head = load_head("generic")
    rig = bone_face(head, names)
    assert bone_convention(bone.name for bone in rig.pose.bones) == convention
    stage = set_stage(head, portrait_tracker(), "bones")
    found = {name.rsplit(" ", 2)[0] for name in stage.rig.names}
    assert not found & {*names.passive, "c_p_head.x", "spine_05"}
    used = {n.rsplit(" ", 2)[0] for n, f in zip(stage.rig.names, facial(stage.laid, stage.rig), strict=True) if f}
    own = {name.format(side) for name in names.places.values() for side in names.sides}
    assert used == {*own, names.jaw}
    for name, like in compare(stage, head, ("brow", "jaw", "half smile")).items():
        assert like.direction > 0.9, name
        assert 0.8 < like.size < 1.2, name
        assert like.false < 0.15, name
    check_turns(stage)
