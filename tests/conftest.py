# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test imports the project as the package `microface`, whatever the checkout's folder is called."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MICROFACE_SHARED", ROOT.parent / "shared"))

_spec = importlib.util.spec_from_file_location("microface_bootstrap", ROOT / "backend" / "bootstrap.py")
assert _spec and _spec.loader
_bootstrap = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_bootstrap)
_bootstrap.install_package()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared test material at {SHARED}")
    return SHARED
