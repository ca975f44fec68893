# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip, and a clip for it."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def this_platform() -> str:
    """The platform's name in the zip's."""
    system = {"linux": "linux", "windows": "windows", "darwin": "macos"}[platform.system().lower()]
    return f"{system}-{'arm64' if platform.machine().lower() in ('arm64', 'aarch64') else 'x64'}"


@pytest.fixture(scope="session")
def extension_zip() -> Path:
    """MICROFACE_ZIP, or what `dev.py build` left in dist/ for this platform."""
    named = os.environ.get("MICROFACE_ZIP")
    built = [Path(named)] if named else sorted((ROOT / "dist").glob(f"microface-*-{this_platform()}.zip"))
    if not built:
        pytest.skip("no zip of the extension: set MICROFACE_ZIP or run python3 dev.py build")
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="session")
def clip(portrait_clip: Callable[[np.ndarray], Path]) -> Path:
    """Two seconds of a real face that drifts by a few pixels."""
    return portrait_clip(np.round(2 * np.sin(np.linspace(0, np.pi, 50))).astype(int))
