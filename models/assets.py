# SPDX-License-Identifier: GPL-3.0-or-later
"""The built assets: networks and the generic head. They are made by a script, never committed; see ASSETS.md."""

from __future__ import annotations

from pathlib import Path

from .errors import MicrofaceError

FOLDER = Path(__file__).resolve().parent / "assets"


def asset_path(name: str) -> Path:
    """Return the path of a built asset, e.g. `face_mesh.onnx`.

    Raises:
        MicrofaceError: it has not been built.
    """
    path = FOLDER / name
    if not path.is_file():
        raise MicrofaceError(
            "no_asset",
            f"The file {path} is missing.",
            "In a checkout run `python3 dev.py demo`, which builds it; in Blender reinstall the extension.",
        )
    return path
