# SPDX-License-Identifier: GPL-3.0-or-later
"""What is here, what is missing, what to do about it: a health check whose text can be pasted into a bug report."""

import importlib
import os
import platform
import shutil
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

from . import store
from .errors import MicrofaceError

PACKAGES = ("numpy", "cv2", "onnxruntime", "scipy", "av")
MEASURED = 30  #: runs of the larger network that say how fast a device is
LEAST_FREE = 1e9  #: bytes: a minute of footage leaves some 50 MB of scratch and results


class Check(NamedTuple):
    """One line of the list."""

    what: str
    well: bool
    detail: str  #: what was found, or what is missing and the cure


def examine(host: str = "") -> list[Check]:
    """Check everything a reconstruction needs.

    Args:
        host: the program that asks, in words, such as Blender and its version; empty for none.
    """
    machine = f"{platform.python_version()} on {platform.platform(terse=True)}, {os.cpu_count()} cores"
    checks = [Check("blender", True, host)] if host else []
    checks += [Check("microface", True, _own_version()), Check("python", True, machine)]
    checks += [_package(name) for name in PACKAGES]
    checks += [_head(), *_networks(), *_devices(), _kept(), *_room()]
    return checks


def table(checks: list[Check]) -> str:
    """The list as text, a line each."""
    return "\n".join(f"{'OK     ' if check.well else 'MISSING'}  {check.what:<20} {check.detail}" for check in checks)


def _own_version() -> str:
    """Version, and the hash that tells one working copy from another."""
    manifest = tomllib.loads((store.ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))
    return f"{manifest['version']}, program {store.software_digest()[:12]}"


def _package(name: str) -> Check:
    try:
        loaded = importlib.import_module(name)
    except ImportError as error:
        return Check(name, False, f"cannot be imported ({error}): reinstall the extension, or run python3 dev.py test")
    return Check(name, True, f"{loaded.__version__} in {Path(str(loaded.__file__)).parent}")


def _head() -> Check:
    from .heads import load_head

    try:
        head = load_head("generic")
    except MicrofaceError as error:
        return Check("generic head", False, str(error))
    return Check("generic head", True, f"{len(head.template)} vertices, {head.licence}")


def _networks() -> list[Check]:
    from ..models.assets import asset_path

    checks = []
    for name in ("face_detection.onnx", "face_mesh.onnx"):
        try:
            checks.append(Check(name, True, f"{asset_path(name).stat().st_size:,} bytes"))
        except MicrofaceError as error:
            checks.append(Check(name, False, str(error)))
    return checks


def _devices() -> list[Check]:
    """A line for each device that ONNX Runtime knows, with its measured speed, and which of them is taken."""
    try:
        from ..models import runtime
        from ..models.gpu import chosen_folder
    except ImportError:
        return [Check("device", False, "unknown without onnxruntime")]
    checks = []
    if folder := chosen_folder():
        cure = "choose another folder in the preferences, or install it again; the processor serves meanwhile"
        detail = f"{runtime.GPU_REASON}: {cure}" if runtime.GPU_REASON else f"{runtime.ort.__version__} in {folder}"
        checks.append(Check("GPU runtime", not runtime.GPU_REASON, detail))
    checks += [_speed(device) for device in runtime.available_devices()]
    return checks


def _speed(device: str) -> Check:
    """How long the landmark network takes for a picture. A card that does not work is no fault: another device serves."""
    import numpy as np

    from ..models import runtime
    from ..models.assets import asset_path

    picture = np.zeros((1, 192, 192, 3), np.uint8)
    try:
        session = runtime.session(asset_path("face_mesh.onnx"), device, threads=1)
        seconds = []
        for _ in range(MEASURED):
            start = time.perf_counter()
            session.run(picture, "landmarks")
            seconds.append(time.perf_counter() - start)
    except MicrofaceError as error:
        return Check(f"device {device}", device != "cpu", error.text)
    return Check(f"device {device}", True, f"{1000 * float(np.median(seconds)):.1f} ms a picture")


def _kept() -> Check:
    return Check("kept results", True, f"{store.size() / 1e6:,.0f} MB in {store.folder()}")


def _room() -> list[Check]:
    """Room where the work leaves files for a while, and where results are kept."""
    return [_free("scratch folder", Path(tempfile.gettempdir())), _free("results folder", store.folder())]


def _free(what: str, folder: Path) -> Check:
    place = next(here for here in (folder, *folder.parents) if here.exists())
    free = shutil.disk_usage(place).free
    if not os.access(place, os.W_OK):
        return Check(what, False, f"{place} may not be written: allow it, or choose another by {_variable(what)}")
    if free < LEAST_FREE:
        return Check(what, False, f"only {free / 1e9:.2f} GB free in {place}: free some space")
    return Check(what, True, f"{free / 1e9:.0f} GB free in {place}")


def _variable(what: str) -> str:
    """The environment variable that names another folder."""
    if what == "results folder":
        return "MICROFACE_CACHE"
    return "TEMP" if sys.platform == "win32" else "TMPDIR"
