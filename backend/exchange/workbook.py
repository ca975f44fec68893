# SPDX-License-Identifier: GPL-3.0-or-later
"""The cells of an .xlsx, in which coding sheets are handed out: its first sheet that is not empty (ECMA-376)."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from ..errors import MicrofaceError

MAX_BYTES = 2**28
_SPACE = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_SHEET = re.compile(r"xl/worksheets/sheet(\d+)\.xml")


def is_workbook(path: Path) -> bool:
    """Whether a file is a zip, which no text is."""
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


def read_workbook(path: Path) -> list[tuple[int, list[str]]]:
    """Rows with their numbers, without empty ones; [] for a workbook without any.

    Raises:
        MicrofaceError: ``bad_table``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            texts = list(_shared(archive)) if "xl/sharedStrings.xml" in names else []
            sheets = sorted((int(match[1]), name) for name in names if (match := _SHEET.fullmatch(name)))
            filled = (list(_rows(_tree(archive, name), texts)) for _, name in sheets)
            return next((rows for rows in filled if rows), [])
    except (zipfile.BadZipFile, zlib.error, EOFError, ElementTree.ParseError, ValueError, LookupError) as error:
        text = f"{path} is not a workbook that can be read."
        raise MicrofaceError("bad_table", text, "Save it as .xlsx or CSV again.") from error


def _tree(archive: zipfile.ZipFile, name: str) -> ElementTree.Element:
    if archive.getinfo(name).file_size > MAX_BYTES:
        raise ValueError(name)
    data = archive.read(name)
    if b"<!DOCTYPE" in data:  # no workbook has one; entities can be made to fill the memory
        raise ValueError(name)
    return ElementTree.fromstring(data)


def _shared(archive: zipfile.ZipFile) -> Iterator[str]:
    """The texts that cells refer to by number."""
    for item in _tree(archive, "xl/sharedStrings.xml").iter(f"{_SPACE}si"):
        yield "".join(part.text or "" for part in item.iter(f"{_SPACE}t"))


def _rows(sheet: ElementTree.Element, texts: list[str]) -> Iterator[tuple[int, list[str]]]:
    for count, row in enumerate(sheet.iter(f"{_SPACE}row"), 1):
        cells: list[str] = []
        for cell in row.iter(f"{_SPACE}c"):
            named = _column(cell.get("r", ""))
            place = len(cells) if named is None else named
            cells += [""] * (place + 1 - len(cells))
            cells[place] = _text(cell, texts)
        if any(cell.strip() for cell in cells):
            yield int(row.get("r", count)), cells


def _column(reference: str) -> int | None:
    """Place from 0 of a cell's name: 0 for A7, 27 for AB7."""
    letters = re.match("[A-Z]{1,3}", reference)
    if not letters:
        return None
    place = 0
    for letter in letters[0]:
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1


def _text(cell: ElementTree.Element, texts: list[str]) -> str:
    value = cell.findtext(f"{_SPACE}v", "")
    if cell.get("t") == "s":
        return texts[int(value)]
    if cell.get("t") == "inlineStr":
        return "".join(part.text or "" for part in cell.iter(f"{_SPACE}t"))
    return value.removesuffix(".0")
