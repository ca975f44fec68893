# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `heads`: list, add, download, picture, remove."""

from __future__ import annotations

import argparse
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..models.head.read.editions import EDITIONS
from . import shelf
from .atomic import whole_file
from .download import fetch, forget
from .errors import MicrofaceError
from .messages import Progress, Report, part, stoppable
from .outputs import refuse_same

DOWNLOAD_SHARE = 0.6  # of the whole job
HEAD_SHARE = 0.4  # of drawing a head for the first time
QUALITY = 80  # of a JPEG


def act(options: argparse.Namespace, report: Report, stop: threading.Event) -> dict[str, Any]:
    """Do what was asked for.

    Args:
        options: the parsed command line.
        report: gets the progress messages.
        stop: set when the user asks to stop.

    Returns:
        The fields of the result message.
    """
    progress = stoppable(report, stop)
    if options.action == "list":
        return {"text": listing(), "heads": [asdict(one) for one in shelf.kept()]}
    if options.action == "remove":
        shelf.remove(options.name)
        return {"text": f"removed {options.name}"}
    if options.action == "picture":
        return picture(options.head, options.out, progress)
    if options.action == "add":
        return _added(shelf.add(options.file, options.name, progress))
    return _added(download(options.address, options.sha256, options.name, progress))


def download(address: str, sha256: str, name: str | None, progress: Progress) -> shelf.Kept:
    """Get a head from an address and add it; what came is removed when it was added or is no head."""
    path = fetch(address, sha256, part(progress, 0, DOWNLOAD_SHARE))
    try:
        one = shelf.add(path, name, part(progress, DOWNLOAD_SHARE, 1))
    except MicrofaceError as error:
        if error.code in NO_HEAD:
            forget(path)
        raise
    forget(path)
    return one


def picture(name: str, out: Path, progress: Progress) -> dict[str, Any]:
    """Draw the named units of the built-in head and of another one beside each other.

    Raises:
        MicrofaceError: as `load_head`, ``same_file``, or as `atomic.whole_file`.
    """
    import cv2

    from ..models.head.unit_sheet import unit_sheet  # numpy loads with the first head, not with the list
    from .heads import load_head

    refuse_same(Path(name), out)
    head = load_head(name, part(progress, 0, HEAD_SHARE))
    drawn = part(progress, HEAD_SHARE, 1)
    sheet = unit_sheet([load_head(shelf.BUILT_IN), head], lambda share: drawn("drawing", share))
    with whole_file(out) as unfinished:
        encoded = cv2.imencode(out.suffix, sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1]
        unfinished.write_bytes(encoded.tobytes())
    return {"text": f"wrote {out}: the units of {shelf.BUILT_IN} and {head.name}", "picture": str(out)}


#: Errors that another try with the same file would give again.
NO_HEAD = ("bad_head", "unsafe_head", "body_model", "unknown_layout", "no_landmarks")


def listing() -> str:
    """The heads that are here with their terms, and where others are published."""
    lines = [f"{shelf.BUILT_IN}: the head of Microface; CC0-1.0"]
    for one in shelf.kept():
        lines += [f"{one.name}: {one.title}; {one.licence}", f"    please cite: {one.citation}"]
    lines += ["", "published elsewhere, under their own terms:"]
    return "\n".join(lines + [f"    {edition.name:<32} {edition.home}" for edition in EDITIONS])


def _added(one: shelf.Kept) -> dict[str, Any]:
    text = f"{one.name}: {one.title}; {one.licence}"
    return {"text": text + (f"\nplease cite: {one.citation}" if one.citation else ""), "head": asdict(one)}
