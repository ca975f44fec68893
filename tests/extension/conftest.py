# SPDX-License-Identifier: GPL-3.0-or-later
"""The built zip, a clip for it, and a Blender with a window."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
LIMIT_S = 800  # of a session in a window


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


@pytest.fixture(scope="module")
def in_window(extension_zip: Path) -> Iterator[Callable[[Path, str, Path], Path]]:
    """in_window(script, variable, file): run a script in a Blender with a window, which finds the file's path in the
    environment; gives the folder of what it left there. See test_ui.py."""
    launcher = os.environ.get("MICROFACE_BLENDER_WINDOW")
    if not launcher:
        pytest.skip("no Blender with a window: MICROFACE_BLENDER_WINDOW is not set")
    with tempfile.TemporaryDirectory(
        prefix="microface_", dir="/tmp"
    ) as folder:  # seen by both sides, also from a chroot

        def run(session: Path, variable: str, file: Path) -> Path:
            given = shutil.copy(file, folder)
            script, out = Path(folder, "session.py"), Path(folder, "out")
            script.write_text(f"import os\nos.environ[{variable!r}] = {given!r}\n{session.read_text()}")
            subprocess.run([launcher, str(out), str(script), str(extension_zip)], timeout=LIMIT_S, check=True)
            if shots := os.environ.get("MICROFACE_UI_SHOTS"):
                for picture in out.glob("*.png"):
                    shutil.copy(picture, shots)
                shutil.copy(out / "blender.log", Path(shots, f"{session.stem}.log"))
            return out

        yield run


@pytest.fixture(scope="session")
def complaints() -> Callable[..., list[str]]:
    """complaints(folder, *expected): the lines of a session's log that complain, but for those that hold an expected text
    and for one of Blender's own, about a machine without a list of disks."""

    def found(folder: Path, *expected: str) -> list[str]:
        lines = (folder / "blender.log").read_text(errors="replace").splitlines()
        known = ("list of mounted file-systems", *expected)
        words = ("traceback", "warning", "error")
        return [
            line
            for line in lines
            if any(word in line.lower() for word in words) and not any(text in line for text in known)
        ]

    return found
