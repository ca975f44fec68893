# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime for a graphics card, from a folder of the user's, before the one that Microface brings.

The environment names the folder, because the choice must be known before the first import. A folder that does not serve is
let go and the bundled runtime taken: the reason is kept for `doctor`.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

VARIABLE = "MICROFACE_GPU"
NAME = "onnxruntime"


def import_runtime(folder: str) -> tuple[ModuleType, str]:
    """Import ONNX Runtime, if possible that of a folder, with the CUDA libraries beside it.

    Args:
        folder: as of `pip install --target`; empty for the bundled runtime.

    Returns:
        the module, and why the folder's was not taken; empty when it was, or none was named.
    """
    if not folder:
        return importlib.import_module(NAME), ""
    folder = str(Path(folder).absolute())  # as modules name their files
    sys.path.insert(0, folder)
    try:
        module = importlib.import_module(NAME)
        if not Path(str(module.__file__)).is_relative_to(folder):
            return module, f"there is no ONNX Runtime in {folder}"
        module.preload_dlls(directory="")  # CUDA and cuDNN of the folder's own nvidia packages
    except Exception as error:  # a foreign package fails in its own ways; the bundled one must serve
        for name in [name for name in sys.modules if name.partition(".")[0] == NAME]:
            del sys.modules[name]
        sys.path.remove(folder)
        return importlib.import_module(NAME), f"{folder}: {error}"
    finally:
        if folder in sys.path:  # nothing else is to come from there
            sys.path.remove(folder)
    return module, ""


def chosen_folder() -> str:
    """The folder that the environment names; empty for none."""
    return os.environ.get(VARIABLE, "")
