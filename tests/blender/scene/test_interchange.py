# SPDX-License-Identifier: GPL-3.0-or-later
"""Out by Blender's exporters, in again into an empty file: the same surface at every time of the source.

Blender's importers cut shape keys to sliders of 0..1 (USD, glTF in part); the files hold more, so sliders are widened here.
"""

import json
import os
import struct

import bpy
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.mesh import vertices_at
from microface.operators.scene.build import build_scene
from microface.operators.scene.interchange import find_head, write_animation
from microface.operators.scene.space import world_to_camera
from scipy.spatial import cKDTree

FORMATS = (".glb", ".fbx", ".abc", ".usd")
METRES = 1e-6
NTSC = 30 / 1.001


@pytest.fixture(autouse=True)
def add_ons(empty_file):
    """The exporters are add-ons of Blender's own; a factory file has them enabled."""
    for name in ("io_scene_gltf2", "io_scene_fbx"):
        if name not in bpy.context.preferences.addons:
            bpy.ops.preferences.addon_enable(module=name)


def state(scene):
    """Everything an export borrows."""
    layer = bpy.context.view_layer
    return (
        scene.render.fps, scene.render.fps_base, scene.frame_start, scene.frame_end, scene.frame_current,
        scene.frame_subframe, scene.use_preview_range, layer.objects.active,
        {(thing.name, thing.select_get(), thing.hide_get(), thing.hide_viewport) for thing in layer.objects},
        {(data.name, data.users) for data in bpy.data.actions},
        [(owner.animation_data.action, owner.animation_data.action_slot)
         for owner in (*bpy.data.shape_keys, *bpy.data.objects) if owner.animation_data],
        [point.co[:] for action in bpy.data.actions for bag in action.layers[0].strips[0].channelbags
         for curve in bag.fcurves for point in curve.keyframe_points],
    )  # fmt: skip


def imported(path, clock):
    """The mesh of a file in an empty scene, and the file's frames a second there."""
    bpy.ops.wm.read_homefile(use_empty=True)
    render = bpy.context.scene.render
    # Blender's glTF importer multiplies by fps_base where it should divide
    render.fps, render.fps_base = clock.fps, 1 / clock.base if path.suffix == ".glb" else clock.base
    if path.suffix == ".glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif path.suffix == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
    elif path.suffix == ".abc":
        bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False)
    else:
        bpy.ops.wm.usd_import(filepath=str(path))
    for keys in bpy.data.shape_keys:
        for key in keys.key_blocks:
            key.slider_min, key.slider_max = -10, 10
    return max((o for o in bpy.data.objects if o.type == "MESH"), key=lambda o: len(o.data.vertices))


def points(thing, frame):
    """(V, 3) m camera space."""
    whole = int(np.floor(frame + 1e-9))
    bpy.context.scene.frame_set(whole, subframe=max(0.0, frame - whole))
    evaluated = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    matrix = np.array(evaluated.matrix_world)
    return world_to_camera(flat.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])


def assert_comes_back(take, head, path, clock):
    """At the times of all frames with a face; glTF splits vertices where its UVs part, so by the nearest at first."""
    thing = imported(path, clock)
    measured = np.flatnonzero(take.valid == 0)
    frames = np.round(clock.frames(take.time_s))
    np.testing.assert_allclose(clock.frames(take.time_s), frames, atol=1e-4 * clock.rate)
    if path.suffix == ".fbx":  # Blender's FBX importer forgets fps_base: it counts whole frames a second
        frames = frames * clock.base
    truth = vertices_at(take, head, int(measured[0]))
    same = cKDTree(points(thing, frames[measured[0]])).query(truth)[1]
    for index in measured.tolist():
        found = points(thing, frames[index])[same]
        np.testing.assert_allclose(found, vertices_at(take, head, index), atol=METRES, err_msg=f"{path.name} {index}")


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("fps", [200.0, NTSC])
def test_the_head_comes_back_at_every_time_of_the_source(head, make_take, tmp_path, suffix, fps):
    take = make_take(head, frames=24, fps=fps)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    before = state(bpy.context.scene)
    clock = write_animation(bpy.context, find_head(bpy.context), tmp_path / f"a{suffix}")
    assert clock.rate == pytest.approx(fps)
    assert state(bpy.context.scene) == before
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]
    assert_comes_back(take, head, tmp_path / f"a{suffix}", clock)


