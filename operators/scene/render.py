# SPDX-License-Identifier: GPL-3.0-or-later
"""Still pictures of a scene.

Without a GL driver a GL engine ends Blender's process, so a child process tries it first.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ...backend.atomic import whole_file
from ...backend.errors import MicrofaceError
from .. import compat

SAMPLES = 24
PROBE_SECONDS = 20  # software GL needs longer to compile its shaders, and Cycles is faster then
PROBE = """
import bpy, sys
bpy.ops.wm.read_factory_settings()
render = bpy.context.scene.render
render.engine, render.filepath = sys.argv[-2:]
render.resolution_x = render.resolution_y = 16
bpy.ops.render.render(write_still=True)
"""


def render(scene: bpy.types.Scene, path: Path) -> None:
    """Render the current frame through the scene's camera to a PNG: EEVEE where it runs, else Cycles on the CPU."""
    with whole_file(path) as part, _settings(scene):
        scene.render.engine = compat.EEVEE if gl_works() else "CYCLES"
        scene.render.filepath = str(part.with_suffix(".png"))
        try:
            bpy.ops.render.render(write_still=True, scene=scene.name)
        except RuntimeError as error:
            text = f"{path} was not rendered: {error}."
            raise MicrofaceError("not_rendered", text, "Give the scene a camera.") from error
        part.with_suffix(".png").replace(part)


@functools.cache
def gl_works() -> bool:
    """Whether a child process renders a small picture with EEVEE in good time."""
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "probe.png"
        try:
            command = [*_child(), compat.EEVEE, str(picture)]
            subprocess.run(command, timeout=PROBE_SECONDS, capture_output=True, check=False)
        except subprocess.TimeoutExpired:
            return False
        return picture.is_file()


def _child() -> list[str]:
    """The same Blender: the program, or Python with the bpy module."""
    if bpy.app.binary_path:
        return [bpy.app.binary_path, "--background", "--factory-startup", "--python-expr", PROBE, "--"]
    return [sys.executable, "-I", "-c", PROBE]


@contextmanager
def _settings(scene: bpy.types.Scene) -> Iterator[None]:
    """Lend the scene's render settings and give them back."""
    owners = {
        scene.render: ("engine", "filepath", "use_file_extension"),
        scene.cycles: ("device", "samples", "use_denoising"),
    }
    before = [(owner, key, getattr(owner, key)) for owner, keys in owners.items() for key in keys]
    file_format = scene.render.image_settings.file_format
    try:
        scene.render.image_settings.file_format = "PNG"
        scene.render.use_file_extension = False
        scene.cycles.device, scene.cycles.samples, scene.cycles.use_denoising = "CPU", SAMPLES, False
        yield
    finally:
        scene.render.image_settings.file_format = file_format
        for owner, key, value in before:
            setattr(owner, key, value)
