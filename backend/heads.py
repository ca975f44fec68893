# SPDX-License-Identifier: GPL-3.0-or-later
"""From the user's choice of a head to the head."""

from pathlib import Path

from ..models.assets import asset_path
from ..models.head.model import HeadModel, read_head


def load_head(name: str) -> HeadModel:
    """Read the built-in head (`generic`) or one from a file."""
    return read_head(asset_path("generic_head.npz") if name == "generic" else Path(name))
