# SPDX-License-Identifier: GPL-3.0-or-later
"""The verb `texture`: from a take and its footage to a picture file."""

from __future__ import annotations

import argparse
import threading
from pathlib import Path
from typing import Any

import cv2

from ..atomic import whole_file
from ..heads import head_name, load_head
from ..messages import Report, stoppable
from ..outputs import refuse_same
from ..take import read_take
from ..video import open_clip
from .iris import iris_colour
from .skin import skin_texture


def texture_of_take(options: argparse.Namespace, report: Report, stop: threading.Event) -> dict[str, Any]:
    """Draw and write it.

    Raises:
        MicrofaceError: as `skin_texture`, `read_take` and `open_clip`, or the picture cannot be written.
    """
    refuse_same(options.take, options.out)
    take = read_take(options.take)
    clip = open_clip(options.footage or Path(str(take.source["path"])))
    head = load_head(head_name(take, options.head))
    picture = skin_texture(take, head, clip, stoppable(report, stop))
    encoded = cv2.imencode(options.out.suffix, picture[..., ::-1])[1]
    with whole_file(options.out) as part:
        part.write_bytes(encoded.tobytes())
    size = f"{picture.shape[1]} x {picture.shape[0]} px"
    return {
        "text": f"wrote {options.out}, {size}, for the head's UVs",
        "out": str(options.out),
        "iris": iris_colour(take, head, clip),
    }
