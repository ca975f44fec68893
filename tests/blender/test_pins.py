# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins in Blender: they stand where the head is, are counted on where the artist has moved them, and come back with the take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from microface.backend.heads import load_head  # noqa: E402
from microface.backend.take import read_take, write_take  # noqa: E402
from microface.backend.types import Settings, Take  # noqa: E402
from microface.operators import properties, takes  # noqa: E402
from microface.operators.pins import FRAME, VERTEX, pins_file, pins_of  # noqa: E402
from microface.operators.reconstruct import add_take  # noqa: E402

MOVED = np.array([3.0, -2.0])  #: px, by which the artist moves all pins


@pytest.fixture(scope="module")
def clip(portrait_clip: Callable[[list[int]], Path]) -> Path:
    return portrait_clip([0, 0, 0, 1, 1, 1])


@pytest.fixture(scope="module")
def take(built: None, clip: Path) -> Take:
    from microface.backend.pipeline import reconstruct

    return reconstruct(clip, Settings(device="cpu"), lambda stage, share: None)


@pytest.fixture
def first(addon: ModuleType, take: Take, clip: Path, tmp_path: Path) -> bpy.types.Collection:
    """The take in a scene, as the button leaves it."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    properties.settings(bpy.context).source = str(clip)
    write_take(tmp_path / "a.take.npz", take)
    return add_take(bpy.context, take, load_head("generic"), clip, str(tmp_path / "a.take.npz"))


def pixel(collection: bpy.types.Collection, world: object) -> np.ndarray:
    """(2,) px, as Blender itself sees a place through the take's camera; pixel centres are integers."""
    scene = bpy.context.scene
    camera = next(thing for thing in collection.objects if thing.type == "CAMERA")
    x, y, _ = world_to_camera_view(scene, camera, world)
    size = np.array([scene.render.resolution_x, scene.render.resolution_y])
    return np.array([x, 1 - y]) * size - 0.5


def on_the_head(collection: bpy.types.Collection, vertex: int) -> np.ndarray:
    """(2,) px of a vertex of the evaluated mesh."""
    thing = next(thing for thing in collection.objects if thing.type == "MESH")
    shown = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = shown.to_mesh()
    return pixel(collection, shown.matrix_world @ mesh.vertices[vertex].co)


def test_pins_stand_where_the_head_is(first: bpy.types.Collection) -> None:
    bpy.context.scene.frame_set(5)
    assert bpy.ops.microface.add_pins() == {"FINISHED"}
    own = pins_of(first)
    assert len(own) == 6
    assert {pin[FRAME] for pin in own} == {4}  # the video's frames count from 0
    bpy.context.view_layer.update()
    for pin in own:
        assert np.abs(pixel(first, pin.matrix_world.translation) - on_the_head(first, pin[VERTEX])).max() < 0.1
    assert set(bpy.context.selected_objects) == set(own)
    bpy.ops.microface.add_pins()
    assert len(pins_of(first)) == 6  # those there are stay


def test_selected_vertices_are_pinned(first: bpy.types.Collection) -> None:
    thing = next(thing for thing in first.objects if thing.type == "MESH")
    bpy.context.view_layer.objects.active = thing
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.mesh.select_all(action="DESELECT")
    bpy.ops.object.mode_set(mode="OBJECT")
    for vertex in (100, 200, 300):
        thing.data.vertices[vertex].select = True
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.microface.add_pins()
    assert sorted(pin[VERTEX] for pin in pins_of(first)) == [100, 200, 300]


def test_moved_pins_move_the_next_take(first: bpy.types.Collection) -> None:
    scene = bpy.context.scene
    scene.frame_set(5)
    bpy.ops.microface.add_pins()
    bpy.context.view_layer.update()
    camera = next(thing for thing in first.objects if thing.type == "CAMERA")
    focal = read_take(Path(first[takes.FILE])).camera[0, 0]
    aims = {}
    for pin in pins_of(first):
        aims[pin[VERTEX]] = pixel(first, pin.matrix_world.translation) + MOVED
        depth = -(camera.matrix_world.inverted() @ pin.matrix_world.translation).z
        across = camera.matrix_world.to_3x3() @ type(pin.location)((*(MOVED * [1, -1] * depth / focal), 0))
        pin.location += across
    assert bpy.ops.microface.reconstruct() == {"FINISHED"}
    second = takes.shown(scene)
    assert second != first
    scene.frame_set(5)
    told = {pin["vertex"]: (pin["x"], pin["y"]) for pin in read_take(Path(second[takes.FILE])).settings["pins"]}
    assert set(told) == set(aims)
    again = {pin[VERTEX]: pixel(second, pin.matrix_world.translation) for pin in pins_of(second)}
    for vertex, aim in aims.items():
        assert np.abs(told[vertex] - aim).max() < 0.05
        assert np.abs(again[vertex] - aim).max() < 0.05  # through the camera of the new take
        assert np.linalg.norm(on_the_head(second, vertex) - aim) < 1
    bpy.ops.microface.remove_take(name=second.name)
    assert len([thing for thing in bpy.data.objects if thing.get(VERTEX) is not None]) == 6  # those of the first


def test_pins_of_another_head_or_video_are_not_used(first: bpy.types.Collection, clip: Path) -> None:
    choice = properties.settings(bpy.context)
    assert pins_file(bpy.context, clip) == []
    bpy.ops.microface.add_pins()
    assert pins_file(bpy.context, clip)[0] == "--pins"
    assert pins_file(bpy.context, clip.with_name("other.mp4")) == []
    choice.head = "flame"
    with pytest.raises(RuntimeError, match="stand on the head generic"):
        bpy.ops.microface.reconstruct()
    assert properties.job(bpy.context).code == "pins_of_other_head"
