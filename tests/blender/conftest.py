# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that need Blender as a module. Each starts from an empty file."""

import os
import tempfile

import pytest

_user_folder = tempfile.TemporaryDirectory(prefix="microface_blender_")
os.environ["BLENDER_USER_RESOURCES"] = _user_folder.name  # before bpy is imported: nobody's own settings or extensions

bpy = pytest.importorskip("bpy", reason="Blender is not installed as a module in this environment")


@pytest.fixture(autouse=True)
def empty_file() -> None:
    """Settings as they come, no objects. Not `read_factory_settings`, which would disable the extension."""
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