@pytest.mark.parametrize("suffix", FORMATS)
def test_from_a_scene_of_another_rate_and_footage_of_none(head, make_take, tmp_path, suffix):
    """Keys on fractional frames of a 24 fps scene at irregular times, a gap without a face, and a head hidden away."""
    time_s = 0.25 + np.cumsum(np.random.default_rng(1).choice([2, 3, 4], 24)) / 120
    take = make_take(head, frames=24, time_s=time_s)
    take.valid[9:12] = 2
    for name in ("expression", "pose", "translation", "detail"):
        getattr(take, name)[9:12] = np.nan
    scene = bpy.context.scene
    bpy.context.collection.objects.link(bpy.data.objects.new("work", None))
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    assert scene.render.fps == 24
    scene.use_preview_range = True
    scene.frame_set(7, subframe=0.25)
    found = find_head(bpy.context)
    found.mesh.hide_set(True)
    found.rig.hide_viewport = True
    before = state(scene)
    clock = write_animation(bpy.context, found, tmp_path / f"a{suffix}")
    assert state(scene) == before
    assert clock.rate == 120
    assert_comes_back(take, head, tmp_path / f"a{suffix}", clock)


def test_times_inside_a_glb_are_the_sources(head, make_take, tmp_path):
    """Read from the file's own bytes: seconds of frame 1 + t, which Blender's exporter gets wrong at NTSC rates."""
    take = make_take(head, frames=24, fps=NTSC)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    write_animation(bpy.context, find_head(bpy.context), tmp_path / "a.glb")
    data = (tmp_path / "a.glb").read_bytes()
    size = struct.unpack_from("<I", data, 12)[0]
    tree, binary = json.loads(data[20 : 20 + size]), data[28 + size :]
    assert [one["name"] for one in tree["animations"]] == ["clip"]
    for sampler in tree["animations"][0]["samplers"]:
        accessor = tree["accessors"][sampler["input"]]
        start = tree["bufferViews"][accessor["bufferView"]].get("byteOffset", 0) + accessor.get("byteOffset", 0)
        seconds = np.frombuffer(binary, "<f4", accessor["count"], start)
        np.testing.assert_allclose(seconds, take.time_s + 1 / NTSC, atol=1e-6)


def test_times_inside_an_fbx_are_the_sources(head, make_take, tmp_path):
    """Ticks of 1/46186158000 s under the file's own rate, which no importer has touched."""
    from io_scene_fbx.parse_fbx import parse

    take = make_take(head, frames=24, fps=NTSC)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    write_animation(bpy.context, find_head(bpy.context), tmp_path / "a.fbx")
    tree = {part.id: part for part in parse(str(tmp_path / "a.fbx"))[0].elems}
    settings = {entry.props[0]: entry.props[-1] for entry in tree[b"GlobalSettings"].elems[1].elems}
    assert settings[b"CustomFrameRate"] == pytest.approx(NTSC)
    curves = [part for part in tree[b"Objects"].elems if part.id == b"AnimationCurve"]
    assert curves
    for curve in curves:
        ticks = next(part for part in curve.elems if part.id == b"KeyTime").props[0]
        np.testing.assert_allclose(np.array(ticks) / 46186158000, take.time_s + 1 / NTSC, atol=1e-6)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_failing_exporter_changes_nothing(head, make_take, tmp_path, suffix):
    """A folder stands where the exporter wants to write."""
    build_scene(bpy.context, make_take(head, frames=8, fps=NTSC), head, clip_path="clip.mp4")
    (tmp_path / f"a{suffix}").write_text("as before")
    hurdle = tmp_path / f".a{suffix}.{os.getpid()}{suffix}"
    (hurdle / "full").mkdir(parents=True)
    before = state(bpy.context.scene)
    with pytest.raises(MicrofaceError, match=f"a{suffix} was not exported") as caught:
        write_animation(bpy.context, find_head(bpy.context), tmp_path / f"a{suffix}")
    assert "\n" not in str(caught.value)
    assert state(bpy.context.scene) == before
    assert (tmp_path / f"a{suffix}").read_text() == "as before"


def test_what_cannot_be_exported(head, make_take, tmp_path):
    assert find_head(bpy.context) is None
    build_scene(bpy.context, make_take(head, frames=8), head, clip_path="clip.mp4")
    found = find_head(bpy.context)
    with pytest.raises(MicrofaceError, match=r"none of \.glb, \.fbx"):
        write_animation(bpy.context, found, tmp_path / "a.obj")
    for bag in bpy.data.actions[0].layers[0].strips[0].channelbags:
        bag.fcurves.clear()
    with pytest.raises(MicrofaceError, match="has no keys"):
        write_animation(bpy.context, found, tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


def test_of_several_heads_the_active_one(head, make_take):
    take = make_take(head, frames=8)
    for name in ("one.mp4", "two.mp4"):
        build_scene(bpy.context, take, head, clip_path=name)
    assert find_head(bpy.context).mesh.name == "two head"
    bpy.context.view_layer.objects.active = bpy.data.objects["one rig"]
    assert find_head(bpy.context).mesh.name == "one head"
    bpy.context.view_layer.objects.active = None
    assert find_head(bpy.context).mesh.name == "one head"
