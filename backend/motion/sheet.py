# SPDX-License-Identifier: GPL-3.0-or-later
"""A cubic B-spline sheet over the face, cut along the lips and the lids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..types import Floats

SPACING = 12.0  #: px between control points at a face width of 240 px


@dataclass(frozen=True)
class Seam:
    """A line that skin moves differently above and below of: (K, 2) work px, x increasing."""

    line: NDArray[np.float64]

    def height_at(self, x: Floats) -> NDArray[np.float64]:
        """y of the line (px); beyond its ends it goes on level."""
        return np.interp(x, self.line[:, 0], self.line[:, 1])

    def below(self, points: Floats) -> NDArray[np.bool_]:
        """Which of the points (M, 2) lie below the line."""
        return np.asarray(points[:, 1] > self.height_at(points[:, 0]))


def _cubic_weights(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """The four cubic B-spline weights (M, 4) at the fractions t (M,)."""
    return np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], 1) / 6


class SplineSheet:
    """u(x) = sum_j c_j B3((x - node_j) / spacing) with one c per node, and a second one for nodes a seam runs through.

    Above a seam the first copy of a cut node acts, below it the second, so that the upper and the lower lip move apart freely
    while everything else stays one smooth sheet.

    Args:
        low, high: (2,) corners of the area, px.
        spacing: px between nodes.
        seams: lines to cut along; no node may be cut by two.
    """

    def __init__(self, low: Floats, high: Floats, spacing: float, seams: tuple[Seam, ...] = ()) -> None:
        self.spacing = spacing
        self.low = np.asarray(low, float)
        self.columns, self.rows = (np.floor((np.asarray(high) - self.low) / spacing).astype(int) + 4).tolist()
        self.seams = seams
        y, x = np.mgrid[: self.rows, : self.columns]
        self.nodes = np.stack([x.ravel() - 1.0, y.ravel() - 1.0], 1) * spacing + self.low
        self.seam_of = np.full(len(self.nodes), -1)
        for number, seam in enumerate(seams):
            left, right = seam.line[0, 0] + spacing / 2, seam.line[-1, 0] - spacing / 2
            across = np.abs(self.nodes[:, 1] - seam.height_at(self.nodes[:, 0])) < 2 * spacing
            self.seam_of[(self.nodes[:, 0] > left) & (self.nodes[:, 0] < right) & across] = number
        cut = np.flatnonzero(self.seam_of >= 0)
        self.second = np.arange(len(self.nodes))
        self.second[cut] = len(self.nodes) + np.arange(len(cut))
        self.size = len(self.nodes) + len(cut)

    def _copies(self, node: NDArray[np.int64], points: Floats) -> NDArray[np.int64]:
        """Column (M, K) that acts for the nodes (M, K) at the points (M, 2)."""
        column = node.copy()
        for number, seam in enumerate(self.seams):
            swap = (self.seam_of[node] == number) & seam.below(points)[:, None]
            column[swap] = self.second[node[swap]]
        return column

    def design(self, points: Floats) -> sparse.csr_matrix:
        """Phi (M, size): the sheet at the points (M, 2) px is Phi @ c."""
        grid = (np.asarray(points, float) - self.low) / self.spacing
        cell = np.clip(np.floor(grid).astype(np.int64), 0, [self.columns - 4, self.rows - 4])
        wx, wy = (_cubic_weights((grid - cell)[:, k]) for k in (0, 1))
        x, y = (cell[:, k, None] + np.arange(4) for k in (0, 1))
        node = (y[:, :, None] * self.columns + x[:, None, :]).reshape(len(grid), 16)
        weight = (wy[:, :, None] * wx[:, None, :]).reshape(len(grid), 16)
        shape = (len(grid), self.size)
        row = np.repeat(np.arange(len(grid)), 16)
        return sparse.csr_matrix((weight.ravel(), (row, self._copies(node, points).ravel())), shape=shape)

    def _stencils(self) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Second differences along x, along y and mixed: (nodes (K, 3 or 4), weights)."""
        index = np.arange(len(self.nodes)).reshape(self.rows, self.columns)
        second, mixed = np.array([1.0, -2.0, 1.0]), np.sqrt(2) * np.array([1.0, -1.0, -1.0, 1.0])
        along_x = np.stack([index[:, :-2], index[:, 1:-1], index[:, 2:]], -1).reshape(-1, 3)
        along_y = np.stack([index[:-2], index[1:-1], index[2:]], -1).reshape(-1, 3)
        corner = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]], -1).reshape(-1, 4)
        return [(along_x, second), (along_y, second), (corner, mixed)]

    def bending(self) -> NDArray[np.float64]:
        """R (size, size): c' R c is the discrete bending energy of one component; plane fields cost nothing.

        A difference that reaches over a seam is left out, so neither side holds the other.
        """
        rows: list[sparse.csr_matrix] = []
        for nodes, weights in self._stencils():
            touched = self.seam_of[nodes].max(1)
            for lower in (False, True):
                keep = np.ones(len(nodes), bool) if not lower else touched >= 0
                for number, seam in enumerate(self.seams):
                    whole = self.seam_of[nodes] != number
                    inside = (self.nodes[nodes, 0] > seam.line[0, 0]) & (self.nodes[nodes, 0] < seam.line[-1, 0])
                    under = self.nodes[nodes, 1] > seam.height_at(self.nodes[nodes, 0])
                    wrong = (whole & inside & (under != lower)).any(1)
                    keep &= ~((touched == number) & wrong)
                column = self.second[nodes[keep]] if lower else nodes[keep]
                row = np.repeat(np.arange(len(column)), column.shape[1])
                values = np.tile(weights, len(column))
                rows.append(sparse.csr_matrix((values, (row, column.ravel())), shape=(len(column), self.size)))
        stencil = sparse.vstack(rows)
        return np.asarray((stencil.T @ stencil).todense(), dtype=float)
