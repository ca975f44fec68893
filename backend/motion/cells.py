# SPDX-License-Identifier: GPL-3.0-or-later
"""A template's pixels by square cells, and how much of the texture in each a frame fails to show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from ..types import Floats
from .field import MotionField

Array = NDArray[np.float64]

FAINT = 0.05  #: of the template's mean square: cells with less texture count as if they had it
FEWEST_PIXELS = 8  #: in a square of the sheet's spacing, where it is judged; in smaller cells by their area


class Cells:
    """The pixels of a template by the cells they lie in.

    Attributes:
        shape: rows and columns of cells.
        cell: (M,) that each pixel lies in.
        energy: (cells) of the template, luma^2.
        worth: (rows, columns) texture that counts as a cell's, of a usual cell's.
    """

    def __init__(self, field: MotionField, across: int) -> None:
        """Divide a template into `across` cells a spacing of its sheet."""
        sheet, template = field.sheet, field.template
        self.side = sheet.spacing / across
        self.shape = across * (sheet.rows - 3), across * (sheet.columns - 3)
        column, row = np.floor((template.points - sheet.low) / self.side).astype(int).T
        self.cell = np.clip(row, 0, self.shape[0] - 1) * self.shape[1] + np.clip(column, 0, self.shape[1] - 1)
        count, pixels = self.shape[0] * self.shape[1], np.arange(len(self.cell))
        self._sum = sparse.csr_matrix((template.weight, (self.cell, pixels)), (count, len(pixels)))
        self._mass = np.asarray(self._sum.sum(1)).ravel()
        self.energy = self._sum @ template.value**2
        self._judged = np.bincount(self.cell, minlength=count) >= FEWEST_PIXELS / across**2
        self._usual = self.energy + FAINT * self.energy.sum() / self._mass.sum() * self._mass
        self.worth = (self._usual / self._usual[self._judged].mean()).reshape(self.shape)

    def missing(self, residual: Floats) -> Array:
        """(B, rows, columns) share of the texture that residuals (B, M) leave over."""
        left = (self._sum @ np.square(residual).T).T
        return np.where(self._judged, left / np.maximum(self._usual, 1e-12), 0).reshape(-1, *self.shape)

    def mean(self, values: Floats) -> Array:
        """(B, rows, columns) of values (B, M)."""
        return np.asarray((self._sum @ np.asarray(values).T).T / np.maximum(self._mass, 1e-12)).reshape(-1, *self.shape)
