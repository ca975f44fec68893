# SPDX-License-Identifier: GPL-3.0-or-later
"""Pose correctives of a performance as few shape keys: the directions in which its turns really move the skin.

FLAME has 36 of them, one per element of R - I of each joint. A performance turns few joints about few axes, so a handful
of their combinations carry all its motion; the best ones are the leading singular vectors of that motion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rotation import rotation_matrix

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]

MOST = 12  # keys
EXACT = 1e-7  # m: no more keys than leave no vertex farther off than that


@dataclass(frozen=True)
class Baked:
    """Correctives of every frame: sum_k values[t, k] * basis[k], with values between -1 and 1."""

    basis: Array  #: (K, V, 3) m
    values: Array  #: (T, K)
    error_m: float  #: largest distance of any vertex in any frame from the exact correctives


def elements(pose: Floats) -> Array:
    """R - I of the joints after the root, (T, 9 (J - 1)), of poses (T, J, 3)."""
    turned = rotation_matrix(np.asarray(pose, np.float64)[:, 1:]) - np.eye(3)
    return turned.reshape(len(turned), -1)


def bake(correctives: Floats, pose: Floats) -> Baked:
    """Fit keys and their courses to a performance.

    Args:
        correctives: (9 (J - 1), V, 3) m, of a head.
        pose: (T, J, 3) axis-angle.
    """
    count, vertices = correctives.shape[:2]
    if not count:
        return Baked(np.zeros((0, vertices, 3)), np.zeros((len(pose), 0)), 0.0)
    unit, amount = _orthonormal(np.asarray(correctives, np.float64).reshape(count, -1), elements(pose))
    _, size, right = np.linalg.svd(amount, full_matrices=False)
    rest, kept = amount, 0
    while kept < min(MOST, int((size > 0).sum())) and np.linalg.norm(rest, axis=1).max(initial=0) > EXACT:
        kept += 1
        rest = amount - amount @ right[:kept].T @ right[:kept]
    values = amount @ right[:kept].T
    peak = np.abs(values).max(0, initial=1e-12)
    basis = (right[:kept] @ unit) * peak[:, None]
    return Baked(basis.reshape(kept, vertices, 3), values / peak, _largest(rest, unit))


def _orthonormal(flat: Array, turns: Array) -> tuple[Array, Array]:
    """Orthonormal directions (r, 3 V) and how much of each the frames have (T, r), m: turns @ flat = amount @ unit."""
    power, vectors = np.linalg.eigh(flat @ flat.T)
    known = power > 1e-14 * power.max(initial=0)
    root = np.sqrt(power[known])
    return (vectors[:, known] / root).T @ flat, turns @ (vectors[:, known] * root)


def _largest(rest: Array, unit: Array) -> float:
    """Largest displacement of a vertex that is left: a frame's norm is a bound, so few frames are written out."""
    found, bound = 0.0, np.linalg.norm(rest, axis=1)
    for frame in np.argsort(bound)[::-1]:
        if bound[frame] <= found:
            break
        found = max(found, float(np.linalg.norm((rest[frame] @ unit).reshape(-1, 3), axis=1).max()))
    return found
