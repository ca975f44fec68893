# SPDX-License-Identifier: GPL-3.0-or-later
"""What the skin does at places spread over the face, units and detail together: an event need not look like a named unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lids import LIDS
from .solve.clip import Solved
from .solve.surface import Surface
from .types import Ints
from .unseen import seen_shares

Array = NDArray[np.float64]

COUNT = 24  #: a fifth of the face's width apart
REACH = 15.0  #: px at 240, standard deviation of what counts as a place: the finest detail that is solved


@dataclass(frozen=True)
class Sites:
    """Motion across and along the picture at places of the face, work px.

    Attributes:
        names: (S,) the unit that moves the place most, number and axis, as "mouthFrownLeft 7 x".
        motion_px, std_px: (T, S), NaN where nothing was measured.
        seen: (T, S) share of the place that nothing hides.
    """

    names: tuple[str, ...]
    motion_px: Array
    std_px: Array
    seen: Array


def sites(surface: Surface, solved: Solved, patch: Ints, names: tuple[str, ...]) -> Sites:
    """Of the skin that the template shows.

    Args:
        patch: (V,) part of the template that hides with each vertex, -1 = none.
        names: (U,) of the units that are solved, as of `Performance`.
    """
    weight = _weights(surface)
    # (columns, places, 2) px
    moved = np.tensordot(weight, surface.causes.basis[:, :, :2], (1, 1)).transpose(1, 0, 2) * surface.px_per_m
    size = surface.causes.full_px
    units, detail = moved[: len(size)] * size[:, None, None], moved[surface.causes.group > 0]
    motion = np.asarray(np.tensordot(solved.units, units, 1) + np.tensordot(solved.detail, detail, 1), float)
    variance: Array = np.tensordot(solved.units_std.astype(float) ** 2, units**2, 1)
    variance = variance + np.tensordot(solved.detail_variance, detail**2, 1)
    shares = seen_shares(np.repeat(weight[:, :, None], 3, 2), patch, solved.covered)
    named = (f"{unit} {number} {axis}" for number, unit in enumerate(_owners(units, names)) for axis in "xy")
    frames = len(motion)
    std: Array = np.asarray(np.sqrt(variance)).reshape(frames, -1)
    return Sites(tuple(named), motion.reshape(frames, -1), std, np.repeat(shares, 2, 1))


def _weights(surface: Surface) -> Array:
    """(places, V) shares of the vertices, of which each is as far as can be from those before it."""
    skin = np.flatnonzero(surface.seen & surface.skin)
    where = surface.vertices[skin, :2] * surface.px_per_m
    chosen = [int(np.linalg.norm(where - where.mean(0), axis=1).argmin())]
    away = np.full(len(where), np.inf)
    while len(chosen) < min(COUNT, len(where)):
        away = np.minimum(away, np.linalg.norm(where - where[chosen[-1]], axis=1))
        chosen.append(int(away.argmax()))
    apart = np.linalg.norm(where[chosen][:, None] - where[None], axis=2)
    near = np.exp(-0.5 * (apart / (REACH * surface.reference.scale)) ** 2)
    weight = np.zeros((len(chosen), len(surface.vertices)))
    weight[:, skin] = near / near.sum(1, keepdims=True)
    return weight


def _owners(units: Array, names: tuple[str, ...]) -> list[str]:
    """The unit, (U, places, 2) px at full strength, that moves each place most; no lid's, which sweeps."""
    largest = np.linalg.norm(units, axis=2)
    largest[[name in LIDS for name in names]] = 0
    return [names[int(unit)] for unit in largest.argmax(0)]


def likest(surface: Surface, moved: Array, names: tuple[str, ...], shown: NDArray[np.bool_]) -> str:
    """The unit, of `names` (U,), whose motion a motion (V, 3) of the skin shown (V,) is most alike; with "-" against it."""
    visible = surface.seen & surface.skin & shown
    units, own = surface.causes.basis[: len(names), visible].reshape(len(names), -1), moved[visible].ravel()
    alike = units @ own / np.maximum(np.linalg.norm(units, axis=1), 1e-12)
    alike[[name in LIDS for name in names]] = 0
    best = int(np.abs(alike).argmax())
    return names[best] if alike[best] > 0 else "-" + names[best]
