# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own folders, the same for Blender and for the command line."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def cache_folder(name: str) -> Path:
    """A folder for what can be made again: in MICROFACE_CACHE, or where the system keeps such things."""
    chosen = os.environ.get("MICROFACE_CACHE")
    return (Path(chosen) if chosen else _folder("LOCALAPPDATA", "Caches", "XDG_CACHE_HOME", ".cache")) / name


def data_folder(name: str) -> Path:
    """A folder for what the user wants kept: in MICROFACE_DATA, or where the system keeps such things."""
    chosen = os.environ.get("MICROFACE_DATA")
    return (
        Path(chosen) if chosen else _folder("APPDATA", "Application Support", "XDG_DATA_HOME", ".local/share")
    ) / name


def _folder(windows: str, mac: str, variable: str, linux: str) -> Path:
    try:
        home = Path.home()
    except RuntimeError:  # an account without a home
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        local = "Local" if windows == "LOCALAPPDATA" else "Roaming"
        base = Path(os.environ.get(windows) or home / "AppData" / local)
    elif sys.platform == "darwin":
        base = home / "Library" / mac
    else:
        base = Path(os.environ.get(variable) or home / linux)
    return base / "microface"
