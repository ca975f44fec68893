# SPDX-License-Identifier: GPL-3.0-or-later
"""One Python environment per Blender line, with locked packages, in .envs/."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".envs"
SIZE = 2.5e9  # bytes an environment takes while it is made
DISK_FULL = f"the disk is full: make room (2.5 GB for each Blender line) under {ROOT} and run this again."

#: Debian's names of the libraries that Blender's module links to and a bare system lacks.
DEBIAN_LIBRARIES = ["libgl1", "libsm6", "libx11-6", "libxext6", "libxfixes3", "libxi6", "libxkbcommon0", "libxrender1"]

# An interpreter that can make an environment: 64-bit CPython of version sys.argv[1] with venv and pip's installer.
PROBE = (
    "import sys, ensurepip, venv; "
    "right = '%d.%d' % sys.version_info[:2] == sys.argv[1] and sys.implementation.name == 'cpython'; "
    "sys.exit(not right or sys.maxsize < 2**32)"
)


class Failure(Exception):
    """Something the user can mend; the text is one line that says how."""


@dataclass(frozen=True)
class Line:
    """A Blender release line and the Python it needs."""

    name: str
    bpy: str
    python: str

    @property
    def lock(self) -> Path:
        return ROOT / "requirements" / f"{self.name}.txt"

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def executable(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


LINES = (
    Line("blender-4.5", "4.5.15", "3.11"),
    Line("blender-5.0", "5.0.1", "3.11"),
    Line("blender-5.2", "5.2.3", "3.13"),
)


def candidates(version: str) -> list[list[str]]:
    """Commands that may start Python `version`, the likeliest first; none is tried yet."""
    found: list[str | Path | None] = [shutil.which(name) for name in (f"python{version}", "python3", "python")]
    if os.name == "nt" and shutil.which("py"):
        found.append("py")
    roots = [Path.home() / ".pyenv", Path.home() / ".pyenv" / "pyenv-win"]
    if "PYENV_ROOT" in os.environ:
        roots.insert(0, Path(os.environ["PYENV_ROOT"]))
    pyenv = shutil.which("pyenv")
    if pyenv:
        roots.append(Path(pyenv).resolve().parents[1])
    for root in roots:
        for name in ("bin/python", "python.exe"):
            found += sorted(root.glob(f"versions/{version}.*/{name}"), reverse=True)
    commands = [[sys.executable], *([str(path)] for path in found if path)]
    return [[*command, f"-{version}"] if command == ["py"] else command for command in commands]


def interpreter(version: str) -> list[str] | None:
    """The first command that really starts a usable Python `version`."""
    for command in candidates(version):
        try:
            done = subprocess.run([*command, "-I", "-c", PROBE, version], capture_output=True, timeout=60, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return command
    return None


def usable(lines: tuple[Line, ...] = LINES) -> tuple[list[Line], str]:
    """The lines this machine can run, and a sentence about the others ('' when there are none)."""
    found = [line for line in lines if is_current(line) or interpreter(line.python)]
    missing = [f"{line.name} (needs Python {line.python})" for line in lines if line not in found]
    return found, f"skipped: {', '.join(missing)}" if missing else ""


def stamp(line: Line) -> str:
    return hashlib.sha256(line.lock.read_bytes()).hexdigest()


def is_current(line: Line) -> bool:
    """Whether the environment is complete, made from today's lock, and its interpreter still exists."""
    path = line.folder / "stamp"
    return line.executable.exists() and path.exists() and path.read_text() == stamp(line)


def ensure(line: Line) -> Path:
    """Make the environment of a line unless it is current.

    The stamp is written last, so an installation that was killed or failed is made again from nothing.
    """
    if is_current(line):
        return line.executable
    command = interpreter(line.python)
    if command is None:
        raise Failure(f"{line.name} needs 64-bit Python {line.python} with venv: install it and run this again.")
    if shutil.disk_usage(ROOT).free < SIZE:
        raise Failure(DISK_FULL)
    print(
        f"making {line.folder.relative_to(ROOT)} (bpy {line.bpy}, Python {line.python}): a minute ...",
        flush=True,
    )
    shutil.rmtree(line.folder, ignore_errors=True)
    log = FOLDER / f"{line.name}.log"
    run_logged([*command, "-I", "-m", "venv", str(line.folder)], log)
    pip(line.executable, ["install", "--no-deps", "--require-hashes", "-r", str(line.lock)], log)
    check_bpy(line)
    (line.folder / "stamp").write_text(stamp(line))
    return line.executable


def ensure_any() -> Path:
    """An environment to run in: one that stands already, else of the newest line this machine can run."""
    standing = [line for line in reversed(LINES) if is_current(line)]
    for line in standing or reversed(LINES):
        if is_current(line) or interpreter(line.python):
            return ensure(line)
    raise Failure("no usable Python found: install 64-bit Python 3.13 (or 3.11) with venv and run this again.")


def pip(python: Path, arguments: list[str], log: Path) -> None:
    """Run pip; it sees the user's configuration and cache."""
    options = ["--disable-pip-version-check", "--no-input", "--retries=2", "--only-binary=:all:"]
    run_logged([str(python), "-m", "pip", arguments[0], *options, *arguments[1:]], log)


def run_logged(command: list[str], log: Path) -> None:
    """Run a command whose output goes to a file; turn its failure into one line that says what to do."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream:
        done = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, check=False)
    if done.returncode == 0:
        return
    text = log.read_text(encoding="utf-8", errors="replace")
    if "No space left on device" in text or "[Errno 28]" in text:
        raise Failure(DISK_FULL)
    if "Retrying (" in text or "Temporary failure in name resolution" in text:
        raise Failure("no network: the first run downloads packages; connect and run this again.")
    last = next((row.strip() for row in reversed(text.splitlines()) if row.strip()), "no output")
    raise Failure(f"`{' '.join(command[1:5])} ...` failed ({last}): read {log}, mend it and run this again.")


def check_bpy(line: Line) -> None:
    """Import Blender once; where system libraries are missing install them (root on Debian) or say which."""
    for attempt in range(2):
        done = subprocess.run(
            [str(line.executable), "-I", "-c", "import bpy"], capture_output=True, text=True, timeout=300, check=False
        )
        if done.returncode == 0:
            return
        if "cannot open shared object file" not in done.stderr or attempt or not install_libraries():
            break
    reason = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
    remedy = f"on Debian or Ubuntu `sudo apt-get install {' '.join(DEBIAN_LIBRARIES)}`, elsewhere the same libraries"
    raise Failure(f"{line.name} does not start ({reason[0]}): install what it needs ({remedy}) and run this again.")


def install_libraries() -> bool:
    """Install the system libraries Blender links to, where that is ours to do: root, with apt-get."""
    if not shutil.which("apt-get") or os.geteuid() != 0:
        return False
    print(f"installing system libraries: {' '.join(DEBIAN_LIBRARIES)}", flush=True)
    log = FOLDER / "apt-get.log"
    run_logged(["apt-get", "update", "-qq"], log)
    run_logged(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *DEBIAN_LIBRARIES], log)
    return True
