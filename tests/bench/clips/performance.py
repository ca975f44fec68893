# SPDX-License-Identifier: GPL-3.0-or-later
"""A face that plays a script: its surface and its picture in every frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from .face import Face
from .lattice import read, splines
from .openings import Eye, Mouth, eyes, mouth
from .plan import Plan
from .script import Script, Unit, sway, syllables

Floats = NDArray[np.float64]
AMBIENT = 0.55  # share of the light that comes from everywhere
LIGHT = np.array([-0.35, -0.55, -0.76])  # towards the lamp, camera space
CLOSE = 1e-3  # px, to which the motion of the picture is inverted
#: speech: landmark, direction, reach in face widths; the jaw, then the lip corners
JAW = Unit("jaw", 152, (0, -0.05), (0.0, 1.0, 0.3), (0.3, 0.22), 0, 0, 0, 0)
CORNERS = tuple(Unit("corner", k, (0, 0), (s, 0.1, 0.4), (0.07, 0.07), 0, 0, 0, 0) for k, s in ((61, -1.0), (291, 1.0)))


@dataclass(frozen=True)
class Performance:
    face: Face
    script: Script
    plan: Plan

    def surface(self, frame: int) -> Floats:
        """(3, h, w) camera space m: where every node is, but for lids and lips."""
        local = self._moved(frame)
        centre = self.face.centre[:, None, None]
        shift, turn = self._sway
        pixel = self.face.centre[2] / self.face.camera[0, 0]
        moved = np.tensordot(Rotation.from_rotvec(turn[frame]).as_matrix(), local - centre, 1)
        return moved + centre + (shift[frame] * pixel)[:, None, None]

    def expression(self, frame: int) -> Floats:
        """(2, h, w) px by which the units alone move each node in the picture."""
        return self.face.project(self._moved(frame)) - self.face.lattice.nodes

    def _moved(self, frame: int) -> Floats:
        return self.face.surface + np.tensordot(self._courses[frame], self._bumps, 1)

    def points(self, frame: int, places: Floats) -> Floats:
        """(3, N) camera space m: where the skin at places (2, N) px of the resting picture is."""
        moved = places.copy()
        for part in self._parts(frame):
            near = part.near(places)
            moved[:, near] = part.forth(places[:, near])
        return self.face.lattice.at(self.surface(frame), moved)

    def picture(self, frame: int) -> Floats:
        """(H, W, 3) float32 grey levels without noise: every pixel looks up where in the resting picture it comes from."""
        surface = self.surface(frame)
        back = self._back(surface)
        source, dark = self._source(frame, back)
        relief = self.face.lattice.at(self.relief(surface)[None], self.face.lattice.nodes + back)
        luma = read(self._splines[:1], source)[0] * self.face.lattice.spread(relief[0]) * (1 - dark)
        half = (source[:, ::2, ::2] + source[:, 1::2, 1::2] - 1) / 4  # the chroma has every second sample
        chroma = [
            cv2.resize(c, luma.shape[::-1], interpolation=cv2.INTER_LINEAR) for c in read(self._splines[1:], half)
        ]
        planes = np.stack([luma, *chroma], 2).astype(np.float32)
        return cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB, planes)

    def _back(self, surface: Floats) -> Floats:
        """(2, h, w) px from each node to where in the resting picture it comes from."""
        face, lattice = self.face, self.face.lattice
        motion = (face.project(surface) - lattice.nodes) * face.follows
        smooth, back = splines(motion), -motion
        for _ in range(30):  # a contraction: the motion changes by some percent of a pixel per pixel
            last, back = back, -read(smooth, (lattice.nodes + back) / lattice.step)
            if np.abs(back - last).max() < CLOSE:
                break
        return back

    def _source(self, frame: int, back: Floats) -> tuple[Floats, Floats]:
        """(2, H, W) where in the resting picture every pixel comes from, and (H, W) how much it is darkened."""
        source = self._pixels + self.face.lattice.spread(back)
        dark = np.zeros(source.shape[1:])
        for part in self._parts(frame):
            near = part.near(source.reshape(2, -1)).reshape(dark.shape)
            source[:, near], dark[near] = part.back(source[:, near])
        return source, dark

    def _parts(self, frame: int) -> list[Eye | Mouth]:
        """What opens or closes in a frame."""
        now = np.array([frame / self.plan.fps])
        closed, glance = 0.0, np.zeros(2)
        for gesture in self.script.gestures:
            if gesture.kind == "blink":
                closed = max(closed, float(gesture.course(now)[0]))
            else:
                glance += gesture.course(now)[0] * np.array(gesture.glance)
        gap = self.plan.speech_px * self._speech[0][frame]
        moving: list[Eye | Mouth] = []
        if closed or glance.any() or self._courses[frame].any():
            skin = self.expression(frame)
            moving += eyes(self.face, closed, glance, lambda places: self.face.lattice.at(skin, places))
        return [*moving, mouth(self.face, gap)] if gap else moving

    def relief(self, surface: Floats) -> Floats:
        """(h, w) how much brighter the surface is than at rest because it is turned otherwise."""
        light = [
            AMBIENT + (1 - AMBIENT) * np.clip(np.tensordot(LIGHT, n, 1), 0, None)
            for n in (_normals(surface), self._rest)
        ]
        return np.asarray(1 + (light[0] / light[1] - 1) * self.face.follows)

    @cached_property
    def _rest(self) -> Floats:
        return _normals(self.face.surface)

    @cached_property
    def _splines(self) -> list[Floats]:
        """Luma, and both chroma planes at half the resolution."""
        planes = cv2.cvtColor(np.moveaxis(self.face.picture, 0, 2).astype(np.float32), cv2.COLOR_RGB2YCrCb)
        half = cv2.resize(planes, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return splines([planes[..., 0].astype(float), half[..., 1].astype(float), half[..., 2].astype(float)])

    @cached_property
    def _pixels(self) -> Floats:
        return np.stack(np.meshgrid(np.arange(self.plan.width), np.arange(self.plan.height))).astype(float)

    @cached_property
    def _sway(self) -> tuple[Floats, Floats]:
        return sway(self.plan)

    @cached_property
    def _speech(self) -> tuple[Floats, Floats]:
        return syllables(self.plan)

    @cached_property
    def time_s(self) -> Floats:
        return np.arange(self.plan.frames) / self.plan.fps

    @cached_property
    def _courses(self) -> Floats:
        """(T, U) how much of each bump a frame shows."""
        own = [unit.course(self.time_s) for unit in self.script.units] if self.plan.amp_px else []
        spoken = [self._speech[0], *[self._speech[1]] * len(CORNERS)] if self.plan.speech_px else []
        return np.array([*own, *spoken]).T if own or spoken else np.zeros((self.plan.frames, 0))

    @cached_property
    def _bumps(self) -> Floats:
        """(U, 3, h, w) m: the expression's, scaled together to `amp_px` at their common peak, then those of speech."""
        nothing = np.zeros((0, *self.face.surface.shape))
        own, spoken = nothing, nothing
        if self.plan.amp_px:
            own = np.stack([self._bump(unit) for unit in self.script.units])
            courses = np.array([unit.course(self.time_s) for unit in self.script.units]).T
            own *= self.plan.amp_px / max(self._largest(np.tensordot(c, own, 1)) for c in courses[courses.any(1)])
        if self.plan.speech_px:
            spoken = np.stack([self._bump(unit) for unit in (JAW, *CORNERS)])
            sizes = self.plan.speech_px * np.array([0.6, 0.35, 0.35])
            spoken *= np.array([s / self._largest(b) for s, b in zip(sizes, spoken, strict=True)])[:, None, None, None]
        return np.concatenate([own, spoken])

    def _bump(self, unit: Unit) -> Floats:
        """(3, h, w) m: a metre at its middle."""
        face = self.face
        away = (
            face.lattice.nodes - (face.landmarks[unit.landmark] + np.array(unit.shift) * face.width_px)[:, None, None]
        )
        cos, sin = np.cos(unit.lean), np.sin(unit.lean)
        along, across = np.tensordot([[cos, sin], [-sin, cos]], away, 1) / face.width_px
        weight = np.exp(-0.5 * ((along / unit.reach[0]) ** 2 + (across / unit.reach[1]) ** 2))
        return weight * np.array(unit.direction)[:, None, None]

    def _largest(self, field: Floats) -> float:
        """px per unit of a field (3, h, w) in the picture, at the most moved node of the skin."""
        moved = self.face.project(self.face.surface + 1e-4 * field) - self.face.lattice.nodes
        return float(np.linalg.norm(moved, axis=0)[self.face.skin].max()) / 1e-4


def _normals(surface: Floats) -> Floats:
    """(3, h, w) unit normals, towards the camera."""
    down, across = (np.gradient(surface, axis=axis) for axis in (1, 2))
    normal = np.cross(down, across, axis=0)
    return normal / np.linalg.norm(normal, axis=0)
