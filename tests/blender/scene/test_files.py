# SPDX-License-Identifier: GPL-3.0-or-later
"""What is written to disk: the .blend file and the still picture."""

import subprocess
import sys

import bpy
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.operators.scene import render as rendering
from microface.operators.scene.build import build_scene, write_blend
from microface.operators.scene.render import render


def test_blend_file_opens_with_the_whole_scene(head, make_take, tmp_path):
    path = tmp_path / "new" / "scene.blend"
    write_blend(path, make_take(head), head, "clip.mp4")
    bpy.ops.wm.open_mainfile(filepath=str(path))
    scene = bpy.context.scene
    assert [collection.name for collection in scene.collection.children] == ["clip"]
    assert {thing.type for thing in scene.objects} == {"MESH", "ARMATURE", "CAMERA", "LIGHT"}
    assert scene.camera and scene.render.fps == 200
    head_keys = scene.objects["clip head"].data.shape_keys
    assert head_keys.animation_data.action_slot.target_id_type == "KEY"
    scene.frame_set(4)
    assert head_keys.key_blocks["eyeBlinkLeft"].value == pytest.approx(3.5)
    assert [file.name for file in path.parent.iterdir()] == ["scene.blend"]


def test_blend_file_replaces_an_older_one_and_leaves_nothing_else(head, make_take, tmp_path):
    path = tmp_path / "scene.blend"
    for frames in (5, 9):
        write_blend(path, make_take(head, frames=frames), head, "clip.mp4")
    bpy.ops.wm.open_mainfile(filepath=str(path))
    assert bpy.context.scene.frame_end == 9
    assert [file.name for file in tmp_path.iterdir()] == ["scene.blend"]


def test_a_place_that_cannot_be_written_is_one_clear_error(head, make_take, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MicrofaceError, match=r"scene\.blend"):
        write_blend(tmp_path / "file" / "scene.blend", make_take(head), head, "clip.mp4")
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


FULL_DISK = """
import importlib.util, os, resource, signal, sys
root, out = sys.argv[1:]
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
load("tests_conftest", f"{root}/tests/conftest.py")
scene = load("scene_conftest", f"{root}/tests/blender/scene/conftest.py")
from microface.backend.errors import MicrofaceError
from microface.operators.scene.build import write_blend
head = scene.head.__wrapped__()
take = scene.make_take.__wrapped__()(head)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    write_blend(__import__("pathlib").Path(out), take, head, "clip.mp4")
except MicrofaceError as error:
    sys.stderr.write(f"code {error.code}: {error}")
    sys.exit(1)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot limit the size of a file")
def test_no_room_leaves_the_older_file(tmp_path, pytestconfig):
    path = tmp_path / "scene.blend"
    path.write_text("older")
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(pytestconfig.rootpath), str(path)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "code disk_full" in done.stderr and "Traceback" not in done.stderr
    assert path.read_text() == "older"
    assert [file.name for file in tmp_path.iterdir()] == ["scene.blend"]


def test_still_picture_shows_the_head_and_gives_the_settings_back(head, make_take, tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "gl_works", lambda: False)  # what a machine without a GL driver says
    scene = bpy.context.scene
    build_scene(
        bpy.context, make_take(head, size=(160, 120), camera=np.diag([220.0, 220, 1]) + CENTRE), head, clip_path="c.mp4"
    )
    scene.render.engine, scene.render.filepath, scene.cycles.samples = "BLENDER_WORKBENCH", "/tmp/mine", 77
    render(scene, tmp_path / "still.png")
    picture = bpy.data.images.load(str(tmp_path / "still.png"))
    pixels = np.array(picture.pixels[:]).reshape(120, 160, 4)[..., :3]
    assert pixels.std() > 0.02
    assert (scene.render.engine, scene.render.filepath, scene.cycles.samples) == ("BLENDER_WORKBENCH", "/tmp/mine", 77)
    assert [file.name for file in tmp_path.iterdir()] == ["still.png"]


@pytest.mark.parametrize(
    ("child", "works"),
    [
        ("import os; os.abort()", False),
        ("import sys; open(sys.argv[-1], 'w')", True),
        ("import time; time.sleep(60)", False),
    ],
)
def test_a_gl_engine_is_tried_in_a_process_of_its_own(monkeypatch, child, works):
    monkeypatch.setattr(rendering, "_child", lambda: [sys.executable, "-c", child])
    monkeypatch.setattr(rendering, "PROBE_SECONDS", 2)
    assert rendering.gl_works.__wrapped__() is works


CENTRE = np.array([[0, 0, 80], [0, 0, 60], [0, 0, 0]])


def test_a_scene_without_camera_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setattr(rendering, "gl_works", lambda: False)
    with pytest.raises(MicrofaceError, match="camera"):
        render(bpy.context.scene, tmp_path / "still.png")
    assert not list(tmp_path.iterdir())
