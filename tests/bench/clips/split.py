# SPDX-License-Identifier: GPL-3.0-or-later
"""The clips of the benchmark: which faces, what is filmed how. Fixed: development and final share no face and no seed.

reference     noise up to 2 grey levels, lossless to CRF 12, face of 200 px and more, 100 fps and more, drift up to 4 px and
              1 degree; its level is the peak of the motion, px, 0 = a still face
strong drift  the same with 8 px and 2 degrees
noise ...     one thing varied alone from the first reference clips at 1 px: same face, same seed, else the same
quiet         (a split of its own) long clips at 30 fps without an expression: still, talking, blinking and glancing
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .plan import Plan

FACES = {
    "dev": ("head_a", "astronaut", "head_b", "photo_bbaf2n", "head_c", "flame_a", "photo_lbax4n"),
    "final": ("head_d", "photo_single", "head_g", "flame_b", "head_e", "facecap", "head_h", "head_f"),
}
FIRST_SEED = {"dev": 10_000, "final": 20_000, "quiet": 30_000}
#: peak, px -> clips
REFERENCE = {
    "dev": {3.0: 2, 2.0: 5, 1.0: 5, 0.5: 5, 0.25: 3, 0.0: 5},
    "final": {3.0: 4, 2.0: 10, 1.0: 12, 0.5: 10, 0.25: 6, 0.0: 10},
}
STRONG = {"dev": {2.0: 2, 1.0: 2, 0.5: 2, 0.0: 2}, "final": {2.0: 4, 1.0: 4, 0.5: 4, 0.0: 4}}
#: of the reference clips at 1 px the first ones are the plain ones that are varied
PLAIN = {"dev": 3, "final": 3}
ALONE: dict[str, tuple[float, ...]] = {
    "noise": (0.5, 3, 4),
    "crf": (0, 18, 23, 28),
    "fps": (25, 30, 60, 100),
    "face_px": (100, 150, 200, 300),
    "drift_px": (0, 4, 10),
    "turn_deg": (0, 2, 3),
    "flicker": (0.01, 0.03),
    "light": (0.05, 0.2),
    "blinks": (1,),
    "gazes": (2,),
    "speech_px": (3, 8),
}
BEHAVIOUR = ("blinks", "gazes", "speech_px")  # takes longer: filmed at 100 fps, as the clip of that rate
LENGTH_S = {25: 2.0, 30: 2.0, 60: 1.2, 100: 0.96}
QUIET = {"still": 7, "talking": 7, "blinking": 6}
QUIET_S = 30.0
#: clips of the development split that need nothing but this repository, for a look within minutes
SMOKE = (
    "reference-2-0", "reference-1-0", "reference-0.5-2", "reference-0-1", "strong-1-0", "crf-23-0", "fps-30-0",
    "face_px-100-0", "blinks-1-0", "speech_px-3-0",
)  # fmt: skip


def plans(split: str) -> list[Plan]:
    """All clips of `dev`, `final`, `quiet` or `smoke`."""
    if split == "smoke":
        return [plan for plan in plans("dev") if plan.name.removeprefix("dev-") in SMOKE]
    if split == "quiet":
        return list(_quiet())
    return [*_reference(split), *_strong(split), *_alone(split)]


def _named(split: str, condition: str, level: float, number: int, **others: Any) -> Plan:
    name = f"{split}-{condition.split()[0]}-{level:g}-{number}"
    return Plan(name=name, split=split, condition=condition, level=level, **others)


def _reference(split: str) -> Iterator[Plan]:
    for row, (amp, count) in enumerate(REFERENCE[split].items()):
        for number in range(count):
            seed = FIRST_SEED[split] + 100 * row + number
            face = (
                FACES[split][(number + 2 * row) % len(FACES[split])]
                if amp != 1
                else FACES[split][number % len(FACES[split])]
            )
            filmed = {} if amp == 1 and number < PLAIN[split] else _filmed(seed)
            yield _named(split, "reference", amp, number, face=face, seed=seed, amp_px=amp, **filmed)


def _filmed(seed: int) -> dict[str, Any]:
    """How a clip within the reference condition is filmed."""
    rng = np.random.default_rng([seed, 0])
    fps = float(rng.choice([100, 125, 200]))
    return {
        "fps": fps,
        "seconds": 0.48 if fps == 200 else 0.72,
        "noise": float(rng.choice([0.5, 1.0, 1.5, 2.0])),
        "crf": int(rng.choice([0, 6, 10, 12])),
        "face_px": float(rng.choice([200, 240, 280])),
        "drift_px": float(rng.choice([0.5, 1.0, 2.0, 4.0])),
        "turn_deg": float(rng.choice([0.2, 0.5, 1.0])),
        "focal": float(rng.choice([1.7, 2.2, 2.8])),
    }


def _strong(split: str) -> Iterator[Plan]:
    for row, (amp, count) in enumerate(STRONG[split].items()):
        for number in range(count):
            seed = FIRST_SEED[split] + 1000 + 100 * row + number
            face = FACES[split][(number + 2 * row) % len(FACES[split])]
            filmed = _filmed(seed) | {"drift_px": 8.0, "turn_deg": 2.0}
            yield _named(split, "strong drift", amp, number, face=face, seed=seed, amp_px=amp, **filmed)


def _alone(split: str) -> Iterator[Plan]:
    plain = [plan for plan in _reference(split) if plan.amp_px == 1][: PLAIN[split]]
    for row, (condition, levels) in enumerate(ALONE.items()):
        # the development split takes one of them for each condition, the final one all
        bases = [plain[row % len(plain)]] if split == "dev" else plain
        for level in levels:
            for number, base in enumerate(bases):
                changed: dict[str, Any] = {condition: type(getattr(base, condition))(level)}
                if condition == "fps":
                    changed["seconds"] = LENGTH_S[int(level)]
                if condition in BEHAVIOUR:
                    changed |= {"fps": 100.0, "seconds": LENGTH_S[100]}
                name = f"{split}-{condition}-{level:g}-{number}"
                yield replace(base, name=name, condition=condition, level=float(level), **changed)


def _quiet() -> Iterator[Plan]:
    faces = [face for pair in zip(FACES["dev"], FACES["final"], strict=False) for face in pair]
    for row, (kind, count) in enumerate(QUIET.items()):
        for number in range(count):
            seed = FIRST_SEED["quiet"] + 100 * row + number
            rng = np.random.default_rng([seed, 0])
            blinks = {"still": 0, "talking": 6, "blinking": 9}[kind]
            yield Plan(
                f"quiet-{kind}-{number}", "quiet", kind, 0.0, faces[(count * row + number) % len(faces)], seed,
                amp_px=0.0, seconds=QUIET_S, fps=30.0, blinks=blinks, gazes=blinks,
                speech_px=float(rng.uniform(4, 10)) if kind == "talking" else 0.0,
                noise=float(rng.choice([1.0, 2.0, 3.0])), crf=int(rng.choice([12, 18, 23])),
                drift_px=float(rng.uniform(2, 8)), turn_deg=float(rng.uniform(0.5, 2.5)),
            )  # fmt: skip
