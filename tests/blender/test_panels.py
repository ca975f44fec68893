# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels draw from memory: no file is touched, and every control they name exists."""

from __future__ import annotations

import builtins
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from microface.operators import properties  # noqa: E402
from microface.operators.result import results_of  # noqa: E402
from microface.operators.takes import FILE  # noqa: E402


class Layout:
    """Stands for Blender's: checks that operators and properties exist, and keeps every text."""

    def __init__(self, said: list[str]) -> None:
        object.__setattr__(self, "said", said)

    def operator(self, idname: str, text: str = "", **_options: object) -> SimpleNamespace:
        space, name = idname.split(".")
        assert getattr(getattr(bpy.ops, space), name).get_rna_type()
        self.said.append(text)
        return SimpleNamespace()

    def operator_menu_enum(self, idname: str, prop: str, **_options: object) -> None:
        assert prop in getattr(bpy.ops.microface, idname.partition(".")[2]).get_rna_type().properties

    def prop(self, owner: Any, name: str, **_options: object) -> None:
        assert hasattr(owner, name)
        self.said.append(name)

    def label(self, text: str = "", **_options: object) -> None:
        self.said.append(text)

    def progress(self, text: str = "", **_options: object) -> None:
        self.said.append(text)

    def __getattr__(self, _name: str) -> Any:
        return lambda *_given, **_options: Layout(self.said)  # row, column, box, split, separator

    def __setattr__(self, _name: str, _value: object) -> None:
        pass


DISK = ((builtins, "open"), (os, "stat"), (os, "scandir"), (os, "listdir"), (Path, "stat"))


def refuse(*arguments: object, **_options: object) -> None:
    raise AssertionError(f"a panel looks at the disk: {arguments}")


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever looks at the disk fails."""
    with monkeypatch.context() as patch:
        for owner, name in DISK:
            patch.setattr(owner, name, refuse)
        yield


def draw(name: str) -> list[str]:
    """What a panel says."""
    said: list[str] = []
    cls = getattr(bpy.types, name)
    if not hasattr(cls, "poll") or cls.poll(bpy.context):
        panel = SimpleNamespace(layout=Layout(said), draw_choices=lambda *given: cls.draw_choices(panel, *given))
        for method in ("draw_header_preset", "draw"):
            if method in dir(cls) and callable(getattr(cls, method)):
                getattr(cls, method)(panel, bpy.context)
    return said


def panels() -> list[str]:
    return [name for name in dir(bpy.types) if name.startswith("MICROFACE_PT_")]


def test_every_panel_draws_without_looking_at_the_disk(addon: ModuleType, no_files: None) -> None:
    choice, state = properties.settings(bpy.context), properties.job(bpy.context)
    choice.use_range = choice.use_neutral = True
    choice.lens_from = "KNOWN"
    choice.exclude.add()
    state.take = "/nowhere/a.take.npz"
    collection = bpy.data.collections.new("a take")
    collection[FILE] = "/nowhere/a.take.npz"
    bpy.context.scene.collection.children.link(collection)
    said = {name: draw(name) for name in panels()}
    assert {"neutral_start", "lens", "lens_from", "face"} <= set(said["MICROFACE_PT_corrections"])
    assert {"range_start", "head", "detail", "rate", "result"} <= set(said["MICROFACE_PT_settings"])
    assert "a take" in said["MICROFACE_PT_takes"]


def test_a_take_on_a_character_is_drawn_from_memory(addon: ModuleType, no_files: None) -> None:
    mesh = bpy.data.objects.new("Face", bpy.data.meshes.new("Face"))
    bpy.context.scene.collection.objects.link(mesh)
    bpy.context.view_layer.objects.active = mesh
    assert draw("MICROFACE_PT_character") == draw("MICROFACE_PT_controls") == []
    result = results_of(mesh).add()
    row = result.controls.add()
    row.name, row.units = "smile", "mouthSmileLeft"
    row.use = True
    result.action = bpy.data.actions.new("clip")
    said = draw("MICROFACE_PT_character")
    assert {"clip on Face", "strength", "strength_jaw", "start", "stretch", "mirror"} <= set(said)
    said = draw("MICROFACE_PT_controls")
    assert {"Source: mouthSmileLeft", "low", "high", "A control needs a new solve"} <= set(said)
    child = bpy.data.objects.new("Lashes", bpy.data.meshes.new("Lashes"))
    bpy.context.scene.collection.objects.link(child)
    child.parent = mesh
    bpy.context.view_layer.objects.active = child  # any part of the character will do
    assert "clip on Face" in draw("MICROFACE_PT_character")


def test_progress_names_stage_share_rate_and_time_left(addon: ModuleType, no_files: None) -> None:
    from microface.operators import job

    state = properties.job(bpy.context)
    state.running = True
    message = {"stage": "tracking", "value": 0.25, "seconds_left": 75.0, "rate": 0.01}
    job.Job()._show(bpy.context, message)
    said = draw("MICROFACE_PT_reconstruct")
    assert "Tracking  25%" in said
    assert "1 %/s, 1:15 left" in said
    assert "Cancel" not in said  # a cross, not a word


@pytest.mark.parametrize(
    ("code", "remedy", "label"),
    [
        ("cut", "the longest with a face is --range 40:90.", "Use the Longest Shot"),
        ("no_file", "Check the path of the video.", "Choose Another Video"),
        ("bad_take", "Reconstruct the video again.", ""),
    ],
)
def test_an_error_says_its_next_step(addon: ModuleType, code: str, remedy: str, label: str) -> None:
    from microface.operators import job

    class Deaf(job.Job):
        def report(self, _kind: set[str], _text: str) -> None:
            pass

    state = properties.job(bpy.context)
    state.job = "microface.reconstruct"
    Deaf()._fail(bpy.context, {"code": code, "text": "It went wrong.", "remedy": remedy})
    said = draw("MICROFACE_PT_reconstruct")
    assert "It went wrong." in said
    assert "--" not in " ".join(said)  # no word of the command line
    assert (label in said) if label else (said[-1] == "Reconstruct the video again.")


def test_preferences_draw_without_looking_at_the_disk(addon: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from microface.operators import heads
    from microface.panels.preferences import MICROFACE_preferences

    enabled = bpy.context.preferences.addons.new()
    enabled.module = "microface"
    said: list[str] = []
    names = ("device", "takes", "head", "cache", "runtime")
    owner = SimpleNamespace(layout=Layout(said), **{name: getattr(enabled.preferences, name) for name in names})
    state = properties.job(bpy.context)
    row = state.checks.add()
    row.name, row.well, row.detail = "device cuda", False, "its driver is missing: install it " + "and read on " * 20
    heads.kept()  # read once
    try:
        with monkeypatch.context() as patch:
            for place, name in DISK:
                patch.setattr(place, name, refuse)
            MICROFACE_preferences.draw(owner, bpy.context)
    finally:
        bpy.context.preferences.addons.remove(enabled)
    assert {"device cuda", "Install...", "Clear", "runtime"} <= set(said)
    assert max(len(text) for text in said) <= 100
