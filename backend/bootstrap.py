# SPDX-License-Identifier: GPL-3.0-or-later
"""Make this folder importable as the package `microface` without running its Blender side.

The installed extension is `bl_ext.user_default.microface`, so every import inside it is relative. Outside Blender (worker,
tests, `dev.py`) there is no such parent and the top-level `__init__.py` would import bpy: an empty parent package with the
right `__path__` gives the same relative imports.

Run as a script it is the worker:  python -I backend/bootstrap.py SITE_FOLDER[;SITE_FOLDER] VERB ...
"""

import os
import runpy
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def install_package(root: Path = ROOT) -> None:
    """Register an empty package `microface` whose modules are found in `root`."""
    package = types.ModuleType("microface")
    package.__path__ = [str(root)]
    sys.modules["microface"] = package


if __name__ == "__main__":
    # Many small matrix products: a second BLAS thread only makes the first one wait (ten times slower on a busy machine).
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.path[:0] = [folder for folder in sys.argv.pop(1).split(os.pathsep) if folder]
    install_package()
    runpy.run_module("microface.backend", run_name="__main__", alter_sys=True)
