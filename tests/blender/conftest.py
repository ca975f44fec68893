# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that need Blender as a module. Each starts from an empty file."""

import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]

_user_folder = tempfile.TemporaryDirectory(prefix="microface_blender_")
os.environ["BLENDER_USER_RESOURCES"] = _user_folder.name  # before bpy is imported: nobody's own settings or extensions

bpy = pytest.importorskip("bpy", reason="Blender is not installed as a module in this environment")


@pytest.fixture(autouse=True)
def empty_file() -> None:
    """Settings as they come, no objects. Not `read_factory_settings`, which would disable the extension."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)


def _load_addon() -> ModuleType:
    """Run the real top-level __init__.py; its imports find the modules of the package `microface`."""
    spec = importlib.util.spec_from_file_location(
        "microface", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def load_addon() -> Callable[[], ModuleType]:
    """Makes the add-on's module, not registered."""
    return _load_addon


@pytest.fixture
def addon() -> Iterator[ModuleType]:
    """The add-on, registered. Blender 4.5 hangs at exit when a class stays registered."""
    module = _load_addon()
    module.register()
    yield module
    module.unregister()


@pytest.fixture(scope="session", autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """A class that a test leaves behind keeps the module `bpy` alive to the end; then Blender 4.5 waits for its sound.

    (Blender's own fault, mended in 5.0: its sound thread is only told to end when the module goes. A Blender with windows
    tells it whatever is registered.) Classes of Blender's own add-ons go with the module; those of a script do not.
    """
    yield
    kinds = (bpy.types.Panel, bpy.types.Operator, bpy.types.PropertyGroup, bpy.types.UIList, bpy.types.Menu)
    classes = [cls for kind in kinds for cls in kind.__subclasses__() if cls.is_registered]
    assert not [cls for cls in classes if cls.__module__.split(".")[0] in ("microface", "builtins", "__main__")]
