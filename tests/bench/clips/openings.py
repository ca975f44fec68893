# SPDX-License-Identifier: GPL-3.0-or-later
"""Lids that close over an eye, an iris that moves under them, lips that part: where the picture is not one smooth sheet.

Each is a map of the picture at rest onto itself in coordinates of the opening: u from corner to corner, -1..1, and v
across, px, down. `forth` says where skin goes, `back` which place of the resting picture is seen somewhere; what the
lid covers has no forth, and what the lips uncover comes from between them, stretched and darkened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .face import Face
from .landmarks import EYES, LOWER_LIP, UPPER_LIP

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Opening:
    """Between an upper and a lower edge (n, 2) px, left to right in the picture, sharing their corners."""

    upper: Floats
    lower: Floats

    @cached_property
    def middle(self) -> Floats:
        return (self.upper[0] + self.upper[-1]) / 2

    @cached_property
    def half(self) -> float:
        """Half the distance of the corners, px."""
        return float(np.linalg.norm(self.upper[-1] - self.upper[0])) / 2

    @cached_property
    def axes(self) -> Floats:
        """(2, 2) rows: along the opening and across, down."""
        along = (self.upper[-1] - self.upper[0]) / (2 * self.half)
        return np.array([along, [-along[1], along[0]]])

    def local(self, places: Floats) -> tuple[Floats, Floats]:
        """u and v of places (2, N)."""
        along, across = self.axes @ (places - self.middle[:, None])
        return along / self.half, across

    def picture(self, u: Floats, v: Floats) -> Floats:
        """(2, N) px."""
        return self.axes.T @ np.stack([u * self.half, v]) + self.middle[:, None]

    @cached_property
    def _fits(self) -> tuple[Floats, Floats]:
        """Both edges as v = (1 - u^2) (a + b u + c u^2)."""
        fits = []
        for edge in (self.upper, self.lower):
            u, v = self.local(edge[1:-1].T)
            arch = 1 - u**2
            fits.append(np.linalg.lstsq((arch * np.stack([u**0, u, u**2])).T, v, rcond=None)[0])
        return fits[0], fits[1]

    def edges(self, u: Floats) -> tuple[Floats, Floats]:
        """v of both edges; 0 beyond the corners."""
        arch, powers = np.clip(1 - u**2, 0, None), np.stack([u**0, u, u**2])
        low, high = (arch * (fit @ powers) for fit in self._fits)
        return low, np.maximum(low, high)


@dataclass(frozen=True)
class Eye:
    opening: Opening
    closed: float  #: 0..1
    glance: Floats  #: (2,) px, along and across
    slip: Callable[[Floats], Floats]  #: px by which an expression moves the skin at places (2, N); the eyeball stays

    def near(self, places: Floats) -> NDArray[np.bool_]:
        u, v = self.opening.local(places)
        return (np.abs(u) < 1) & (np.abs(v) < 1.5 * self.opening.half)

    def _lid(self, u: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Its edge at rest with its lashes, the lower lid, how high the lid reaches above its edge, how far it is down."""
        upper, lower = self.opening.edges(u)
        upper = np.minimum(upper + 0.05 * self.opening.half * np.clip(1 - u**2, 0, None), lower)
        height = 0.42 * self.opening.half * np.clip(1 - u**2, 0.02, None) ** 0.5
        return upper, lower, height, 0.96 * self.closed * (lower - upper)

    def forth(self, places: Floats) -> Floats:
        """Where skin (2, N) goes; the eyeball stays."""
        u, v = self.opening.local(places)
        edge, _, height, down = self._lid(u)
        share = np.clip((v - edge + height) / height, 0, 1)  # it unfolds at its crease, the edge stays stiff
        return self.opening.picture(u, np.where(v <= edge, v + down * share * (2 - share), v))

    def back(self, places: Floats) -> tuple[Floats, Floats]:
        """What of the resting picture is seen at places (2, N), and how dark it is, 0..1."""
        u, v = self.opening.local(places)
        edge, lower, height, down = self._lid(u)
        below = v - edge + height  # = height share + down share (2 - share) on the lid
        wide = height + 2 * down
        share = 2 * below / (wide + np.sqrt(np.maximum(wide**2 - 4 * down * below, 0)))
        lid = np.where(below > 0, edge - height + height * share, v)
        eye = (v > edge + down) & (v < lower)
        still_u, still_v = self.opening.local(places + self.slip(places))
        moved_u = still_u - self.glance[0] / self.opening.half * np.clip(1 - u**2, 0, None) ** 2
        moved_v = np.clip(still_v - self.glance[1] * np.clip(1 - u**2, 0, None), edge, lower)
        seen_u, seen_v = np.where(eye, moved_u, u), np.where(eye, moved_v, np.where(v <= edge + down, lid, v))
        return self.opening.picture(seen_u, seen_v), np.zeros_like(u)


@dataclass(frozen=True)
class Mouth:
    opening: Opening
    gap: float  #: px, by which the lower lip parts from the upper
    reach: float  #: px, over which it fades into the chin's own motion

    def near(self, places: Floats) -> NDArray[np.bool_]:
        u, v = self.opening.local(places)
        return (np.abs(u) < 1) & (np.abs(v) < 4 * self.reach)

    def _down(self, u: Floats) -> Floats:
        return self.gap * np.clip(1 - u**2, 0, None)

    def forth(self, places: Floats) -> Floats:
        u, v = self.opening.local(places)
        _, lower = self.opening.edges(u)
        moved = v + self._down(u) * np.exp(-((np.maximum(v - lower, 0) / self.reach) ** 2))
        return self.opening.picture(u, np.where(v >= lower, moved, v))

    def back(self, places: Floats) -> tuple[Floats, Floats]:
        u, v = self.opening.local(places)
        upper, lower = self.opening.edges(u)
        down, source = self._down(u), v.copy()
        for _ in range(12):
            source = v - down * np.exp(-((np.maximum(source - lower, 0) / self.reach) ** 2))
        within = (v > upper) & (v < lower + down)
        stretched = upper + (v - upper) * (lower - upper) / np.maximum(lower + down - upper, 1e-9)
        seen = np.where(v >= lower + down, np.maximum(source, lower), np.where(within, stretched, v))
        dark = np.clip(np.minimum(v - upper, lower + down - v) / 1.5, 0, 1) * np.clip(down / 2, 0, 0.75)
        return self.opening.picture(u, seen), np.where(within, dark, 0.0)


def eyes(face: Face, closed: float, glance: Floats, slip: Callable[[Floats], Floats]) -> list[Eye]:
    """Both, closed by so much, looking aside by (2,) eye widths."""
    found = []
    for upper, lower in EYES:
        opening = Opening(face.landmarks[list(upper)], face.landmarks[list(lower)])
        found.append(Eye(opening, closed, 2 * opening.half * glance, slip))
    return found


def mouth(face: Face, gap: float) -> Mouth:
    return Mouth(Opening(face.landmarks[list(UPPER_LIP)], face.landmarks[list(LOWER_LIP)]), gap, 0.13 * face.width_px)
