# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of any make: text with comma, semicolon or tab, in UTF-8, UTF-16 or Windows' letters, with decimal point or comma;
or a workbook.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import MicrofaceError
from .workbook import is_workbook, read_workbook

MAX_BYTES = 2 * 2**30
HEADER_WITHIN = 40  #: rows; coding sheets begin with prose
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class Table:
    """Cells under their header."""

    path: Path
    columns: dict[str, int]  #: letters and digits of a header, lower case -> place; the first of two alike
    rows: list[tuple[int, list[str]]]  #: line of the file, from 1, and cells

    def cell(self, row: Sequence[str], *names: str) -> str:
        """The cell under the first of `names` (as in `columns`) there is; empty when there is none."""
        place = next((self.columns[name] for name in names if name in self.columns), len(row))
        return row[place].strip() if place < len(row) else ""


def read_cells(path: Path) -> list[tuple[int, list[str]]]:
    """Every line that is not empty, with its number.

    Raises:
        MicrofaceError: ``no_file``, ``empty_file`` or ``bad_table``.
    """
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path.")
    if is_workbook(path):
        return _filled(path, read_workbook(path))
    text = _decoded(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        return _filled(path, [])
    delimiter = max("\t;,", key=text[: 20 * len(first)].count)
    try:
        reader = csv.reader(text.splitlines(), delimiter=delimiter)
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise MicrofaceError("bad_table", f"{path} is not a table: {error}.", "Export it again as CSV.") from error


def read_table(path: Path, *required: Sequence[str]) -> Table:
    """A table whose header is the first row that has every required column.

    Args:
        path: the file.
        required: for each column the names it may have, as in `Table.columns`.

    Raises:
        MicrofaceError: ``missing_column``, or as `read_cells`.
    """
    rows = read_cells(path)
    fewest: list[str] = []
    for number, (_, row) in enumerate(rows[:HEADER_WITHIN]):
        columns = {plain(cell): place for place, cell in reversed(list(enumerate(row)))}
        missing = [names[0] for names in required if not any(name in columns for name in names)]
        if not missing:
            return Table(path, columns, rows[number + 1 :])
        fewest = missing if not fewest or len(missing) < len(fewest) else fewest
    text = f"{path} has no column {', '.join(fewest[:4])}{' ...' if len(fewest) > 4 else ''}."
    raise MicrofaceError("missing_column", text, "Check that it is the file you meant.")


def plain(name: str) -> str:
    """The letters and digits of a header, lower case: how columns are compared."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def number(text: str) -> float:
    """A number with a decimal point or comma. Raises ValueError; Python's underscores are no numbers."""
    if "_" in text:
        raise ValueError(text)
    return float(text.strip().replace(",", "."))


def _filled(path: Path, rows: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    if not rows:
        raise MicrofaceError("empty_file", f"{path} is empty.", "Export it again.")
    return rows


def _decoded(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise MicrofaceError("bad_table", f"{path} is larger than 2 GB.", "Split it.")
    raw = path.read_bytes()
    encoding = next((name for mark, name in _BOMS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    if "\0" in text:
        raise MicrofaceError("bad_table", f"{path} is not a text file.", "Export it as CSV or tab-delimited text.")
    return text
