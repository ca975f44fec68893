# SPDX-License-Identifier: GPL-3.0-or-later
"""Which control does on one side of a face what another does on the other: by names, and for bones by their axes."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import NDArray

from .rig import Control

Array = NDArray[np.float64]
Key = tuple[str, ...]

ACROSS = np.diag([-1.0, 1.0, 1.0])  # an armature's left is its +x


def mirror(controls: Sequence[Control]) -> Array:
    """The matrix (K, K) by which values (..., K) become those of the mirrored motion; what has no counterpart is lost."""
    place = {_key(control): number for number, control in enumerate(controls)}
    out = np.zeros((len(controls), len(controls)))
    for number, control in enumerate(controls):
        if control.kind in ("rotation", "location"):
            for axis, share in enumerate(_across(control)):
                other = place.get(_mirrored(control, axis))
                if other is not None:
                    out[number, other] = share
        elif _mirrored(control, 0) in place:
            out[number, place[_mirrored(control, 0)]] = 1.0
    return out


def _key(control: Control) -> Key:
    if control.kind == "key":
        return ("key", control.owners[0].name)
    if control.kind == "property":
        owner, name = control.owners
        bone = owner.name if isinstance(owner, bpy.types.PoseBone) else ""
        return ("property", owner.id_data.name, bone, name)
    bone = control.owners[0]
    return (control.kind, bone.id_data.name, bone.name, str(control.index))


def _mirrored(control: Control, axis: int) -> Key:
    """The key of a control's counterpart; of a bone's, about or along an axis of it."""
    kind, *words = _key(control)
    if kind == "key":
        return (kind, *map(bpy.utils.flip_name, words))
    if kind == "property":
        return (kind, words[0], *map(bpy.utils.flip_name, words[1:]))
    return (kind, words[0], bpy.utils.flip_name(words[1]), str(axis))


def _across(control: Control) -> Array:
    """(3,) what 1 of a bone's turn or shift is in the axes of its counterpart: turns mirror as pseudovectors do."""
    bone = control.owners[0].bone
    other = bone.id_data.bones.get(bpy.utils.flip_name(bone.name))
    if other is None:
        return np.zeros(3)
    own, there = (np.array(one.matrix_local.to_3x3()) for one in (bone, other))
    side = -1.0 if control.kind == "rotation" else 1.0
    share = there.T @ ACROSS @ own[:, control.index] * side
    return np.where(np.abs(share) > 1e-6, share, 0.0)
