# SPDX-License-Identifier: GPL-3.0-or-later
"""Which bones of an armature an animator moves, by the names that the makers of rigs give them.

Rigs made by a program hold hundreds of bones that only carry motion on (mechanism, deformation, references). They can be
set too, but nobody should: their maker's own controls are moved instead.

Sources: Rigify's manual (DEF-, ORG-, MCH- before a bone's name; Blender 4.5 to 5.2 generate them); Auto-Rig Pro's
documentation (controllers begin with c_); the joints of Epic's published MetaHuman skeleton (FACIAL_L_, FACIAL_C_,
FACIAL_R_; those with 12IPV between only follow others).
"""

from __future__ import annotations

from collections.abc import Iterable

_RIGIFY = ("DEF-", "ORG-", "MCH-", "VIS_")
_RIGIFY_KINDS = 3  # of these prefixes, as every generated rig has
_ARP_START = ("c_traj", "c_pos", "c_jawbone.x")
_ARP_PASSIVE = ("c_p_", "_proxy", "_ref")  # widgets, pickers and references, which begin with c_ too
_METAHUMAN = ("FACIAL_L_", "FACIAL_C_", "FACIAL_R_")
_METAHUMAN_BODY = ("head", "neck_")
_METAHUMAN_PASSIVE = ("12IPV", "Root", "Skull")
_ENOUGH = 3  # names that make a convention


def bone_convention(names: Iterable[str]) -> str:
    """Which program made an armature: Rigify, Auto-Rig Pro, MetaHuman, or "" when its names do not say.

    Args:
        names: of all its bones.
    """
    listed = list(names)
    if sum(any(name.startswith(prefix) for name in listed) for prefix in _RIGIFY[:_RIGIFY_KINDS]) == _RIGIFY_KINDS:
        return "Rigify"
    if sum(name in _ARP_START for name in listed) and sum(name.startswith("c_") for name in listed) >= _ENOUGH:
        return "Auto-Rig Pro"
    if sum(name.startswith(_METAHUMAN) for name in listed) >= _ENOUGH:
        return "MetaHuman"
    return ""


def is_animators(name: str, convention: str) -> bool:
    """Whether a bone is one that an animator moves, in a rig of that convention; every bone is where there is none."""
    if convention == "Rigify":
        return not name.startswith(_RIGIFY)
    if convention == "Auto-Rig Pro":
        return name.startswith("c_") and not any(word in name for word in _ARP_PASSIVE)
    if convention == "MetaHuman":
        passive = any(word in name for word in _METAHUMAN_PASSIVE)
        return name.startswith(_METAHUMAN_BODY) or (name.startswith(_METAHUMAN) and not passive)
    return True
