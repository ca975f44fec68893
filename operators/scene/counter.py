# SPDX-License-Identifier: GPL-3.0-or-later
"""How many pictures Blender has rendered, beside the cursor: meanwhile it answers to nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def counted(manager: bpy.types.WindowManager, pictures: int) -> Iterator[None]:
    """Count the pictures of a render that is to write so many."""
    done = 0

    def count(*_: object) -> None:
        nonlocal done
        done += 1
        manager.progress_update(done)

    manager.progress_begin(0, pictures)
    bpy.app.handlers.render_write.append(count)
    try:
        yield
    finally:
        bpy.app.handlers.render_write.remove(count)
        manager.progress_end()
