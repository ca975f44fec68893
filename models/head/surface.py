# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions of a quad mesh between closed edge loops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Edge = frozenset[int]


class QuadMesh:
    """Neighbourhoods of a closed quad mesh."""

    def __init__(self, polygons: Ints) -> None:
        self.polygons = polygons
        self.faces_of: dict[Edge, list[int]] = defaultdict(list)
        self.edges_at: dict[int, set[Edge]] = defaultdict(set)
        for index, corners in enumerate(polygons.tolist()):
            for edge in _edges(corners):
                self.faces_of[edge].append(index)
        for edge in self.faces_of:
            for vertex in edge:
                self.edges_at[vertex].add(edge)

    def loop(self, start: tuple[int, int]) -> list[int]:
        """The closed edge loop through an edge: straight on at every vertex of four edges.

        Raises:
            ValueError: the loop ends at a pole.
        """
        path = list(start)
        while len(path) < len(self.edges_at):
            faces = set(self.faces_of[frozenset(path[-2:])])
            ahead = [e for e in self.edges_at[path[-1]] if not faces & set(self.faces_of[e])]
            if len(ahead) != 1:
                break
            (vertex,) = ahead[0] - {path[-1]}
            if vertex == path[0]:
                return path
            path.append(vertex)
        raise ValueError(f"the edge loop through {start} is not closed")

    def region(self, seed: int, walls: Iterable[list[int]]) -> NDArray[np.bool_]:
        """Faces reached from the faces at vertex `seed` without crossing a wall (closed paths of vertices)."""
        closed = {edge for wall in walls for edge in _edges(wall)}
        seen = np.zeros(len(self.polygons), bool)
        front = [face for edge in self.edges_at[seed] for face in self.faces_of[edge]]
        while front:
            face = front.pop()
            if not seen[face]:
                seen[face] = True
                edges = set(_edges(self.polygons[face].tolist())) - closed
                front += [other for edge in edges for other in self.faces_of[edge]]
        return seen


def _edges(cycle: list[int]) -> list[Edge]:
    """Edges of a closed path."""
    return [frozenset(pair) for pair in zip(cycle, cycle[1:] + cycle[:1], strict=True)]
