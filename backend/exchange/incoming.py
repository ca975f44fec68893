# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs `import` and `annotations`: other programs' motion as a take, people's coding beside one."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ...models.head.model import HeadModel
from ..heads import load_head
from ..outputs import refuse_same
from ..summary import describe
from ..take import read_take, write_take
from ..types import Take
from .agreement import Agreement, agreement
from .annotation import Annotation, as_event
from .coding_sheet import ONSET, frame_times, read_coding_sheet, take_times
from .elan import read_elan
from .flame_sequence import flame_take, read_flame_sequence
from .live_link import read_live_link
from .restated import in_units, onto_units
from .table import HEADER_WITHIN, plain, read_cells


def import_take(options: argparse.Namespace) -> dict[str, Any]:
    """Read a Live Link Face CSV or a FLAME sequence and write it as a take.

    Raises:
        MicrofaceError: as the readers, ``same_file`` ...
    """
    refuse_same(options.source, options.out)
    head = load_head(options.head)
    if options.source.is_dir() or options.source.suffix.lower() == ".npz":
        take, remark = _of_flame(options, head)
    else:
        take, remark = read_live_link(options.source, head, options.fps), ""
    write_take(options.out, take)
    facts = describe(take)
    text = f"wrote {options.out}: {facts['frames']}, {facts['measured']}" + (f"\n{remark}" if remark else "")
    return {"text": text, "take": str(options.out), "head": options.head, "events": []}


def _of_flame(options: argparse.Namespace, head: HeadModel) -> tuple[Take, str]:
    """A FLAME sequence as it is or in named units, and how much these cannot say of it."""
    take = flame_take(read_flame_sequence(options.source, options.fps), head, options.source)
    return onto_units(take, head) if options.units else (take, in_units(take.expression, head).text)


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Read annotations, say how far the take's events agree, and write a take with the annotations as its events.

    Raises:
        MicrofaceError: as the readers, ``same_file`` ...
    """
    if options.out:
        refuse_same(options.take, options.out)
    take = read_take(options.take)
    coded = read_annotations(options.annotations, take, options)
    kinds = {one.kind for one in coded}
    figures = agreement([event for event in take.events if event.kind in kinds], coded)
    text = agreement_text(figures)
    if options.out:
        write_take(options.out, replace(take, events=tuple(as_event(one) for one in coded)))
        text += f"\nwrote {options.out}"
    rates = {"precision": figures.precision, "recall": figures.recall, "f1": figures.f1}
    numbers = asdict(figures) | rates
    return {"text": text, "agreement": _plain(numbers), "annotations": [_plain(asdict(one)) for one in coded]}


def read_annotations(path: Path, take: Take, options: argparse.Namespace) -> list[Annotation]:
    """Read a coding sheet, whose frames are the take's unless a rate is given, or ELAN's text."""
    if not _is_sheet(path):
        return read_elan(path)
    if options.fps:
        return read_coding_sheet(path, frame_times(options.fps, options.first_frame), options.clip)
    return read_coding_sheet(path, take_times(take.time_s, options.first_frame + take.footage_frames), options.clip)


def agreement_text(figures: Agreement) -> str:
    """The figures in words."""
    counts = f"found {figures.found}, missed {figures.missed}, false {figures.false}"
    lines = [f"{counts}: precision {figures.precision:.2f}, recall {figures.recall:.2f}, F1 {figures.f1:.2f}"]
    if figures.found:
        errors = {"onset": figures.onset_error_s, "apex": figures.apex_error_s, "offset": figures.offset_error_s}
        words = ", ".join(f"{name} {1000 * error:.0f} ms" for name, error in errors.items())
        lines.append(f"overlap (IoU) {figures.overlap:.2f}; mean error: {words}")
    return "\n".join(lines)


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON has it: null for NaN."""
    return {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in values.items()}


def _is_sheet(path: Path) -> bool:
    rows = read_cells(path)[:HEADER_WITHIN]
    return any(plain(cell) in ONSET for _, row in rows for cell in row)
