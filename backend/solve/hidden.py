# SPDX-License-Identifier: GPL-3.0-or-later
"""Frames in which something hides a part of the face: what is not seen there is not measured but believed.

All frames share one information matrix N. So instead of taking the hidden part's information out of it, that part of the data
is completed by what the model itself expects there, as in expectation maximisation: with s the hidden share of the sheet's
coefficients,

    evidence = N (c + s * (expected - c)) + prior c

A cause that only hidden coefficients show would never leave its start that way: it is carried over from the frames that show it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..types import Floats
from .columns import Columns
from .state import State

Array = NDArray[np.float64]

UNSEEN = 0.9  #: hidden share of a cause's information from which on it is carried over: what is left says nothing


class HiddenPart:
    """The frames of a block (T) that are hidden as a whole or of which a part is."""

    def __init__(self, columns: Columns, motion: Array, masked: NDArray[np.float32], hidden: NDArray[np.bool_]) -> None:
        """Set up.

        Args:
            columns: of the template.
            motion: (T, 2n) px as measured.
            masked: (T, 2n) hidden share of what every coefficient is seen by.
            hidden: (T,) frames hidden as a whole.
        """
        self._columns = columns
        self._rows = np.flatnonzero(masked.any(1))
        self._share, self._motion = masked[self._rows].astype(float), motion[self._rows]
        causes = columns.layout.expression
        unseen = np.zeros((len(motion), len(causes)))
        unseen[self._rows] = hidden_share(columns, self._share)[:, causes]
        self._pose = np.tile(hidden[:, None], 6)
        self._causes = (unseen > UNSEEN) | hidden[:, None]

    def carry(self, state: State) -> None:
        """Where pose and causes are not seen, take over what they are in the frames around."""
        state.pose = carried(state.pose, self._pose)
        state.expression = carried(state.expression, self._causes)

    def completion(self, moved: Array, change: Array) -> Array:
        """What is added to the right-hand side (P, T).

        Args:
            moved: (T, 2n) px, the model's motion where the block was linearised.
            change: (P, T) what the model has come to since.
        """
        out = np.zeros_like(change)
        rows = self._rows
        expected = moved[rows] + (self._columns.coefficients @ change[:, rows]).T
        out[:, rows] = self._columns.informed.T @ (self._share * (expected - self._motion)).T
        return out


def hidden_share(columns: Columns, masked: Array) -> Array:
    """(T, P) share of every column's own information that is hidden where coefficients (T, 2n) are."""
    own = columns.informed * columns.coefficients
    return np.clip(masked @ own / np.maximum(own.sum(0), 1e-12), 0, 1)


def carried(values: Floats, hidden: NDArray[np.bool_]) -> Array:
    """Values (T, C) with the hidden ones (T, C) linear between seen ones of their column; columns never seen stay as they are.

    NaN stays NaN.
    """
    out = np.array(values, float)
    frames, finite = np.arange(len(values)), np.isfinite(values)
    for column in np.flatnonzero((hidden & finite).any(0) & (~hidden & finite).any(0)):
        away, known = (part & finite[:, column] for part in (hidden[:, column], ~hidden[:, column]))
        out[away, column] = np.interp(frames[away], frames[known], values[known, column])
    return out
