# SPDX-License-Identifier: GPL-3.0-or-later
"""A rig as numbers: its face at rest, and what each of its controls moves. Blender probes it; any program may write it.

`*.rig.npz`, read by `numpy.load`:

    schema_version ()         int32    1
    vertices       (V, 3)     float64  at rest, any unit, y up
    faces          (F, 3)     int32    counter-clockwise seen from outside
    names          (K,)       text     of the controls
    kinds          (K,)       text     key, rotation, location or property
    low, high      (K,)       float64  bounds of the value, counted from rest
    basis          (K, V, 3)  float32  motion of the vertices at value 1
    pins           (P, 3)     float64  right eye, left eye, mouth as the user says; none or all three
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import npz
from ..atomic import whole_file
from ..errors import MicrofaceError
from .schema import VERSION, Schema, checked, text

Array = NDArray[np.float64]

FIELDS: Schema = {
    "schema_version": ("<i4", ()),
    "vertices": ("<f8", ("V", 3)),
    "faces": ("<i4", ("F", 3)),
    "names": ("U", ("K",)),
    "kinds": ("U", ("K",)),
    "low": ("<f8", ("K",)),
    "high": ("<f8", ("K",)),
    "basis": ("<f4", ("K", "V", 3)),
    "pins": ("<f8", ("P", 3)),
}
KINDS = ("key", "rotation", "location", "property")


@dataclass(frozen=True)
class Rig:
    """What is probed."""

    vertices: Array  #: (V, 3) at rest, in the rig's unit, y up
    faces: NDArray[np.int32]  #: (F, 3)
    names: tuple[str, ...]  #: (K,)
    kinds: tuple[str, ...]  #: (K,) of KINDS
    low: Array  #: (K,) least value counted from rest, at most 0
    high: Array  #: (K,) largest, at least 0
    basis: NDArray[np.float32]  #: (K, V, 3) rig's units at value 1
    pins: Array = field(default_factory=lambda: np.zeros((0, 3)))  #: (0 or 3, 3) right eye, left eye, mouth


def write_rig(path: Path, rig: Rig) -> None:
    """Write a rig; the file appears only when it is whole.

    Raises:
        MicrofaceError: as `atomic.whole_file`.
    """
    arrays: dict[str, Any] = {name: getattr(rig, name) for name in FIELDS if name != "schema_version"}
    arrays["schema_version"] = VERSION
    arrays |= {name: text(arrays[name]) for name in ("names", "kinds")}
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, (kind, _) in FIELDS.items():
            npz.write(archive, name, np.asarray(arrays[name], None if kind == "U" else kind))


def read_rig(path: Path) -> Rig:
    """Read a rig.

    Raises:
        MicrofaceError: ``no_file`` or ``bad_rig`` with what is wrong.
    """
    arrays = checked(path, FIELDS, "bad_rig", "a probed rig")
    faces, names, kinds = arrays["faces"], tuple(arrays["names"].tolist()), tuple(arrays["kinds"].tolist())
    reason = ""
    if faces.size and (faces.min() < 0 or faces.max() >= len(arrays["vertices"])):
        reason = "'faces' points outside the mesh"
    elif not set(kinds) <= set(KINDS):
        reason = f"'kinds' knows {', '.join(KINDS)}"
    elif (arrays["low"] > 0).any() or (arrays["high"] < 0).any():
        reason = "rest is outside the bounds of a control"
    elif len(arrays["pins"]) not in (0, 3):
        reason = "it has neither no pins nor three"
    if reason:
        raise MicrofaceError("bad_rig", f"{path} is not a probed rig: {reason}.", "Make it again.")
    numbers = {name: arrays[name] for name in ("vertices", "low", "high", "basis", "pins")}
    return Rig(faces=faces, names=names, kinds=kinds, **numbers)
