# SPDX-License-Identifier: GPL-3.0-or-later
"""Linear blend skinning along a chain of joints, and its derivative."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rotation import jacobian_left

Floats = NDArray[np.floating[Any]]
Array = NDArray[np.float64]
Parents = tuple[int, ...]


def world_rotations(local: Array, parents: Parents) -> Array:
    """(J, 3, 3) rotations against head space of rotations against the parent joint. Parents stand before children."""
    world = local.copy()
    for joint, parent in enumerate(parents):
        if parent >= 0:
            world[joint] = world[parent] @ local[joint]
    return world


def posed_centres(world: Array, joints: Floats, parents: Parents) -> Array:
    """Where the joints (..., J, 3) stand after posing; the root joint stays. Linear in the joints."""
    centre = np.array(joints, np.float64)
    for joint, parent in enumerate(parents):
        if parent >= 0:
            bone = joints[..., joint, :] - joints[..., parent, :]
            centre[..., joint, :] = centre[..., parent, :] + bone @ world[parent].T
    return centre


def skin(rest: Array, joints: Floats, world: Array, weights: Array, parents: Parents) -> Array:
    """Posed vertices (N, 3): sum_j w_j (R_j (v - j_j) + c_j), c = posed centres."""
    turned = np.einsum("nab,nb->na", blend(world, weights), rest)
    return np.asarray(turned + weights @ shifts(world, joints, parents))


def blend(world: Array, weights: Array) -> Array:
    """Blended linear part (N, 3, 3) of the skinning of every vertex."""
    return np.tensordot(weights, world, 1)


def shifts(world: Array, joints: Floats, parents: Parents) -> Array:
    """Translation (..., J, 3) of each joint's rigid motion x -> R x + shift. Linear in the joints."""
    return np.asarray(posed_centres(world, joints, parents) - np.einsum("jab,...jb->...ja", world, joints))


def turn_derivatives(
    rest: Array, joints: Floats, pose: Floats, world: Array, weights: Array, parents: Parents
) -> Array:
    """d skin / d axis-angle, (N, 3, J, 3): a joint turns everything below it about its posed centre."""
    centre = posed_centres(world, joints, parents)
    posed = np.einsum("jab,njb->nja", world, rest[:, None] - joints) + centre
    out = np.empty((len(rest), 3, len(parents), 3))
    for joint, parent in enumerate(parents):
        left = jacobian_left(pose[joint])  # columns: axes of the turn, in the parent's frame
        axes = left if parent < 0 else world[parent] @ left
        below = [k for k in range(len(parents)) if joint in _ancestors(k, parents)]
        arm = np.einsum("nj,nja->na", weights[:, below], posed[:, below] - centre[joint])
        out[:, :, joint] = np.cross(axes.T[None], arm[:, None]).transpose(0, 2, 1)
    return out


def _ancestors(joint: int, parents: Parents) -> Parents:
    """The joint itself and all joints above it."""
    return () if joint < 0 else (joint, *_ancestors(parents[joint], parents))
