# SPDX-License-Identifier: GPL-3.0-or-later
"""Properties for Blender's objects where the add-on is not enabled: in a .blend that the command line writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import bpy


@contextmanager
def lent(owner: ModuleType) -> Iterator[None]:
    """Let objects have the properties that `owner` attaches, for a while; nothing happens where they have them."""
    if owner.attached():
        yield
        return
    for cls in owner.CLASSES:
        bpy.utils.register_class(cls)
    owner.attach()
    try:
        yield
    finally:
        owner.detach()
        for cls in reversed(owner.CLASSES):
            bpy.utils.unregister_class(cls)
