# SPDX-License-Identifier: GPL-3.0-or-later
"""Smooth fields on a picture, held at every fourth pixel and interpolated by cubic splines."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter

Floats = NDArray[np.float64]
MODE = "mirror"  # at the border


@dataclass(frozen=True)
class Lattice:
    """Nodes at multiples of `step`, one beyond the border where needed."""

    width: int  #: px
    height: int  #: px
    step: int = 4

    @cached_property
    def nodes(self) -> Floats:
        """(2, h, w) x and y of every node, px."""
        across, down = (np.arange(-(-(size - 1) // self.step) + 1) * self.step for size in (self.width, self.height))
        return np.stack(np.meshgrid(across, down)).astype(float)

    def spread(self, field: Floats) -> Floats:
        """(..., h, w) at the nodes -> (..., H, W) at every pixel."""
        return np.asarray(self._down @ field @ self._across.T)

    def at(self, field: Floats, places: Floats) -> Floats:
        """(C, h, w) at the nodes -> (C, ...) at places (2, ...) px."""
        return read(splines(field), places / self.step)

    @cached_property
    def _across(self) -> Floats:
        return _matrix(self.width, self.nodes.shape[2], self.step)

    @cached_property
    def _down(self) -> Floats:
        return _matrix(self.height, self.nodes.shape[1], self.step)


def _matrix(pixels: int, nodes: int, step: int) -> Floats:
    """(pixels, nodes): what each node's value adds to each pixel."""
    places = np.arange(pixels) / step
    return np.stack([map_coordinates(row, [places], order=3, mode=MODE) for row in np.eye(nodes)], 1)


def splines(planes: Floats) -> list[Floats]:
    """Cubic B-spline coefficients of each plane (H, W)."""
    return [spline_filter(plane, mode=MODE) for plane in planes]


def read(coefficients: list[Floats], places: Floats) -> Floats:
    """(C, ...) values of splines at places (2, ...): x, y in their own pixels."""
    return np.stack([map_coordinates(c, places[::-1], order=3, prefilter=False, mode=MODE) for c in coefficients])
