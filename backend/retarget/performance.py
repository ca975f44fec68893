# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rig's controls do over time: the result of retargeting, raw.

`*.controls.npz`, read by `numpy.load`:

    schema_version ()      int32    1
    names          (K,)    text     of the controls, as the rig has them
    time_s         (T,)    float64  s, the source's own times
    values         (T, K)  float32  counted from rest
    keyed          (T,)    uint8    1 where the source shows a face
    used           (K,)    uint8    1 for controls that can move the face
    explained      ()      float64  share of the motion that the rig can show, rms over face and clip; 0 by names
    method         ()      text     surface, or names where no face was found on the rig
    regions        (K,)    text     brows, eyes, nose, mouth or jaw: whose strength acts on it; empty for none
    sources        (S,)    text     keys and turns of the head that it may follow live (link.py)
    link           (S, K)  float32  what each of them is on each control
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
from .schema import VERSION, Schema, checked, text

Array = NDArray[np.float64]

FIELDS: Schema = {
    "schema_version": ("<i4", ()),
    "names": ("U", ("K",)),
    "time_s": ("<f8", ("T",)),
    "values": ("<f4", ("T", "K")),
    "keyed": ("|u1", ("T",)),
    "used": ("|u1", ("K",)),
    "explained": ("<f8", ()),
    "method": ("U", ()),
    "regions": ("U", ("K",)),
    "sources": ("U", ("S",)),
    "link": ("<f4", ("S", "K")),
}


@dataclass(frozen=True)
class Performance:
    """What the controls do."""

    names: tuple[str, ...]  #: (K,)
    time_s: Array  #: (T,)
    values: Array  #: (T, K) counted from rest
    keyed: NDArray[np.bool_]  #: (T,) frames with a face
    used: NDArray[np.bool_]  #: (K,) controls that can move the face at all
    explained: float  #: share of the motion that the controls show, rms over face and clip; 0 by names
    method: str = "surface"  #: surface or names
    regions: tuple[str, ...] = ()  #: (K,) whose strength acts on each; none is known when left out
    sources: tuple[str, ...] = ()  #: (S,) of the head, which the controls may follow
    link: Array = field(default_factory=lambda: np.zeros((0, 0)))  #: (S, K)


def write_performance(path: Path, performance: Performance) -> None:
    """Write it; the file appears only when it is whole.

    Raises:
        MicrofaceError: as `atomic.whole_file`.
    """
    arrays: dict[str, Any] = {name: getattr(performance, name) for name in FIELDS if name != "schema_version"}
    count = len(performance.names)
    arrays |= {"schema_version": VERSION, "link": performance.link.reshape(-1, count)}
    arrays |= {"names": text(performance.names), "sources": text(performance.sources)}
    arrays["regions"] = text(performance.regions or ("",) * count)
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, (kind, _) in FIELDS.items():
            npz.write(archive, name, np.asarray(arrays[name], None if kind == "U" else kind))


def read_performance(path: Path) -> Performance:
    """Read it.

    Raises:
        MicrofaceError: ``no_file`` or ``bad_controls``.
    """
    arrays = checked(path, FIELDS, "bad_controls", "a rig's performance")
    return Performance(
        names=tuple(arrays["names"].tolist()),
        time_s=arrays["time_s"],
        values=arrays["values"].astype(np.float64),
        keyed=arrays["keyed"] > 0,
        used=arrays["used"] > 0,
        explained=float(arrays["explained"]),
        method=str(arrays["method"]),
        regions=tuple(arrays["regions"].tolist()),
        sources=tuple(arrays["sources"].tolist()),
        link=arrays["link"].astype(np.float64),
    )
