# SPDX-License-Identifier: GPL-3.0-or-later
"""Out by Blender's exporters, in again into an empty file: the same surface at every time of the source.

Blender's importers cut shape keys to sliders of 0..1 (USD, glTF in part); the files hold more, so sliders are widened here.
"""

import json
import os
import struct
from dataclasses import replace

import bpy
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.mesh import vertices_at
from microface.backend.types import Event
from microface.operators.scene.build import build_scene
from microface.operators.scene.captured import captured
from microface.operators.scene.interchange import find_head, write_animation
from microface.operators.scene.placed import add_strip
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


@pytest.mark.parametrize("joints_move", [False, True])
@pytest.mark.parametrize("suffix", FORMATS)
def test_what_strength_shows_is_what_comes_back(head, make_take, tmp_path, suffix, joints_move):
    """Against Blender's own evaluated mesh, with regions that differ and a strength that is keyed."""
    if joints_move:  # with the expression, as FLAME's do
        head = replace(head, joint_expression=np.random.default_rng(4).normal(0, 0.004, (len(head.expression), 5, 3)))
    take = make_take(head, frames=24)
    take = replace(take, expression=np.clip(take.expression, -1, 1), pose=take.pose * np.float32(0.3))
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    found = find_head(bpy.context)
    thing = found.mesh
    thing["strength_mouth"], thing["strength_jaw"], thing["strength_eyes"] = 3.0, 1.5, 0.5
    for frame, value in ((1, 1.0), (24, 2.0)):
        thing["strength"] = value
        thing.keyframe_insert('["strength"]', frame=frame)
    shown = [points(thing, 1.0 + index) for index in range(24)]
    before = state(bpy.context.scene)
    meshes = {(mesh.name, mesh.users) for mesh in bpy.data.meshes}
    clock = write_animation(bpy.context, found, tmp_path / f"a{suffix}")
    assert state(bpy.context.scene) == before
    assert {(mesh.name, mesh.users) for mesh in bpy.data.meshes} == meshes
    assert thing.data.name == "clip head" and len(bpy.data.shape_keys) == 1
    np.testing.assert_allclose(points(thing, 9.0), shown[8], atol=1e-7)
    back = imported(tmp_path / f"a{suffix}", clock)
    frames = np.round(clock.frames(take.time_s))
    same = cKDTree(points(back, frames[0])).query(shown[0])[1]
    for index in range(24):
        np.testing.assert_allclose(points(back, frames[index])[same], shown[index], atol=5 * METRES, err_msg=suffix)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_a_strip_adds_comes_back(head, make_take, tmp_path, suffix):
    take = make_take(head, frames=40)
    take = replace(take, expression=np.clip(take.expression, -0.5, 0.5), pose=take.pose * np.float32(0.3))
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    found, scene = find_head(bpy.context), bpy.context.scene
    units = ("mouthSmileLeft", "jawOpen", "eyeBlinkLeft")
    event = Event(0.02, 0.06, 0.1, "micro", units, 1.0, 0.1, 0.9)
    alone = [points(found.mesh, 1.0 + index) for index in range(40)]
    add_strip(scene, found.mesh, captured(scene, found.mesh, event), "event", 19.0, 0.5, 1.0)
    shown = [points(found.mesh, 1.0 + index) for index in range(40)]
    assert np.abs(shown[26] - alone[26]).max() > 1e-3 and np.abs(shown[38] - alone[38]).max() < 1e-6
    before = state(scene)
    clock = write_animation(bpy.context, found, tmp_path / f"a{suffix}")
    assert state(scene) == before
    np.testing.assert_allclose(points(found.mesh, 27.0), shown[26], atol=1e-7)
    back = imported(tmp_path / f"a{suffix}", clock)
    same = cKDTree(points(back, 1.0)).query(shown[0])[1]
    for index in range(40):
        np.testing.assert_allclose(points(back, 1.0 + index)[same], shown[index], atol=5 * METRES, err_msg=suffix)


def test_other_programs_see_the_units_own_names(head, make_take, tmp_path):
    take = make_take(head, frames=8)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    found, names = find_head(bpy.context), {}
    for strength in (1.0, 2.0):
        found.mesh["strength"] = strength
        write_animation(bpy.context, found, tmp_path / f"{strength}.glb")
        data = (tmp_path / f"{strength}.glb").read_bytes()
        tree = json.loads(data[20 : 20 + struct.unpack_from("<I", data, 12)[0]])
        names[strength] = tree["meshes"][0]["extras"]["targetNames"]
        assert {"root", "neck", "jaw", "eye_left", "eye_right"} <= {node["name"] for node in tree["nodes"]}
        assert not [node for node in tree["nodes"] if node["name"].startswith("strength")]
    assert not [name for name in names[1.0] if name.startswith("strength")]
    added = set(names[2.0]) - set(names[1.0])
    assert added and all(name.startswith(("strength detail", "strength corrective")) for name in added)


def test_an_export_that_would_pass_a_shape_keys_limit_says_what_fits(head, make_take, tmp_path):
    build_scene(bpy.context, make_take(head, frames=8), head, clip_path="clip.mp4")
    found = find_head(bpy.context)
    keys = found.mesh.data.shape_keys
    animation = keys.animation_data
    bag = animation.action.layers[0].strips[0].channelbag(animation.action_slot)
    curve = bag.fcurves.find('key_blocks["mouthSmileLeft"].value')
    keys.key_blocks["mouthSmileLeft"].slider_max = 10
    curve.keyframe_points[2].co[1] = 6  # an artist's own key, beyond what the take had
    curve.update()
    found.mesh["strength_mouth"] = 2.0
    with pytest.raises(MicrofaceError, match=r"mouthSmileLeft is keyed to 12.00.*at most 0\.833 times"):
        write_animation(bpy.context, found, tmp_path / "a.glb")
    assert list(tmp_path.iterdir()) == []


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
