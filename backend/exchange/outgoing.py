# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `export`: one take to any number of files."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...models.head.model import HeadModel
from ..errors import MicrofaceError
from ..heads import head_name, load_head
from ..mesh import refuse_other_head
from ..outputs import refuse_same
from ..take import read_take
from ..types import Take
from .annotation import from_event
from .coding_sheet import write_coding_sheet
from .curves import write_curves
from .elan import write_elan
from .flame_sequence import write_flame_sequence
from .live_link import write_live_link
from .restated import in_units, speaks_own

FIRST_NUMBER = 1  #: of the footage's first frame in coding sheets


def export_take(options: argparse.Namespace) -> dict[str, Any]:
    """Write every file asked for, each whole or not at all.

    Raises:
        MicrofaceError: ``nothing_to_export``, ``same_file``, or as the writers.
    """

    def head(take: Take) -> HeadModel:
        return load_head(head_name(take, options.head))

    writers: dict[str, Callable[[Path, Take], str | None]] = {
        "csv": lambda path, take: write_curves(path, take, head(take)),
        "arkit": lambda path, take: _write_weights(path, take, head),
        "flame": lambda path, take: write_flame_sequence(path, take, head(take)),
        "elan": lambda path, take: write_elan(path, [from_event(event) for event in take.events]),
        "casme2": lambda path, take: _write_sheet(path, take, samm=False),
        "samm": lambda path, take: _write_sheet(path, take, samm=True),
    }
    wanted = {name: getattr(options, name) for name in writers if getattr(options, name)}
    if not wanted:
        raise MicrofaceError("nothing_to_export", "Nothing was asked for.", "Name a file, for instance --csv F.")
    refuse_same(options.take, *wanted.values())
    take = read_take(options.take)
    lines = []
    for name, path in wanted.items():
        remark = writers[name](path, take)
        lines.append(f"wrote {path}" + (f": {remark}" if remark else ""))
    return {"text": "\n".join(lines), "files": [str(path) for path in wanted.values()]}


def _write_weights(path: Path, take: Take, head_of_take: Callable[[Take], HeadModel]) -> str:
    """ARKit has named units only: what a head's own coefficients move is said in these."""
    remark = ""
    if speaks_own(take):
        head = head_of_take(take)
        refuse_other_head(take, head)
        found = in_units(take.expression, head)
        take, remark = replace(take, expression=found.expression.astype(np.float32)), found.text
    write_live_link(path, take)
    return remark


def _write_sheet(path: Path, take: Take, *, samm: bool) -> None:
    numbers = FIRST_NUMBER + take.footage_frames
    clip = "/" + Path(str(take.source.get("path", ""))).stem
    write_coding_sheet(
        path,
        [replace(from_event(event), clip=clip) for event in take.events],
        lambda time_s: int(numbers[np.argmin(np.abs(take.time_s - time_s))]),
        samm=samm,
    )
