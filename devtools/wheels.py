# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheels that are data to us, not installed: what the extension bundles and what the models are built from.

requirements/wheels.json says which file and its sha256; a file that is here is never asked for again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from .environments import FOLDER, ROOT, Failure, pip

LOCK = ROOT / "requirements" / "wheels.json"
STORE = FOLDER / "wheels"


def locked(group: str) -> dict[str, str]:
    """File name -> sha256 of a group: a platform ("linux-x64"), a platform and an extra ABI, or "assets"."""
    groups: dict[str, dict[str, str]] = json.loads(LOCK.read_text(encoding="utf-8"))
    if group not in groups:
        raise Failure(f"no wheels are locked for {group!r}: choose one of {', '.join(sorted(groups))}.")
    return groups[group]


def fetch(group: str, python: Path) -> list[Path]:
    """The verified files of a group, downloaded by pip for their own platform where they are not here yet."""
    return [_fetch_one(name, sha256, python) for name, sha256 in sorted(locked(group).items())]


def _fetch_one(file_name: str, sha256: str, python: Path) -> Path:
    path = STORE / file_name
    if path.exists() and digest(path) == sha256:
        return path
    name, version, interpreter, abi, platforms = file_name[: -len(".whl")].split("-")
    print(f"downloading {file_name} ...", flush=True)
    options = [f"--platform={tag}" for tag in platforms.split(".")]
    options += [f"--abi={abi}", "--no-deps", f"--dest={STORE}"]
    if interpreter.startswith("cp"):
        options += ["--implementation=cp", f"--python-version={interpreter[2:]}"]
    path.unlink(missing_ok=True)
    pip(python, ["download", *options, f"{name}=={version}"], FOLDER / "wheels.log")
    if not path.exists() or digest(path) != sha256:
        path.unlink(missing_ok=True)
        raise Failure(f"the downloaded {file_name} is not the locked file: check the package index and run this again.")
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
