# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotations as axis-angle vectors (radians) and as matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

IDENTITY: Array = np.eye(3)
SMALL = 1e-4  # rad; below it the series is exact to float64


def skew(vector: Floats) -> Array:
    """Matrices (..., 3, 3) with skew(a) @ b = a x b, for vectors (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(vector, np.float64), -1, 0)
    zero = np.zeros_like(x)
    rows = [np.stack(row, -1) for row in ((zero, -z, y), (z, zero, -x), (-y, x, zero))]
    return np.stack(rows, -2)


def rotation_matrix(vector: Floats) -> Array:
    """Rodrigues: matrices (..., 3, 3) of axis-angle vectors (..., 3)."""
    matrix = skew(vector)
    sine, cosine, _ = _series(vector)
    return np.asarray(IDENTITY + sine * matrix + cosine * (matrix @ matrix))


def jacobian_left(vector: Floats) -> Array:
    """Left Jacobian of SO(3), (..., 3, 3): d R = skew(J dv) R for a change dv of the axis-angle vector."""
    matrix = skew(vector)
    _, cosine, cube = _series(vector)
    return np.asarray(IDENTITY + cosine * matrix + cube * (matrix @ matrix))


def _series(vector: Floats) -> tuple[Array, Array, Array]:
    """sin(a)/a, (1 - cos(a))/a^2 and (a - sin(a))/a^3 with shape (..., 1, 1), finite at a = 0."""
    square = (np.asarray(vector, np.float64) ** 2).sum(-1)[..., None, None]
    angle = np.sqrt(square)
    safe = np.where(angle < SMALL, 1.0, angle)
    near = angle < SMALL
    return (
        np.where(near, 1 - square / 6, np.sin(safe) / safe),
        np.where(near, 0.5 - square / 24, (1 - np.cos(safe)) / safe**2),
        np.where(near, 1 / 6 - square / 120, (safe - np.sin(safe)) / safe**3),
    )
