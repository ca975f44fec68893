# SPDX-License-Identifier: GPL-3.0-or-later
"""Who moves when: action units with courses of their own, blinks, glances, syllables and the sway of the head.

A unit is a smooth bump at a place of the face, of a direction and a reach that are drawn anew for every clip, so none is
in the span of a head's units. Each unit rises, peaks and falls at its own time within the event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .plan import Plan

Floats = NDArray[np.float64]

#: unit: landmarks (one a side), direction (x outwards from the middle, y down, z away from the camera), reach in face widths
PLACES: dict[str, tuple[tuple[int, ...], tuple[float, float, float], float]] = {
    "AU1": ((107, 336), (0.1, -0.95, -0.1), 0.070),  # inner brows up
    "AU2": ((70, 300), (0.15, -0.9, 0.1), 0.075),  # outer brows up
    "AU4": ((107, 336), (-0.65, 0.7, -0.1), 0.080),  # brows together and down
    "AU5": ((159, 386), (0.05, -0.9, -0.1), 0.040),  # upper lids up
    "AU6": ((205, 425), (0.2, -0.8, -0.5), 0.095),  # cheeks up
    "AU7": ((145, 374), (-0.1, -0.9, -0.1), 0.040),  # lower lids up
    "AU9": ((48, 278), (0.1, -0.85, -0.4), 0.070),  # nose wrinkles
    "AU10": ((37, 267), (0.1, -0.85, -0.4), 0.065),  # upper lip up
    "AU12": ((61, 291), (0.8, -0.6, 0.4), 0.085),  # lip corners out and up
    "AU14": ((61, 291), (0.3, 0.1, 0.9), 0.060),  # dimples
    "AU15": ((61, 291), (0.1, 0.9, 0.2), 0.075),  # lip corners down
    "AU17": ((199,), (0.0, -0.8, -0.5), 0.090),  # chin up
    "AU20": ((61, 291), (0.95, 0.1, 0.3), 0.080),  # lips stretched
    "AU23": ((40, 270), (-0.7, 0.5, 0.3), 0.060),  # lips tighten
}
DEEPEST = 0.8  # motion in depth, of that in the picture
STAGGER = 0.45  # of the rise, by which units may start late; of the fall, by which they may end early


@dataclass(frozen=True)
class Unit:
    name: str
    landmark: int
    shift: tuple[float, float]  #: of the place, face widths
    direction: tuple[float, float, float]  #: camera space, length = weight
    reach: tuple[float, float]  #: across and along, face widths
    lean: float  #: rad, of the bump's axes
    start_s: float
    peak_s: float
    stop_s: float

    def course(self, time_s: Floats) -> Floats:
        """(T,) raised cosines, faster up than down."""
        rise, fall = (time_s - self.start_s) / (self.peak_s - self.start_s), self.stop_s - time_s
        return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(rise, fall / (self.stop_s - self.peak_s)), 0, 1))


@dataclass(frozen=True)
class Gesture:
    """A blink or a glance."""

    kind: str
    start_s: float
    stop_s: float
    glance: tuple[float, float] = (0.0, 0.0)  #: across and down, eye widths

    @property
    def apex_s(self) -> float:
        """When a blink is closed, or the middle of a glance."""
        return self.start_s + (0.4 if self.kind == "blink" else 0.5) * (self.stop_s - self.start_s)

    def course(self, time_s: Floats) -> Floats:
        """(T,) a blink closes in a third of its time and opens in the rest; a glance jumps, stays and jumps back."""
        share = (time_s - self.start_s) / (self.stop_s - self.start_s)
        if self.kind == "blink":
            rise, fall = share / 0.35, (1 - share) / 0.55
        else:
            jump = 0.05 / (self.stop_s - self.start_s)
            rise, fall = share / jump, (1 - share) / jump
        return 0.5 - 0.5 * np.cos(np.pi * np.clip(np.minimum(rise, fall), 0, 1))


@dataclass(frozen=True)
class Script:
    units: tuple[Unit, ...]
    gestures: tuple[Gesture, ...]


def write_script(plan: Plan) -> Script:
    rng = np.random.default_rng([plan.seed, 1])
    gestures = [*_gestures(plan, "blink", plan.blinks, rng), *_gestures(plan, "gaze", plan.gazes, rng)]
    return Script(tuple(_event(plan, rng)), tuple(gestures))


def _event(plan: Plan, rng: np.random.Generator) -> list[Unit]:
    """Three to five units, most of them on both sides; one may be on one side only."""
    rise = max(0.06, 2.5 / plan.fps) * rng.uniform(1, 1.5)
    fall = max(0.13, 4.5 / plan.fps) * rng.uniform(1, 1.4)
    slack = max(plan.seconds - rise - fall - 0.04, 0.05)  # the clip begins and ends at rest
    start = 0.02 + slack * rng.uniform(0.35, 0.6)
    names = rng.choice(list(PLACES), size=rng.integers(3, 6), replace=False)
    units = []
    for number, name in enumerate(names):
        late, early = rng.uniform(0.3, 1.0, 2) * STAGGER * (number > 0)
        # later starters also peak later, and the last may outlast the first
        times = start + late * rise, start + rise * (1 + late), start + rise + fall * (1 + late - early) / (1 + STAGGER)
        units += _sides(str(name), (*times,), rng)
    return units


def _sides(name: str, times: tuple[float, float, float], rng: np.random.Generator) -> list[Unit]:
    landmarks, direction, reach = PLACES[name]
    shift, reach = rng.normal(0, 0.02, 2), reach * rng.uniform(0.9, 1.6)
    wide, lean, weight = rng.uniform(0.75, 1.35), rng.uniform(0, np.pi), rng.uniform(0.6, 1.0)
    turned = np.array(direction) + rng.normal(0, 0.25, 3)
    flat = DEEPEST * np.hypot(turned[0], turned[1])
    turned[2] = np.clip(turned[2], -flat, flat)
    if len(landmarks) == 2 and rng.random() < 0.2:
        landmarks = (landmarks[int(rng.integers(2))],)
    units = []
    for landmark in landmarks:
        left = landmark == 199 or landmark > 260  # in the picture: the right half
        side = np.array([1.0 if left else -1.0, 1.0, 1.0])
        pushed = side * turned * weight * rng.uniform(0.8, 1.2)
        place = side[:2] * shift + rng.normal(0, 0.005, 2)
        sizes = float(reach * wide), float(reach / wide)
        units.append(Unit(name, landmark, (*place,), (*pushed,), sizes, float(side[0] * lean), *times))
    return units


def _gestures(plan: Plan, kind: str, count: int, rng: np.random.Generator) -> list[Gesture]:
    """One in each of equal parts of the clip."""
    part = plan.seconds / max(count, 1)
    found = []
    for number in range(count):
        length = min(rng.uniform(0.22, 0.32) if kind == "blink" else rng.uniform(0.25, 0.6), 0.8 * part)
        start = number * part + rng.uniform(0.1, 0.9) * (part - length)
        angle = rng.uniform(-0.3, 0.3) + np.pi * rng.integers(2)
        aside = (kind == "gaze") * rng.uniform(0.06, 0.13) * np.array([np.cos(angle), 0.6 * np.sin(angle)])
        found.append(Gesture(kind, float(start), float(start + length), (float(aside[0]), float(aside[1]))))
    return found


def sway(plan: Plan) -> tuple[Floats, Floats]:
    """Shifts (T, 3) px and turns (T, 3) rad of the head: slow, from rest, as far as the plan says."""
    rng = np.random.default_rng([plan.seed, 2])
    time_s = np.arange(plan.frames) / plan.fps
    period = min(plan.seconds, 6.0) * rng.uniform(0.8, 3.0, (6, 3))
    phase, size = rng.uniform(0, 2 * np.pi, (6, 3)), rng.uniform(0.4, 1.0, (6, 3)) * period
    waves = size * np.sin(2 * np.pi * time_s[:, None, None] / period + phase)
    path = (waves - waves[0]).sum(2)
    shift, turn = path[:, :3] * [1, 0.7, 0.5], path[:, 3:] * [0.7, 1, 0.5]
    far = [max(float(np.linalg.norm(p, axis=1).max()), 1e-12) for p in (shift, turn)]
    return shift * plan.drift_px / far[0], turn * np.radians(plan.turn_deg) / far[1]


def syllables(plan: Plan) -> tuple[Floats, Floats]:
    """(T,) how far the jaw is open, and how far the lip corners are drawn, 0..1 and -1..1: four to five a second."""
    rng = np.random.default_rng([plan.seed, 3])
    time_s = np.arange(plan.frames) / plan.fps
    jaw, corners, now = np.zeros(plan.frames), np.zeros(plan.frames), rng.uniform(0.02, 0.08)
    while now < plan.seconds:
        length = rng.uniform(0.14, 0.28)
        pulse = np.sin(np.pi * np.clip((time_s - now) / length, 0, 1)) ** 2
        jaw += rng.uniform(0.3, 1.0) * pulse
        corners += rng.uniform(-0.5, 0.5) * pulse
        now += length * rng.uniform(0.8, 1.1) + (rng.random() < 0.12) * rng.uniform(0.2, 0.6)
    return np.clip(jaw, 0, 1), np.clip(corners, -1, 1)
