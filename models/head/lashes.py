# SPDX-License-Identifier: GPL-3.0-or-later
"""Single lashes along the strips of the base mesh, which the units move with the lids."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import shortest_path

from .model import JOINT_NAMES as JOINTS
from .obj import BaseMesh
from .part import PART_NAMES, Piece

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUPS = tuple(f"helper-{side}-eyelashes-{row}" for side in "lr" for row in "12")
PER_COLUMN = 2  # lashes in each column of the strip
THICK = 0.12  # half width at the root, in columns


def build_lashes(base: BaseMesh, group: str) -> Piece:
    """Lashes in place of one strip: tapered ribbons from the lid to the tip."""
    grid = _grid(base, group)  # (columns, rows): rows from root to tip
    columns, rows = grid.shape
    middle = (np.arange((columns - 1) * PER_COLUMN) + 0.5) / PER_COLUMN
    half = THICK * np.linspace(1, 0.1, rows)
    across = middle[:, None, None] + half[:, None] * np.array([-1, 1])  # (lashes, rows, 2) in columns
    left = np.clip(across.astype(np.int64), 0, columns - 2)
    share = (across - left)[..., None]
    row = np.arange(rows)[:, None]
    first, second = grid[left, row], grid[left + 1, row]

    def follow(offsets: Array) -> Array:
        moved = offsets[..., first, :] * (1 - share) + offsets[..., second, :] * share
        return np.asarray(moved.reshape(*offsets.shape[:-2], -1, 3))

    count = len(middle) * rows * 2
    corner = np.arange(count).reshape(len(middle), rows, 2)
    quads = np.stack([corner[:, :-1, 0], corner[:, :-1, 1], corner[:, 1:, 1], corner[:, 1:, 0]], -1).reshape(-1, 4)
    vertices = follow(base.vertices)
    weights = np.zeros((count, len(JOINTS)))
    weights[:, JOINTS.index("neck")] = 1
    return Piece(
        vertices=vertices,
        polygons=_towards_viewer(vertices, quads),
        uv=np.full((len(quads), 4, 2), 0.01),
        part=np.full(len(quads), PART_NAMES.index("lashes")),
        weights=weights,
        grow=follow,
        move=follow,
    )


def _grid(base: BaseMesh, group: str) -> Ints:
    """Vertices of a strip of quads as (columns, rows), the row at the lid first."""
    polygons = base.polygons[group]
    members, local = np.unique(polygons, return_inverse=True)
    local = local.reshape(polygons.shape)
    pairs = np.concatenate([local[:, [k, (k + 1) % 4]] for k in range(4)])
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(members), len(members)))
    steps = shortest_path(graph.tocsr(), directed=False, unweighted=True).astype(np.int64)
    corners = np.flatnonzero(np.bincount(local.ravel()) == 1)
    start = corners[0]
    other = corners[1:][steps[start, corners[1:]].argmin()]  # across the short side
    rows = int(steps[start, other]) + 1
    column = (steps[start] + steps[other] - rows + 1) // 2  # steps in a grid are added along its two directions
    row = (steps[start] - steps[other] + rows - 1) // 2
    grid = np.empty((column.max() + 1, rows), np.int64)
    grid[column, row] = members
    eye = base.vertices[base.members(f"joint-{group[7]}-eye")].mean(0)
    reach = np.linalg.norm(base.vertices[grid] - eye, axis=-1).mean(0)
    return grid if reach[0] < reach[-1] else grid[:, ::-1]


def _towards_viewer(vertices: Array, quads: Ints) -> Ints:
    """Ribbons have one side: turn it forward."""
    corner = vertices[quads]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    return np.where(normal[:, 2:] < 0, quads[:, ::-1], quads)
