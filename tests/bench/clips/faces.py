# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's faces by name. Some are always there, others only beside shared test material."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from .face import Face
from .geometry import bent, facecap, flame, generic
from .paint import Look
from .photograph import photograph
from .plan import Plan
from .sculpture import find_landmarks, sculpture

Floats = NDArray[np.float64]

ASTRONAUT = Path(__file__).resolve().parents[2] / "unit" / "backend" / "tracking" / "astronaut_landmarks.json"
PHOTOGRAPHS = {
    "photo_bbaf2n": "grid_bbaf2n_frame3.png",
    "photo_lbax4n": "grid_lbax4n_frame3.png",
    "photo_single": "pyfeat_single_face.jpg",
}
BEND = 0.008  # m

#: painted heads: geometry, seed of the person, look
HEADS: dict[str, tuple[str, int, Look]] = {
    "head_a": ("generic", 101, Look(1, (214, 168, 142), (62, 42, 30), (92, 120, 138))),
    "head_b": ("generic", 102, Look(2, (141, 98, 72), (24, 19, 17), (62, 40, 26), freckles=30)),
    "head_c": ("generic", 103, Look(3, (226, 186, 164), (150, 104, 62), (106, 124, 96), freckles=220, furrows=0.04)),
    "head_d": ("generic", 104, Look(4, (198, 152, 120), (40, 30, 26), (70, 48, 32), stubble=0.30, furrows=0.09)),
    "head_e": ("generic", 105, Look(5, (104, 70, 52), (20, 17, 16), (48, 32, 22), freckles=40, stubble=0.15)),
    "head_f": ("generic", 106, Look(6, (220, 176, 152), (172, 160, 150), (96, 118, 132), freckles=110, furrows=0.12)),
    "head_g": ("generic", 107, Look(7, (206, 160, 124), (28, 23, 22), (54, 36, 26), freckles=25, furrows=0.04)),
    "head_h": ("generic", 108, Look(8, (178, 128, 98), (46, 32, 24), (80, 62, 36), stubble=0.2)),
    "flame_a": ("flame", 109, Look(9, (210, 164, 138), (84, 58, 38), (88, 112, 126), freckles=90)),
    "flame_b": ("flame", 110, Look(10, (156, 110, 84), (30, 24, 20), (60, 42, 28), stubble=0.2, furrows=0.09)),
    "facecap": ("facecap", 111, Look(11, (218, 172, 148), (52, 38, 30), (76, 96, 84), freckles=140)),
}  # fmt: skip
ALWAYS = ("astronaut", *(name for name, head in HEADS.items() if head[0] == "generic"))
SHARED = (*PHOTOGRAPHS, "flame_a", "flame_b", "facecap")


def available(shared: Path) -> list[str]:
    """Names of the faces that can be made here."""
    return [*ALWAYS, *(name for name in SHARED if _source(name, shared).is_file())]


def _source(name: str, shared: Path) -> Path:
    if name in PHOTOGRAPHS:
        return shared / "data" / "photo" / PHOTOGRAPHS[name]
    kind = HEADS[name][0]
    file = {"flame": "flame/flame2023_open_partial.npz", "facecap": "characters/facecap_decoded_float.glb"}[kind]
    return shared / "data" / file


def find_face(plan: Plan, shared: Path) -> Face:
    """The face of a plan, as large as it says."""
    if plan.face in HEADS:
        kind, seed, look = HEADS[plan.face]
        mesh = {"generic": generic, "flame": lambda: flame(shared), "facecap": lambda: facecap(shared)}[kind]()
        return sculpture(bent(mesh, seed, BEND), look, plan)
    return photograph(*_photograph(plan.face, shared), plan)


@lru_cache
def _photograph(name: str, shared: Path) -> tuple[NDArray[np.uint8], Floats]:
    """RGB and landmarks (478, 2)."""
    if name == "astronaut":
        return skimage.data.astronaut(), np.array(json.loads(ASTRONAUT.read_text(encoding="utf-8"))["landmarks"])[:, :2]
    picture = cv2.cvtColor(cv2.imread(str(_source(name, shared))), cv2.COLOR_BGR2RGB)
    return picture, find_landmarks(picture)
