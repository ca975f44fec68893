# SPDX-License-Identifier: GPL-3.0-or-later
"""The heads a user has added: kept ready for use under a name, listed with their terms, removed again.

Each is a head file with landmarks and named units, NAME.npz, and beside it NAME.json, which says what it is to those who
only list; without the former the latter counts for nothing. Adding copies: the file it was read from may go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from .atomic import whole_file
from .errors import MicrofaceError
from .folders import data_folder
from .messages import Progress

BUILT_IN = "generic"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}")


@dataclass(frozen=True)
class Kept:
    """One line of the list."""

    name: str  #: what `--head` and the choosers call it
    title: str  #: the edition
    licence: str
    citation: str
    sha256: str  #: of its coefficient space


def folder() -> Path:
    """Where added heads lie."""
    return data_folder("heads")


def kept() -> list[Kept]:
    """The heads that were added, by name. Files that somebody damaged are not listed."""
    return list(_readable())


def _readable() -> Iterator[Kept]:
    for sheet in sorted(folder().glob("*.json"), key=lambda path: path.stem):
        with suppress(OSError, ValueError, TypeError):
            head = Kept(**json.loads(sheet.read_text(encoding="utf-8")))
            if sheet.stem == head.name and head_file(head.name).is_file():
                yield head


def head_file(name: str) -> Path:
    """The file of an added head."""
    return folder() / f"{name}.npz"


def is_kept(name: str) -> bool:
    """Whether a head of this name was added; a path is never one."""
    return bool(_NAME.fullmatch(name)) and head_file(name).is_file()


def add(source: Path, name: str | None, progress: Progress) -> Kept:
    """Read a head, find its landmarks, and keep it.

    Args:
        source: its file or folder.
        name: what to call it; None for its edition.
        progress: called with shares 0..1.

    Raises:
        MicrofaceError: as `load_head`; ``bad_name`` or ``name_taken``; the disk's errors.
    """
    from ..models.head.model import write_head  # numpy loads with the first head: Blender lists them without
    from .heads import load_head

    if name is not None:
        _check_name(name)
    head = load_head(str(source), progress)
    known = next((one for one in kept() if one.sha256 == head.sha256), None)
    if known and name in (None, known.name):
        return known
    chosen = name or _free_name(head.name)
    if is_kept(chosen):
        text = f"Another head is called '{chosen}'."
        raise MicrofaceError("name_taken", text, f"Choose another name, or remove it: heads remove {chosen}.")
    one = Kept(chosen, head.name, head.licence, head.citation, head.sha256)
    with whole_file(folder() / f"{chosen}.json") as part:
        part.write_text(json.dumps(asdict(one), indent=1), encoding="utf-8")
    with whole_file(head_file(chosen)) as part:
        write_head(part, head)
    return one


def remove(name: str) -> None:
    """Forget an added head.

    Raises:
        MicrofaceError: ``no_head``.
    """
    if not is_kept(name):
        named = ", ".join(one.name for one in kept()) or "none"
        raise MicrofaceError("no_head", f"No head called '{name}' was added.", f"Added heads: {named}.")
    head_file(name).unlink()
    (folder() / f"{name}.json").unlink(missing_ok=True)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name == BUILT_IN:
        remedy = "Use small letters, digits and dashes, as in 'flame-female'; 'generic' is the built-in head."
        raise MicrofaceError("bad_name", f"'{name}' cannot be the name of a head.", remedy)


def _free_name(title: str) -> str:
    """FLAME 2023 Open -> flame-2023-open, then flame-2023-open-2, ..."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50] or "head"
    stem = f"{stem}-copy" if stem == BUILT_IN else stem
    names = (stem if count == 1 else f"{stem}-{count}" for count in range(1, 10_000))
    return next(name for name in names if not is_kept(name))
