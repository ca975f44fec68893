# SPDX-License-Identifier: GPL-3.0-or-later
"""Coding sheets of CASME II, SAMM and their kin, as the .xlsx they come in or saved as text.

A row is one expression: Subject, Filename, onset, apex and offset as frame numbers, action units, emotion; SAMM begins
with prose and has a column `Type` or `Micro`. Frame numbers name the pictures and count from 1 in most sets. An apex of
`/`, 0 or nothing is missing; so is an offset of 0, which CAS(ME)^2 writes for "at the apex".
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ..atomic import whole_file
from ..errors import MicrofaceError
from ..types import Floats, Ints
from .annotation import Annotation, kind_of, parse_action_units
from .table import Table, number, read_table

ONSET = ("onsetframe", "onset", "onsetf")
APEX = ("apexframe", "apex", "apexf", "apexf1")
OFFSET = ("offsetframe", "offset", "offsetf")
UNITS = ("actionunits", "actionunit", "aus", "au")
EMOTION = ("estimatedemotion", "emotion", "emotionclass")
KIND = ("type", "micro", "expressiontype")
SUBJECT, CLIP = ("subject", "sub", "subid"), ("filename", "foldname", "clip")

CASME_2 = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Action Units", "Estimated Emotion")
SAMM = ("Subject", "Filename", "Inducement Code", "Onset Frame", "Apex Frame", "Offset Frame", "Duration", "Type",
        "Action Units", "Estimated Emotion")  # fmt: skip


def frame_times(fps: float, first: int = 1) -> Callable[[float], float]:
    """The time of a frame number at a constant rate; `first` is the number at 0 s."""
    return lambda frame: (frame - first) / fps


def take_times(time_s: Floats, numbers: Ints) -> Callable[[float], float]:
    """The time of a frame number in footage some of whose frames (T,) have known times (T,); beyond them at their mean rate."""
    first, last = int(numbers[0]), int(numbers[-1])
    step = (time_s[-1] - time_s[0]) / max(last - first, 1)

    def time_of(frame: float) -> float:
        inside = float(np.interp(frame, numbers, time_s))
        return inside + float(step) * (min(frame - first, 0) + max(frame - last, 0))

    return time_of


def read_coding_sheet(path: Path, time_of: Callable[[float], float], clip: str = "") -> list[Annotation]:
    """Read the rows of a sheet.

    Args:
        path: .xlsx, CSV or tab-delimited.
        time_of: frame number -> seconds.
        clip: only rows of this `SUBJECT/FILENAME`, or of this file name.

    Raises:
        MicrofaceError: ``missing_column``, ``bad_number``, ``bad_order``, ``no_rows`` ...
    """
    table = read_table(path, ONSET, APEX, OFFSET)
    rows = [(line, row) for line, row in table.rows if clip in ("", _clip(table, row), table.cell(row, *CLIP))]
    if not rows:
        raise MicrofaceError("no_rows", f"{path} has no row{f' of {clip}' if clip else ''}.", "Check the clip's name.")
    return [_annotation(table, line, row, time_of) for line, row in rows]


def write_coding_sheet(
    path: Path, annotations: Sequence[Annotation], number_of: Callable[[float], int], *, samm: bool = False
) -> None:
    """Write annotations as CSV under the headings of CASME II or SAMM; `number_of` gives the frame number of a time."""
    heading = SAMM if samm else CASME_2
    with whole_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(heading)
        for one in annotations:
            onset, offset = number_of(one.onset_s), number_of(one.offset_s)
            apex = "/" if math.isnan(one.apex_s) else number_of(one.apex_s)
            subject, _, clip = one.clip.rpartition("/")
            units = "+".join(one.action_units) or "?"
            before, after = ([""], [offset - onset + 1, one.kind.capitalize()]) if samm else ([], [])
            writer.writerow([subject, clip, *before, onset, apex, offset, *after, units, one.label])


def _clip(table: Table, row: list[str]) -> str:
    return "/".join(part for part in (table.cell(row, *SUBJECT), table.cell(row, *CLIP)) if part)


def _annotation(table: Table, line: int, row: list[str], time_of: Callable[[float], float]) -> Annotation:
    onset = _frame(table, line, row, ONSET)
    apex, offset = (_frame(table, line, row, names, missing=True) for names in (APEX, OFFSET))
    if math.isnan(offset):
        offset = apex
    if math.isnan(offset) or offset < onset or apex < onset or apex > offset:
        text = f"{table.path}, line {line}: onset {onset:g}, apex {apex:g} and offset {offset:g} are out of order."
        raise MicrofaceError("bad_order", text, "Correct the line: the set's own list of mistakes may name it.")
    start, end = time_of(onset), time_of(offset)
    return Annotation(
        start, time_of(apex) if math.isfinite(apex) else math.nan, end,
        kind_of(start, end, table.cell(row, *KIND)), parse_action_units(table.cell(row, *UNITS)),
        table.cell(row, *EMOTION), _clip(table, row),
    )  # fmt: skip


def _frame(table: Table, line: int, row: list[str], names: tuple[str, ...], missing: bool = False) -> float:
    """A frame number; NaN for one that may be missing and is."""
    text = table.cell(row, *names)
    if missing and text in ("", "/", "0", "-", "nan", "NaN"):
        return math.nan
    try:
        value = number(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        message = f"{table.path}, line {line}: {text!r} is no frame number."
        raise MicrofaceError("bad_number", message, "Correct the line or remove it.")
    return value
