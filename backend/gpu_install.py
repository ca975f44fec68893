# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing ONNX Runtime for NVIDIA cards into a folder: with this Python's pip, exactly the locked files, without numpy."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import IO, NamedTuple

from ..models.gpu import NAME, VARIABLE
from .errors import Cancelled, MicrofaceError
from .messages import Progress

LOCK = Path(__file__).resolve().parents[1] / "requirements" / "gpu.txt"
ROOM = 6e9  #: bytes: 1.6 GB are downloaded and unpacked to about twice as much
BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
POLL_S = 0.2


class Terms(NamedTuple):
    """What a user should know before the download."""

    version: str
    size: str
    licence: str
    driver: str
    gain: str


TERMS = Terms(
    version="ONNX Runtime 1.31.1 with CUDA 13 and cuDNN 9",
    size="1.6 GB to download, about 4 GB on the disk",
    licence="ONNX Runtime: MIT. CUDA and cuDNN: NVIDIA's own licences, which you accept by installing",
    driver="An NVIDIA card with a driver for CUDA 13 (580 or newer)",
    gain="Small: the networks take 1 to 5 ms a picture on a processor; motion and solve, most of the time, gain nothing",
)


def install(folder: Path, progress: Progress, stop: threading.Event) -> str:
    """Install into a folder; it appears only when it is whole and ONNX Runtime starts from it.

    Args:
        folder: replaced when it holds a runtime already.
        progress: called with the stage and shares 0..1.
        stop: set when the user asks to stop.

    Returns:
        what was installed, in words.

    Raises:
        MicrofaceError: no_cuda, in_use, disk_full, no_pip, not_installed or no_start.
        Cancelled: nothing is left.
    """
    folder = folder.absolute()  # a new process, which may work elsewhere, starts the runtime from there
    _refuse(folder)
    work = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(work, ignore_errors=True)  # of a run that was killed
    (work / "scratch").mkdir(parents=True)
    try:
        _pip(work / "gpu", work / "scratch", progress, stop)
        progress("checking", 0.97)
        told = _starts(work / "gpu")
        shutil.rmtree(folder, ignore_errors=True)
        (work / "gpu").rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return told


def _refuse(folder: Path) -> None:
    """Say before the download what would make it vain."""
    if sys.platform == "darwin":
        raise MicrofaceError("no_cuda", "There is no CUDA on macOS.", "CoreML is built in: choose it as device.")
    if folder.exists() and not (folder / NAME).is_dir() and (folder.is_file() or any(folder.iterdir())):
        text = f"{folder} holds something else than a GPU runtime, which would be lost."
        raise MicrofaceError("in_use", text, "Name a new folder.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    if free < ROOM:
        text = f"{folder.parent} has {free / 1e9:.1f} GB free; {ROOM / 1e9:.0f} GB are needed."
        raise MicrofaceError("disk_full", text, "Free some space, or choose a folder on another disk.")


def _pip(part: Path, scratch: Path, progress: Progress, stop: threading.Event) -> None:
    """Run pip; its sources are those of the user's own configuration. The system's scratch folder may be too small for it."""
    command = [sys.executable, "-I", *_own_pip(), "install", f"--target={part}", f"--requirement={LOCK}"]
    command += [
        "--no-deps",
        "--require-hashes",
        "--only-binary=:all:",
        "--no-cache-dir",
        "--no-input",
        "--progress-bar=off",
    ]
    steps = LOCK.read_text(encoding="utf-8").count("==")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        environment = {**os.environ, "TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True, env=environment)
        try:
            while process.poll() is None:
                if stop.wait(POLL_S):
                    raise Cancelled
                done = _said(log).count("Downloading ")
                progress("downloading", 0.9 * min(max(done - 1, 0) / steps, 1))
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            lines = [line for line in _said(log).splitlines() if line.startswith("ERROR")] or ["no reason was given"]
            text = f"pip could not install the GPU runtime: {lines[-1].removeprefix('ERROR: ')}"
            raise MicrofaceError("not_installed", text, "Check the network and pip's settings, and try again.")


def _said(log: IO[str]) -> str:
    log.seek(0)
    return log.read()


def _own_pip() -> list[str]:
    """How this Python runs pip: its module, else the copy that every Python carries, which needs no installing."""
    if importlib.util.find_spec("pip"):
        return ["-m", "pip"]
    spec = importlib.util.find_spec("ensurepip")
    bundled = sorted(Path(str(spec.origin)).parent.glob("_bundled/pip-*.whl")) if spec else []
    if not bundled:
        text = f"The Python of this Blender ({sys.executable}) has no pip."
        raise MicrofaceError("no_pip", text, "Install onnxruntime-gpu into a folder by another Python, and choose it.")
    return [f"{bundled[-1]}/pip"]


def _starts(folder: Path) -> str:
    """Let a new process load the runtime from there, and say its version and devices."""
    code = "from microface.models import runtime as r; print(r.GPU_REASON or 'OK', r.ort.__version__, *r.available_devices())"
    paths = os.pathsep.join(sys.path)
    start = f"import runpy, sys; sys.path[:0] = {paths.split(os.pathsep)!r}; m = runpy.run_path({str(BOOTSTRAP)!r});"
    command = [sys.executable, "-I", "-c", f"{start} m['install_package'](); {code}"]
    environment = {**os.environ, VARIABLE: str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    last = (done.stdout or done.stderr).strip().splitlines()[-1:]
    if not last or not last[0].startswith("OK "):
        text = f"The runtime that was installed does not start: {last[0] if last else 'no reason was given'}."
        raise MicrofaceError(
            "no_start", text, "Update the card's driver and try again; the processor serves meanwhile."
        )
    version, *devices = last[0].split()[1:]
    return f"ONNX Runtime {version}: {', '.join(devices)}"
