# SPDX-License-Identifier: GPL-3.0-or-later
"""Preflight: Python, packages, device, head and networks, each with OK or the exact missing thing."""

import importlib
import os
import platform
import tempfile
from pathlib import Path

from .errors import MicrofaceError

PACKAGES = ("numpy", "cv2", "onnxruntime", "scipy", "av")


def examine() -> list[tuple[str, bool, str]]:
    """Check everything a reconstruction needs.

    Returns:
        (what, is it well, detail or remedy) for each check.
    """
    machine = f"{platform.python_version()} on {platform.platform(terse=True)}, {os.cpu_count()} cores"
    checks = [("python", True, machine)]
    checks += [_package(name) for name in PACKAGES]
    checks += [_device(), _head(), *_networks(), _scratch()]
    return checks


def _package(name: str) -> tuple[str, bool, str]:
    try:
        loaded = importlib.import_module(name)
    except ImportError as error:
        return name, False, f"cannot be imported ({error}): reinstall the extension, or run python3 dev.py test"
    return name, True, f"{loaded.__version__} in {Path(str(loaded.__file__)).parent}"


def _device() -> tuple[str, bool, str]:
    try:
        import onnxruntime
    except ImportError:
        return "device", False, "unknown without onnxruntime"
    return "device", True, ", ".join(onnxruntime.get_available_providers())


def _head() -> tuple[str, bool, str]:
    from .heads import load_head

    try:
        head = load_head("generic")
    except MicrofaceError as error:
        return "generic head", False, str(error)
    return "generic head", True, f"{len(head.template)} vertices, {head.licence}"


def _networks() -> list[tuple[str, bool, str]]:
    from ..models.assets import asset_path

    checks = []
    for name in ("face_detection.onnx", "face_mesh.onnx"):
        try:
            checks.append((name, True, f"{asset_path(name).stat().st_size:,} bytes"))
        except MicrofaceError as error:
            checks.append((name, False, str(error)))
    return checks


def _scratch() -> tuple[str, bool, str]:
    folder = tempfile.gettempdir()
    return "scratch folder", os.access(folder, os.W_OK), folder
