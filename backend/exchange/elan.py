# SPDX-License-Identifier: GPL-3.0-or-later
"""ELAN's tab-delimited text: one interval a line, tier, begin, end, duration and value.

An expression is an interval on the tier of its kind (`micro`, `macro`, ...) whose value holds its action units; its apex
is where an interval begins on the tier of the same name with ` apex` added. Times are read as `00:00:01.234`, as seconds
`1.234` or as milliseconds `1234`, and written in seconds to the millisecond, ELAN's own grain.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

from ..atomic import whole_file
from ..errors import MicrofaceError
from .annotation import Annotation, kind_of, parse_action_units
from .table import number, read_cells

APEX = " apex"
SHORTEST_S = 0.001  #: ELAN has no moments
_CLOCK = re.compile(r"(\d+):(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_HEADER = re.compile(r"\s*begin[ _]?time", re.IGNORECASE)
_SAME_S = 6e-4  #: one time in two of its forms

Interval = tuple[str, float, float, str]  # tier, begin s, end s, value


def read_elan(path: Path) -> list[Annotation]:
    """Read the tiers `micro`, `macro`, `blink`, `gaze`, `speech`; any other tier counts by its duration.

    Raises:
        MicrofaceError: ``bad_number``, ``bad_order``, ``no_rows``, ``empty_file`` ...
    """
    intervals = _intervals(path)
    found = [_annotation(one, intervals) for one in intervals if not one[0].lower().endswith(APEX)]
    if not found:
        raise MicrofaceError("no_rows", f"{path} has no annotations.", "Export the tiers with begin and end times.")
    return sorted(found, key=lambda one: one.onset_s)


def write_elan(path: Path, annotations: Sequence[Annotation]) -> None:
    """Write the expressions and their apexes, for ELAN's import of CSV and tab-delimited text."""
    lines = ["Tier\tBegin Time\tEnd Time\tDuration\tValue"]
    for one in annotations:
        lines.append(_line(one.kind, one.onset_s, one.offset_s, _value(one)))
        if math.isfinite(one.apex_s):
            lines.append(_line(one.kind + APEX, one.apex_s, max(one.offset_s, one.apex_s + SHORTEST_S), "apex"))
    with whole_file(path) as part:
        part.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _value(one: Annotation) -> str:
    return " ".join(part for part in ("+".join(one.action_units), one.label) if part)


def _line(tier: str, begin: float, end: float, value: str) -> str:
    return f"{tier}\t{begin:.3f}\t{end:.3f}\t{end - begin:.3f}\t{value}"


def _annotation(one: Interval, intervals: Sequence[Interval]) -> Annotation:
    tier, begin, end, value = one
    apexes = (other[1] for other in intervals if other[0].lower() == tier.lower() + APEX and begin <= other[1] <= end)
    units, _, label = value.partition(" ")
    codes = parse_action_units(units)
    return Annotation(
        begin, min(apexes, default=math.nan), end, kind_of(begin, end, tier), codes, label if codes else value
    )


def _intervals(path: Path) -> list[Interval]:
    rows = read_cells(path)
    header = next((k for k, (_, row) in enumerate(rows) if any(map(_HEADER.match, row))), None)
    if header is None:  # as ELAN writes without a heading: tier, participant, begin, end, duration, value
        return [_interval(path, line, row, _times_at(row)) for line, row in rows if row[0][:1] not in ('"#', "#")]
    names = [cell.strip().lower().replace("_", " ") for cell in rows[header][1]]
    begin, end = _place(path, names, "begin time"), _place(path, names, "end time")
    return [_interval(path, line, row, (begin, end)) for line, row in rows[header + 1 :]]


def _place(path: Path, names: list[str], wanted: str) -> int:
    found = next(
        (k for k, name in enumerate(names) if name.startswith(wanted) or name == wanted.replace(" ", "")), None
    )
    if found is None:
        raise MicrofaceError("missing_column", f"{path} has no column {wanted}.", "Export begin and end times.")
    return found


def _times_at(row: Sequence[str]) -> tuple[int, int]:
    """Places of begin and end in a line without a heading, where each may stand in several forms side by side."""
    times = {place: time_s for place, cell in enumerate(row) if place and (time_s := _seconds(cell)) is not None}
    begin = min(times, default=len(row))
    return begin, next((k for k, time_s in times.items() if abs(time_s - times[begin]) > _SAME_S), len(row))


def _interval(path: Path, line: int, row: list[str], times: tuple[int, int]) -> Interval:
    begin, end = (_seconds(row[k]) if k < len(row) else None for k in times)
    if begin is None or end is None:
        raise MicrofaceError("bad_number", f"{path}, line {line}: no begin and end time.", "Correct or remove it.")
    if end < begin:
        raise MicrofaceError("bad_order", f"{path}, line {line}: it ends before it begins.", "Correct or remove it.")
    return row[0].strip(), begin, end, row[-1].strip()


def _seconds(text: str) -> float | None:
    """A time in any of ELAN's three forms; None when it is none."""
    clock = _CLOCK.fullmatch(text.strip())
    if clock:
        return (int(clock[1]) * 60 + int(clock[2])) * 60 + number(clock[3])
    if not re.fullmatch(r"\d+([.,]\d+)?", text.strip()):
        return None
    return number(text) if re.search("[.,]", text) else int(text) / 1000
