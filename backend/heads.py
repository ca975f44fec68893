# SPDX-License-Identifier: GPL-3.0-or-later
"""From the user's choice of a head to the head."""

from pathlib import Path

from ..models.assets import asset_path
from ..models.head.model import HeadModel, read_head
from ..models.head.read.recognise import read_any_head


def load_head(name: str) -> HeadModel:
    """Read the built-in head (`generic`), or FLAME, GNM Head, ICT-FaceKit or a Microface head from a file or folder.

    Raises:
        MicrofaceError: as `read_any_head`.
    """
    return read_head(asset_path("generic_head.npz")) if name == "generic" else read_any_head(Path(name))
