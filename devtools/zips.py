# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension's zips: one per platform, built and validated by Blender's own tool, which bpy's wheel carries."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from .environments import ROOT, Failure
from .wheels import fetch

DIST = ROOT / "dist"
PLATFORMS = ("linux-x64", "windows-x64", "macos-arm64")
LIMIT = 300e6  # bytes: what extension platforms take

SOURCES = ("__init__.py", "blender_manifest.toml", "LICENSE", "backend", "models", "operators", "panels")
#: What the extension reads at run time of what lies outside these folders.
LOCKS = ("requirements/gpu.txt",)
SHEET = ROOT / "docs" / "LICENSES.md"
#: Not for the user: what builds the models (needs onnx), what trains them, and leftovers.
LEFT_OUT = ("__pycache__", "networks", "training", "*.stamp", "*.part", ".*")
LICENCE_FILE = re.compile(r"(^|/)(LICEN[CS]E|COPYING|NOTICE|AUTHORS|ThirdPartyNotices)[^/]*$", re.IGNORECASE)
#: A fixed time for every file, so that the same sources give the same zip (2020-01-01, UTC).
FILE_TIME = 1577836800


def this_platform() -> str:
    """The name Blender gives to this machine's platform."""
    systems = {"linux": "linux", "windows": "windows", "darwin": "macos"}
    machines = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}
    return f"{systems.get(platform.system().lower())}-{machines.get(platform.machine().lower())}"


def build(python: Path, name: str, abi: str = "") -> Path:
    """Build and validate one platform's zip; `abi` ("cp314") adds wheels for one more Python, for tests."""
    wheels = fetch(name, python) + (fetch(f"{name} {abi}", python) if abi else [])
    out = DIST / f"microface-{version()}-{name}{'-' + abi if abi else ''}.zip"
    print(f"building {out.relative_to(ROOT)} ...", flush=True)
    DIST.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        stage = Path(folder) / "microface"
        copy_sources(stage)
        add_wheels(stage, name, wheels)
        for path in stage.rglob("*"):
            os.utime(path, (FILE_TIME, FILE_TIME))
        blender_tool(python, "build", f"--source-dir={stage}", f"--output-filepath={out}")
    blender_tool(python, "validate", str(out))
    if out.stat().st_size > LIMIT:
        raise Failure(f"{out} has {out.stat().st_size / 1e6:.0f} MB, more than {LIMIT / 1e6:.0f}: bundle less.")
    return out


def version() -> str:
    text = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    if not found:
        raise Failure("blender_manifest.toml has no version line: add one.")
    return found.group(1)


def copy_sources(stage: Path) -> None:
    """The package as it is installed, the licence sheet beside it."""
    stage.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, stage / name, ignore=shutil.ignore_patterns(*LEFT_OUT))
        else:
            shutil.copyfile(source, stage / name)
    shutil.copyfile(SHEET, stage / SHEET.name)
    for name in LOCKS:
        (stage / name).parent.mkdir()
        shutil.copyfile(ROOT / name, stage / name)


def add_wheels(stage: Path, name: str, wheels: list[Path]) -> None:
    """Put wheels and their licence texts in, and say so in the manifest."""
    (stage / "wheels").mkdir()
    for wheel in wheels:
        shutil.copyfile(wheel, stage / "wheels" / wheel.name)
        copy_licences(wheel, stage / "licences")
    lines = [f'platforms = ["{name}"]', "wheels = [", *(f'  "./wheels/{wheel.name}",' for wheel in wheels), "]"]
    manifest = stage / "blender_manifest.toml"
    text, count = re.subn(
        r"^platforms = .*$", "\n".join(lines), manifest.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    if count != 1:
        raise Failure("blender_manifest.toml must have its platforms on one line: mend it.")
    manifest.write_bytes(text.encode("utf-8"))


def copy_licences(wheel: Path, folder: Path) -> None:
    """Copy every licence text of a wheel to licences/NAME-VERSION/; a wheel without one is not for us to pass on."""
    name, version = wheel.name.split("-")[:2]
    if f"| {name.replace('_', '-')} {version} " not in SHEET.read_text(encoding="utf-8"):
        raise Failure(f"{name} {version} is bundled but not in {SHEET.relative_to(ROOT)}: add it.")
    with zipfile.ZipFile(wheel) as archive:
        texts = [member for member in archive.namelist() if LICENCE_FILE.search(member) and not member.endswith(".py")]
        if not texts:
            raise Failure(f"{wheel.name} holds no licence text: add one to {SHEET.relative_to(ROOT)} by hand.")
        for member in texts:
            target = folder / f"{name}-{version}" / member
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.read(member))


def blender_tool(python: Path, *arguments: str) -> None:
    """Run Blender's extension tool, which needs no Blender."""
    find = "import importlib.util as u; print(u.find_spec('bpy').submodule_search_locations[0])"
    folder = subprocess.run([str(python), "-I", "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    tool = next(Path(folder).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    done = subprocess.run([str(python), "-I", str(tool), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        text = " ".join((done.stdout + done.stderr).split())
        raise Failure(f"Blender's extension tool refuses to {arguments[0]}: {text[-500:]}")
