# SPDX-License-Identifier: GPL-3.0-or-later
"""Conventions of bones: told by names that rig makers publish, and what an animator moves in each."""

import pytest
from microface.backend.retarget.bone_names import bone_convention, is_animators

RIGIFY = ("root", "DEF-brow.B.L", "ORG-brow.B.L", "MCH-jaw_master", "brow.B.L", "jaw_master", "eye.L", "lip_end.L.001")
ARP = (
    "c_traj",
    "c_pos",
    "c_jawbone.x",
    "jawbone.x",
    "c_eyebrow_full.l",
    "c_lips_smile.l",
    "c_p_head.x",
    "eyelid_top_ref.l",
)
METAHUMAN = (
    "head",
    "neck_01",
    "FACIAL_C_FacialRoot",
    "FACIAL_C_Jaw",
    "FACIAL_L_Eye",
    "FACIAL_L_12IPV_CheekL1",
    "spine_05",
)
PLAIN = ("root", "jaw", "eye.L", "brow.L", "c_brow")


@pytest.mark.parametrize(
    ("names", "convention", "moved"),
    [
        (RIGIFY, "Rigify", {"root", "brow.B.L", "jaw_master", "eye.L", "lip_end.L.001"}),
        (ARP, "Auto-Rig Pro", {"c_traj", "c_pos", "c_jawbone.x", "c_eyebrow_full.l", "c_lips_smile.l"}),
        (METAHUMAN, "MetaHuman", {"head", "neck_01", "FACIAL_C_Jaw", "FACIAL_L_Eye"}),
        (PLAIN, "", set(PLAIN)),
        (("DEF-a", "ORG-b", "c"), "", {"DEF-a", "ORG-b", "c"}),
    ],
)
def test_only_what_an_animator_moves(names: tuple[str, ...], convention: str, moved: set[str]) -> None:
    assert bone_convention(names) == convention
    assert {name for name in names if is_animators(name, convention)} == moved
