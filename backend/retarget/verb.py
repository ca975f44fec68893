# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `retarget`, the part of it that needs no Blender: a take and a probed rig in, values of its controls out."""

from __future__ import annotations

import argparse
import threading
from functools import partial
from typing import Any

import numpy as np

from ..heads import head_name, load_head, portrait_tracker, watched
from ..messages import Report, part, stoppable
from ..outputs import check_writable
from ..take import read_take
from .mapping import read_mapping, write_mapping
from .names import convention
from .performance import Performance, write_performance
from .rig import read_rig
from .transfer import retarget

PICTURES = 7  # that are tracked to find a face that looks at us
FINDING = 0.8  # of the whole job


def retarget_take(options: argparse.Namespace, report: Report, stop: threading.Event) -> dict[str, Any]:
    """Solve and write what is asked for.

    Args:
        options: the parsed command line.
        report: gets the progress messages.
        stop: set when the user asks to stop.

    Returns:
        The fields of the result message.
    """
    for path in filter(None, (options.out, options.save_map)):
        check_writable(path)
    progress = stoppable(report, stop)
    progress("reading", 0.0)
    take, rig = read_take(options.take), read_rig(options.basis)
    mapping = read_mapping(options.map) if options.map else None
    finding = partial(part(progress, 0.05, FINDING), "finding the rig's face")
    landmarks = watched(portrait_tracker(), PICTURES, finding)
    head = load_head(head_name(take, options.head))
    found, table = retarget(take, head, rig, landmarks, options.controls, mapping, options.turn_head)
    progress("writing", 1.0)
    write_performance(options.out, found)
    if options.save_map:
        write_mapping(options.save_map, table)
    written = [str(path) for path in (options.out, options.save_map) if path]
    return {"text": said(found), "files": written, "explained": found.explained, "method": found.method}


def said(found: Performance) -> str:
    """What came of it, in words."""
    moving = int((np.abs(found.values[found.keyed]).max(0, initial=0) > 0).sum())
    named = convention(found.names)
    begin = f"{moving} of {len(found.names)} controls move" + (f", named as {named}'s" if named else "")
    if found.method == "names":
        return f"{begin}, by their names alone: the tracker recognises no face on the rig"
    return f"{begin}; the rig can show {found.explained:.0%} of the motion"
