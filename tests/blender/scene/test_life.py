# SPDX-License-Identifier: GPL-3.0-or-later
"""What an artist's file goes through: undo, moving, linking with an override, footage that is gone. The motion stays what it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.take import write_take  # noqa: E402
from microface.backend.types import Take  # noqa: E402
from microface.backend.video import open_clip, write_video  # noqa: E402
from microface.models.head.model import HeadModel  # noqa: E402
from microface.operators import properties, takes  # noqa: E402
from microface.operators.keying import keying  # noqa: E402
from microface.operators.micro_expressions import list_of  # noqa: E402
from microface.operators.reconstruct import add_take  # noqa: E402
from microface.operators.scene.ground import GROUND  # noqa: E402
from microface.operators.scene.space import world_to_camera  # noqa: E402

METRES = 1e-5
FRAME = 16  #: of the scene, in which the motion is looked at
DATA = ("objects", "meshes", "armatures", "cameras", "lights", "actions", "collections", "shape_keys")


@pytest.fixture
def take(head: HeadModel, make_take: Callable[..., Take]) -> Take:
    return make_take(head)


@pytest.fixture
def project(addon: ModuleType, head: HeadModel, take: Take, tmp_path: Path) -> Path:
    """A folder with video, take and the saved .blend that shows both."""
    folder = tmp_path / "project"
    folder.mkdir()
    grey = (np.full((48, 64, 3), 40 + 5 * k, np.uint8) for k in range(len(take.time_s)))
    write_video(folder / "clip.mp4", grey, 200)
    made = replace(take, source={**take.source, "sha256": open_clip(folder / "clip.mp4").sha256})
    write_take(folder / "clip.take.npz", made)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    properties.settings(bpy.context).source = "//clip.mp4"
    add_take(bpy.context, made, head, folder / "clip.mp4", str(folder / "clip.take.npz"), was_empty=True)
    bpy.ops.file.make_paths_relative()
    bpy.ops.wm.save_mainfile()
    return folder


def mesh_of(collection: bpy.types.Collection) -> Any:
    return next(thing for thing in collection.all_objects if thing.type == "MESH")


def assert_moves(collection: bpy.types.Collection, take: Take, head: HeadModel) -> None:
    """Blender's evaluated mesh is the head's own formula."""
    bpy.context.scene.frame_set(FRAME)
    thing = mesh_of(collection)
    shown = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([shown.matrix_world @ vertex.co for vertex in shown.to_mesh().vertices])
    row = FRAME - 1
    detail = np.tensordot(take.detail[row].astype(float), take.detail_basis, 1)
    true = head.vertices(
        take.shape, take.expression[row], take.pose[row], take.translation[row], take.shape_offset + detail
    )
    np.testing.assert_allclose(world_to_camera(points), true, atol=METRES)


def counts() -> dict[str, int]:
    return {name: len(getattr(bpy.data, name)) for name in DATA}


def test_undo_brings_a_removed_take_back_whole(project: Path, take: Take, head: HeadModel) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    bpy.ops.ed.undo_push(message="built")
    name, before = takes.shown(bpy.context.scene).name, counts()
    bpy.ops.microface.remove_take("EXEC_DEFAULT", True, name=name)
    assert takes.of_scene(bpy.context.scene) == []
    bpy.ops.ed.undo()
    assert counts() == before
    assert_moves(takes.shown(bpy.context.scene), take, head)
    bpy.ops.ed.redo()
    assert takes.of_scene(bpy.context.scene) == []


def test_a_folder_that_was_moved_still_plays_and_is_known(
    project: Path, take: Take, head: HeadModel, tmp_path: Path
) -> None:
    """Video, take and .blend go to another place together."""
    moved = tmp_path / "elsewhere"
    shutil.move(project, moved)
    bpy.ops.wm.open_mainfile(filepath=str(moved / "scene.blend"))
    scene, shown = bpy.context.scene, takes.shown(bpy.context.scene)
    assert_moves(shown, take, head)
    assert takes.file_of(shown) == moved / "clip.take.npz"
    camera = next(thing for thing in shown.objects if thing.type == "CAMERA")
    image = camera.data.background_images[0].image
    assert Path(bpy.path.abspath(image.filepath)) == moved / "clip.mp4"
    assert tuple(image.size) == (64, 48)
    scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 11, 20
    bpy.ops.microface.span_from_preview(target="neutral")  # asks the take for its times
    choice = properties.settings(bpy.context)
    assert (choice.neutral_start, choice.neutral_end) == (10, 20)
    assert Path(bpy.path.abspath(choice.source)) == moved / "clip.mp4"


def test_without_its_footage_the_head_plays_and_the_button_says_what_is_gone(
    project: Path, take: Take, head: HeadModel
) -> None:
    (project / "clip.mp4").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(project / "scene.blend"))
    assert_moves(takes.shown(bpy.context.scene), take, head)
    with pytest.raises(RuntimeError, match=r"There is no file .*clip\.mp4"):
        bpy.ops.microface.reconstruct()
    assert properties.job(bpy.context).code == "no_file"
    assert not properties.job(bpy.context).running
    assert_moves(takes.shown(bpy.context.scene), take, head)


def linked(project: Path) -> bpy.types.Collection:
    """The take of another file, linked into an empty one."""
    name = takes.shown(bpy.context.scene).name
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    scene = bpy.context.scene
    scene.render.fps = 200
    with bpy.data.libraries.load(str(project / "scene.blend"), link=True) as (_, wanted):
        wanted.collections = [name]
    scene.collection.children.link(wanted.collections[0])
    return wanted.collections[0]


def test_an_overridden_take_plays_and_goes(project: Path, take: Take, head: HeadModel, tmp_path: Path) -> None:
    collection = linked(project)
    scene, path = bpy.context.scene, str(tmp_path / "shot.blend")
    override = collection.override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    assert takes.of_scene(scene) == [override]
    assert_moves(override, take, head)
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    override = takes.shown(bpy.context.scene)
    assert_moves(override, take, head)
    events = [row.name for row in list_of(mesh_of(override)).events]
    assert events == ["micro 1 mouthSmile", "blink 2 eyeBlinkLeft"]
    bpy.ops.microface.show_take(name=override.name)
    bpy.ops.microface.remove_take(name=override.name)
    assert takes.of_scene(bpy.context.scene) == []
    assert {thing.type for thing in bpy.data.objects if thing.override_library} <= {"LIGHT"}  # may light other work


def test_what_a_linked_file_owns_is_not_changed_here(project: Path, tmp_path: Path) -> None:
    """Blender would drop such changes when the file is opened again: nothing offers them. A strip is this file's own."""
    override = linked(project).override_hierarchy_create(
        bpy.context.scene, bpy.context.view_layer, do_fully_editable=True
    )
    thing = mesh_of(override)
    bpy.context.view_layer.objects.active = thing
    events = [row.name for row in list_of(thing).events]
    for edit in (bpy.ops.microface.delete_event, bpy.ops.microface.merge_event, bpy.ops.microface.split_event):
        with pytest.raises(RuntimeError, match="in its own file"):
            edit()
    for view in (bpy.ops.microface.smooth_keys, bpy.ops.microface.reduce_keys, bpy.ops.microface.resample_keys):
        with pytest.raises(RuntimeError, match="in its own file"):
            view()
    keying(bpy.context).kind = "KEYS"
    with pytest.raises(RuntimeError, match="choose NLA Strip"):
        bpy.ops.microface.insert_event()
    assert [row.name for row in list_of(thing).events] == events
    keying(bpy.context).kind = "STRIP"
    assert bpy.ops.microface.insert_event() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    tracks = mesh_of(takes.shown(bpy.context.scene)).data.shape_keys.animation_data.nla_tracks
    names = [strip.name for track in tracks for strip in track.strips]
    assert [name for name in names if name != GROUND] == ["micro 1 mouthSmile"]  # Blender 5.0 needs a ground below it
