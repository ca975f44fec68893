# SPDX-License-Identifier: GPL-3.0-or-later
"""What was solved for a character: kept with the Action as custom properties, so a copy or another file has it too."""

from __future__ import annotations

import json
from dataclasses import dataclass

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.performance import Performance
from ..result import MICROFACE_PG_result

Array = NDArray[np.float64]

VALUES, TIMES, HELD, LINK, SOURCES = PROPERTIES = (
    "microface_values",
    "microface_times",
    "microface_held",
    "microface_link",
    "microface_sources",
)


@dataclass(frozen=True)
class Raw:
    """What was solved, in the frames that are keyed."""

    time_s: Array  #: (N,)
    values: Array  #: (N, K) counted from rest
    held: NDArray[np.bool_]  #: (N,) a gap without a face follows
    sources: tuple[str, ...]  #: (S,) of a head
    link: Array  #: (S, K)


def store(action: bpy.types.Action, performance: Performance) -> None:
    """Keep a performance with its Action, in the frames that are keyed."""
    seen = performance.keyed
    action[VALUES] = performance.values[seen].ravel().tolist()
    action[TIMES] = performance.time_s[seen].tolist()
    action[HELD] = (np.append(seen[1:], True)[seen] == 0).astype(int).tolist()
    action[SOURCES], action[LINK] = json.dumps(performance.sources), performance.link.ravel().tolist()


def raw_of(result: MICROFACE_PG_result) -> Raw:
    """What the result was made of.

    Raises:
        MicrofaceError: ``no_result``.
    """
    action, count = result.action, len(result.controls)
    if action is None or VALUES not in action:
        raise MicrofaceError("no_result", "The solved motion is gone.", "Retarget again.")
    sources = tuple(json.loads(action[SOURCES]))
    held = flat(action, HELD) > 0
    return Raw(flat(action, TIMES), flat(action, VALUES).reshape(-1, count), held, sources,
               flat(action, LINK).reshape(len(sources), count))  # fmt: skip


def flat(action: bpy.types.Action, name: str) -> Array:
    """The numbers (n,) of a custom property; none where it is missing."""
    return np.array(action.get(name, []), np.float64)
