# SPDX-License-Identifier: GPL-3.0-or-later
"""Skin, brows, eyes, lips and hair for a head of clay: procedural, drawn once, in the picture.

Contrast as in footage of real skin: pores and stubble of 2 to 3 %, blotches of 5 %, freckles and moles, brows of single
hairs; lit by a lamp and from everywhere, with a little shine.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .landmarks import BROWS, EYES, LIPS, LOWER_LIP, NOSTRILS, OVAL, UPPER_LIP
from .performance import AMBIENT, LIGHT

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """Grey levels red, green, blue."""

    seed: int
    skin: Colour
    hair: Colour
    iris: Colour
    freckles: int = 60
    stubble: float = 0.0  #: how much darker the beard's area is speckled
    furrows: float = 0.06  #: depth of the lines of the forehead


def paint(normals: Floats, seen: Mask, landmarks: Floats, look: Look, unit: float) -> NDArray[np.float32]:
    """The head in colour before a blurred background.

    Args:
        normals: (H, W, 3) camera space.
        seen: (H, W) where the head is.
        landmarks: (478, 2) px.
        look: whose.
        unit: px, cheek to cheek.

    Returns:
        (H, W, 3) float32 grey levels.
    """
    canvas = _Canvas(seen.shape, landmarks, look, unit)
    albedo = canvas.skin()
    for layer in (canvas.hairline, canvas.brows, canvas.lips, canvas.nostrils):
        layer(albedo)
    lit = np.clip(normals @ LIGHT, 0, None)
    shine = np.clip(normals @ _halfway(), 0, None) ** 24
    picture = albedo * (AMBIENT + (1 - AMBIENT) * lit)[..., None] * 1.12 + 14 * shine[..., None]
    canvas.eyes(picture)
    edge = gaussian_filter(seen.astype(float), 1.0)[..., None]
    return (np.clip(picture * edge + canvas.background() * (1 - edge), 3, 250)).astype(np.float32)


def _halfway() -> Floats:
    half = LIGHT - np.array([0, 0, 1])
    return np.asarray(half / np.linalg.norm(half))


class _Canvas:
    def __init__(self, shape: tuple[int, int], landmarks: Floats, look: Look, unit: float) -> None:
        self.shape, self.landmarks, self.look, self.unit = shape, landmarks, look, unit
        self.rng = np.random.default_rng(look.seed)
        self.y, self.x = np.indices(shape).astype(float)

    def noise(self, reach: float) -> Floats:
        """(H, W) of standard deviation 1, smooth over `reach` face widths."""
        sigma = reach * self.unit
        coarse = max(1, int(sigma / 3))  # wide noise is drawn small
        size = self.shape[0] // coarse + 8, self.shape[1] // coarse + 8
        smooth = gaussian_filter(self.rng.standard_normal(size), sigma / coarse)
        wide = cv2.resize(smooth, (size[1] * coarse, size[0] * coarse), interpolation=cv2.INTER_CUBIC)
        return np.asarray((wide / wide.std())[: self.shape[0], : self.shape[1]])

    def area(self, outline: Floats, blur: float) -> Floats:
        """(H, W) 0..1 within a polygon (n, 2) px with an edge blurred by some face widths."""
        mask = np.zeros(self.shape, np.float32)
        cv2.fillPoly(mask, [np.round(outline * 16).astype(np.int32)], 1.0, lineType=cv2.LINE_AA, shift=4)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(blur * self.unit, 0.5)), float)

    def spot(self, place: Floats, reach: float) -> Floats:
        """(H, W) a round patch."""
        return np.exp(-0.5 * ((self.x - place[0]) ** 2 + (self.y - place[1]) ** 2) / (reach * self.unit) ** 2)

    def skin(self) -> Floats:
        look, unit = self.look, self.unit
        mottled = 0.035 * self.noise(0.09) + 0.03 * self.noise(0.035) + 0.022 * self.noise(0.012)
        pores = 0.022 * self.noise(0.0045) + 0.018 * self.noise(0.0075)
        tone = np.ones((*self.shape, 3)) * look.skin * (1 + mottled + pores)[..., None]
        red = 0.03 * self.noise(0.05)
        for landmark, reach, size in ((205, 0.1, 0.1), (425, 0.1, 0.1), (4, 0.05, 0.1), (152, 0.08, 0.05)):
            red += size * self.spot(self.landmarks[landmark], reach)
        tone *= 1 - np.stack([0.15 * red, red, 0.9 * red], 2)
        self._freckles(tone)
        self._furrows(tone)
        if look.stubble:
            chin = self.area(self.landmarks[[58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288,
                                             425, 2, 205]], 0.04)  # fmt: skip
            hairs = np.clip(0.6 + 0.45 * self.noise(0.0035), 0, 1.6)
            tone *= 1 - (look.stubble * chin * hairs)[..., None]
        under = sum(self.spot(self.landmarks[k] + [0, 0.02 * unit], 0.05) for k in (145, 374))
        return tone * (1 - 0.1 * np.asarray(under))[..., None]

    def _freckles(self, tone: Floats) -> None:
        low, high = self.landmarks.min(0), self.landmarks.max(0)
        for _ in range(self.look.freckles):
            place, reach = self.rng.uniform(low, high), self.unit * self.rng.uniform(0.003, 0.009)
            depth = self.rng.uniform(0.06, 0.25)
            x, y = place.astype(int)
            box = np.s_[max(y - 15, 0) : y + 16, max(x - 15, 0) : x + 16]
            spot = np.exp(-0.5 * ((self.x[box] - place[0]) ** 2 + (self.y[box] - place[1]) ** 2) / reach**2)
            tone[box] *= 1 - depth * spot[..., None] * [0.6, 0.9, 1.0]

    def _furrows(self, tone: Floats) -> None:
        """Lines across the forehead, beside the nose and at the eyes' corners."""
        lines = np.zeros(self.shape, np.float32)
        points = self.landmarks
        across = (
            points[[68, 104, 69, 108, 151, 337, 299, 333, 298]],
            points[[63, 105, 66, 107, 9, 336, 296, 334, 293]],
        )
        paths = [across[0] * (1 - s) + across[1] * s for s in (-0.3, 0.05, 0.35)]
        paths += [points[[129, 203, 206, 216, 212]], points[[358, 423, 426, 436, 432]]]
        paths += [points[[corner]] + self.unit * np.array([[0.01, d], [0.06, 3 * d]]) * [s, 1]
                  for corner, s in ((33, -1), (263, 1)) for d in (-0.01, 0.0, 0.012)]  # fmt: skip
        for path in paths:
            path = path + self.rng.normal(0, 0.004 * self.unit, path.shape)
            cv2.polylines(lines, [np.round(path * 16).astype(np.int32)], False, 1.0, 2, cv2.LINE_AA, 4)
        soft = gaussian_filter(lines, 0.008 * self.unit)
        tone *= 1 - self.look.furrows * (soft / soft.max())[..., None] * 2

    def hairline(self, albedo: Floats) -> None:
        """Hair above and beside the forehead, in strands."""
        oval = self.landmarks[OVAL]
        middle = self.landmarks[[10, 152]].mean(0)
        outline = middle + (oval - middle) * np.where(oval[:, 1:] < middle[1], [1.03, 1.10], [1.10, 1.4])
        outline = np.r_[outline[:10], [[1e4, 1e4], [-1e4, 1e4]], outline[-10:]]  # all below the ears is skin
        ragged = self.noise(0.008) * 0.5 + self.noise(0.03)
        share = np.clip(0.5 + 2.5 * (self.area(outline, 0.03) - 0.5) + 0.2 * ragged, 0, 1)
        strands = cv2.GaussianBlur(
            self.rng.standard_normal(self.shape), (0, 0), sigmaX=0.006 * self.unit, sigmaY=0.05 * self.unit
        )
        hair = np.array(self.look.hair) * (1 + 0.3 * strands / strands.std())[..., None]
        albedo[:] = albedo * share[..., None] + np.clip(hair, 5, 255) * (1 - share[..., None])

    def brows(self, albedo: Floats) -> None:
        layer = np.zeros(self.shape, np.float32)
        for side, (upper, lower) in enumerate(zip(*BROWS, strict=True)):
            above, below = self.landmarks[list(upper)], self.landmarks[list(lower)]
            outwards = -1 if side == 0 else 1
            for _ in range(260):
                along, across = self.rng.uniform(0, 4), self.rng.uniform(0.1, 0.95)
                k = min(int(along), 3)
                edge = [e[k] + (e[k + 1] - e[k]) * (along - k) for e in (above, below)]
                root = edge[0] * (1 - across) + edge[1] * across
                lean = self.rng.normal(0.5, 0.3)
                tip = root + self.unit * self.rng.uniform(0.025, 0.045) * np.array(
                    [outwards * np.cos(lean), -np.sin(lean)]
                )
                strength = float(self.rng.uniform(0.4, 0.9))
                cv2.line(
                    layer, *(tuple(int(v) for v in np.round(p * 16)) for p in (root, tip)), strength, 1, cv2.LINE_AA, 4
                )
        share = np.clip(0.55 * layer + 0.6 * gaussian_filter(layer, 0.004 * self.unit), 0, 0.92)[..., None]
        albedo[:] = albedo * (1 - share) + np.array(self.look.hair) * share

    def lips(self, albedo: Floats) -> None:
        upper, lower = (self.landmarks[list(edge)] for edge in LIPS)
        share = 0.75 * self.area(np.r_[upper, lower[-2:0:-1]], 0.007)[..., None]
        folds = cv2.GaussianBlur(
            self.rng.standard_normal(self.shape), (0, 0), sigmaX=0.005 * self.unit, sigmaY=0.02 * self.unit
        )
        colour = np.array(self.look.skin) * [0.86, 0.58, 0.6] * (1 + 0.09 * folds / folds.std())[..., None]
        albedo[:] = albedo * (1 - share) + colour * share
        seam = (self.landmarks[list(UPPER_LIP)] + self.landmarks[list(LOWER_LIP)]) / 2
        line = np.zeros(self.shape, np.float32)
        cv2.polylines(line, [np.round(seam * 16).astype(np.int32)], False, 1.0, 2, cv2.LINE_AA, 4)
        dark = np.clip(1.2 * gaussian_filter(line, 0.004 * self.unit) / 0.5, 0, 0.8)[..., None]
        albedo[:] = albedo * (1 - dark) + np.array(self.look.skin) * [0.3, 0.16, 0.15] * dark

    def nostrils(self, albedo: Floats) -> None:
        for corner in NOSTRILS:
            place = 0.55 * self.landmarks[corner] + 0.45 * self.landmarks[2]
            oval = ((self.x - place[0]) / 1.5) ** 2 + (self.y - place[1] + 0.008 * self.unit) ** 2
            albedo *= 1 - 0.75 * np.exp(-0.5 * oval / (0.011 * self.unit) ** 2)[..., None]

    def eyes(self, picture: Floats) -> None:
        """Wet eyeballs under lids with lashes: over the shading, which knows nothing of them."""
        for upper, lower in EYES:
            edge = self.landmarks[list(upper)]
            outline = np.r_[edge, self.landmarks[list(lower)][-2:0:-1]]
            open_px = np.ptp(outline[:, 1])
            width = float(np.linalg.norm(edge[-1] - edge[0]))
            centre, radius = (outline.max(0) + outline.min(0)) / 2 - [0, 0.1 * open_px], 0.205 * width
            away = np.hypot(self.x - centre[0], self.y - centre[1]) / radius
            white = (
                np.array([206, 200, 196])
                * (1 - 0.12 * np.clip(away - 1, 0, 2))[..., None]
                * (1 + 0.02 * self.noise(0.01))[..., None]
            )
            rays = 1 + 0.2 * np.sin(17 * np.arctan2(self.y - centre[1], self.x - centre[0]) + 2 * self.noise(0.02))
            ball = _over(
                white, np.array(self.look.iris) * rays[..., None], np.clip((1 - away) * radius / 2 + 0.5, 0, 1)
            )
            ball = _over(ball, np.array([18.0, 15, 14]), np.clip(1 - np.abs(away - 0.97) / 0.12, 0, 0.6))
            ball = _over(ball, np.array([10.0, 9, 9]), np.clip((0.42 - away) * radius / 2 + 0.5, 0, 1))
            ball = _over(ball, np.array([245.0, 245, 245]), self.spot(centre + radius * np.array([-0.3, -0.35]), 0.006))
            top = np.interp(self.x[0], edge[:, 0], edge[:, 1])
            ball *= (1 - 0.45 * np.exp(-np.clip(self.y - top, 0, None) / (0.22 * open_px)))[..., None]
            picture[:] = _over(picture, ball, self.area(outline, 0.002))
            lash = np.zeros(self.shape, np.float32)
            cv2.polylines(lash, [np.round(edge * 16).astype(np.int32)], False, 1.0, 3, cv2.LINE_AA, 4)
            crease = edge[1:-1] - [0, 0.022 * self.unit]
            cv2.polylines(lash, [np.round(crease * 16).astype(np.int32)], False, 0.35, 2, cv2.LINE_AA, 4)
            picture *= 1 - 0.75 * np.clip(gaussian_filter(lash, 0.8), 0, 1)[..., None]

    def background(self) -> Floats:
        base = self.rng.uniform(80, 150) + self.rng.normal(0, 14, 3)
        return np.asarray(base * (1 + 0.12 * self.noise(0.35) + 0.05 * self.noise(0.1))[..., None])


def _over(below: Floats, colour: Floats, share: Floats) -> Floats:
    return np.asarray(below * (1 - share[..., None]) + colour * share[..., None])
