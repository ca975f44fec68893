# SPDX-License-Identifier: GPL-3.0-or-later
"""The scene shows what the backend says: same surface, same picture, same time."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector
from microface.backend.errors import MicrofaceError
from microface.models.assets import asset_path
from microface.models.head.model import read_head
from microface.operators.scene.build import build_scene
from microface.operators.scene.rate import rate as scene_rate
from microface.operators.scene.space import world_to_camera

METRES, PIXELS = 1e-5, 0.05


def only(collection, kind):
    return next(thing for thing in collection.objects if thing.type == kind)


def backend_vertices(take, head, index):
    detail = np.tensordot(take.detail[index].astype(float), take.detail_basis, 1)
    return head.vertices(
        take.shape, take.expression[index], take.pose[index], take.translation[index], take.shape_offset + detail
    )


def go_to(scene, seconds):
    frame = 1 + seconds * scene_rate(scene)
    scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))


def world_vertices(collection):
    evaluated = only(collection, "MESH").evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = evaluated.to_mesh()
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    matrix = np.array(evaluated.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def camera_pixels(scene, camera, points):
    width, height = scene.render.resolution_x, scene.render.resolution_y
    seen = np.array([world_to_camera_view(scene, camera, Vector(p)) for p in points])
    return np.column_stack([seen[:, 0] * width - 0.5, (1 - seen[:, 1]) * height - 0.5])


def assert_agrees(collection, take, head, times=10, every=1):
    scene, camera = bpy.context.scene, only(collection, "CAMERA")
    for index in np.linspace(0, len(take.time_s) - 1, times).astype(int):
        go_to(scene, take.time_s[index])
        truth, found = backend_vertices(take, head, index), world_vertices(collection)
        np.testing.assert_allclose(world_to_camera(found), truth, atol=METRES)
        picture = truth @ take.camera.T
        pixels = camera_pixels(scene, camera, found[::every])
        np.testing.assert_allclose(pixels, (picture[:, :2] / picture[:, 2:])[::every], atol=PIXELS)


def test_mesh_and_picture_are_the_backends(head, make_take):
    take = make_take(head)
    assert_agrees(build_scene(bpy.context, take, head, clip_path="clip.mp4"), take, head)


def test_generic_head_is_the_backends(make_take):
    try:
        head = read_head(asset_path("generic_head.npz"))
    except MicrofaceError as error:
        pytest.skip(str(error))
    take = make_take(head, frames=12)
    assert_agrees(build_scene(bpy.context, take, head, clip_path="clip.mp4"), take, head, every=97)


def test_pixels_that_are_not_square(head, make_take):
    for fy in (700.0, 1100.0):
        bpy.ops.wm.read_homefile(use_empty=True)
        camera = np.array([[900.0, 0, 350.5], [0, fy, 200.25], [0, 0, 1]])
        take = make_take(head, camera=camera)
        assert_agrees(build_scene(bpy.context, take, head, clip_path="clip.mp4"), take, head, times=2, every=7)


def test_keys_stand_at_the_sources_times_on_fractional_frames(head, make_take):
    bpy.context.collection.objects.link(bpy.data.objects.new("work", None))
    take = make_take(head)
    collection = build_scene(bpy.context, take, head, clip_path="clip.mp4")
    assert scene_rate(bpy.context.scene) == 24
    curve = head_bag(collection).fcurves[0]
    frames = [point.co[0] for point in curve.keyframe_points]
    np.testing.assert_allclose(frames, 1 + 24 * np.arange(40) / 200, rtol=1e-6)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = take.size
    assert_agrees(collection, take, head, every=7)


def test_an_empty_scene_takes_the_footages_settings(head, make_take):
    build_scene(bpy.context, make_take(head, fps=24 / 1.001), head, clip_path="clip.mp4")
    scene = bpy.context.scene
    assert scene.render.fps == 24
    assert scene.render.fps_base == pytest.approx(1.001, rel=1e-7)
    assert (scene.frame_start, scene.frame_end, scene.frame_current) == (1, 40, 1)
    assert (scene.render.resolution_x, scene.render.resolution_y) == (640, 480)
    assert scene.camera.name == "clip camera"


def test_the_user_chooses_the_rate(head, make_take):
    scene, take = bpy.context.scene, make_take(head)
    build_scene(bpy.context, take, head, clip_path="clip.mp4", rate="scene")
    assert scene_rate(scene) == 24
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    assert scene_rate(scene) == 24
    build_scene(bpy.context, take, head, clip_path="clip.mp4", rate="footage")
    assert scene_rate(scene) == 200


def test_the_start_up_file_counts_as_empty(head, make_take):
    bpy.ops.wm.read_homefile(use_empty=False, use_factory_startup=True)
    scene = bpy.context.scene
    assert set(scene.objects.keys()) == {"Cube", "Camera", "Light"}
    build_scene(bpy.context, make_take(head), head, clip_path="clip.mp4")
    assert scene_rate(scene) == 200
    assert scene.camera.name == "clip camera"
    assert scene.objects["Cube"].hide_viewport


def head_bag(collection):
    """Curves of the shape keys, through Blender's own path from datablock to slot."""
    animation = only(collection, "MESH").data.shape_keys.animation_data
    return animation.action.layers[0].strips[0].channelbag(animation.action_slot)


def test_one_action_with_a_slot_for_keys_and_one_for_bones(head, make_take):
    collection = build_scene(bpy.context, make_take(head), head, clip_path="clip.mp4")
    keys, rig = only(collection, "MESH").data.shape_keys, only(collection, "ARMATURE")
    assert keys.animation_data.action == rig.animation_data.action == bpy.data.actions["clip"]
    assert {slot.target_id_type for slot in bpy.data.actions["clip"].slots} == {"KEY", "OBJECT"}
    assert [key.name for key in keys.key_blocks][:8] == ["Basis", *head.expression_names, "detail 01", "detail 02"]
    animated = {curve.data_path for curve in head_bag(collection).fcurves}
    assert 'key_blocks["jawOpen"].value' not in animated  # the jaw bone owns it
    correctives = [key for key in keys.key_blocks if key.name.startswith("corrective")]
    assert 1 <= len(correctives) <= 12 and len(animated) == 4 + 2 + len(correctives)
    assert {len(curve.keyframe_points) for curve in head_bag(collection).fcurves} == {40}
    assert keys.key_blocks["jawOpen"].value == 0
    points = [point for curve in head_bag(collection).fcurves for point in curve.keyframe_points]
    assert {point.interpolation for point in points} == {"LINEAR"}
    animation = rig.animation_data
    bones = animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves
    assert len(bones) == 5 * 4 + 3


def test_curves_are_grouped_and_coloured_by_region(head, make_take):
    collection = build_scene(bpy.context, make_take(head), head, clip_path="clip.mp4")
    groups, hues = {}, {}
    for curve in head_bag(collection).fcurves:
        name = curve.data_path.split('"')[1]
        groups[name] = curve.group.name
        hues[name] = round(max(curve.color) - min(curve.color), 2), int(np.argmax(curve.color))
        assert curve.color_mode == "CUSTOM" and not any(point.select_control_point for point in curve.keyframe_points)
    assert groups["browInnerUp"] == "Brows" and groups["eyeBlinkLeft"] == "Eyes"
    assert groups["mouthSmileLeft"] == groups["mouthSmileRight"] == "Mouth" and groups["detail 01"] == "Detail"
    assert hues["detail 01"][0] == 0 and hues["mouthSmileLeft"][1] == 0 and hues["eyeBlinkLeft"][1] == 2
    assert only(collection, "MESH").select_get() and bpy.context.selected_objects == [only(collection, "MESH")]


def test_sliders_hold_what_is_keyed(head, make_take):
    collection = build_scene(bpy.context, make_take(head), head, clip_path="clip.mp4")
    keys = only(collection, "MESH").evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys.key_blocks
    assert keys["browInnerUp"].value == pytest.approx(-0.26)
    go_to(bpy.context.scene, 3 / 200)
    keys = only(collection, "MESH").evaluated_get(bpy.context.evaluated_depsgraph_get()).data.shape_keys.key_blocks
    assert keys["eyeBlinkLeft"].value == pytest.approx(3.5)


def test_more_than_a_slider_holds_is_refused_before_anything_is_built(head, make_take):
    take = make_take(head)
    take.expression[5, 3] = -12.5
    with pytest.raises(MicrofaceError, match=r"mouthSmileLeft is keyed to 12.50.*at most 10.*0.8 times"):
        build_scene(bpy.context, take, head, clip_path="clip.mp4")
    assert not bpy.data.collections and not bpy.data.objects


def test_frames_without_a_face_hold_the_last_pose(head, make_take):
    take = make_take(head)
    for name in ("expression", "pose", "translation", "detail"):
        getattr(take, name)[15:20] = np.nan
    take.valid[15:20] = 2
    take.valid[10:12] = 1
    collection = build_scene(bpy.context, take, head, clip_path="clip.mp4")
    curves = head_bag(collection).fcurves
    assert {len(curve.keyframe_points) for curve in curves} == {35}
    for seconds, index in ((17.5 / 200, 14), (20 / 200, 20)):
        go_to(bpy.context.scene, seconds)
        found = world_to_camera(world_vertices(collection))
        np.testing.assert_allclose(found, backend_vertices(take, head, index), atol=METRES)
    assert bpy.context.scene.timeline_markers["no face"].frame == 16


def test_no_number_that_is_not_finite_reaches_blender(head, make_take):
    take = make_take(head)
    take.expression[7, 0] = np.nan  # in a frame that calls itself measured
    take.pose[8, 2, 1] = np.inf
    collection = build_scene(bpy.context, take, head, clip_path="clip.mp4")
    for bag in bpy.data.actions["clip"].layers[0].strips[0].channelbags:
        for curve in bag.fcurves:
            assert len(curve.keyframe_points) == 38
            assert np.isfinite([point.co[:] for point in curve.keyframe_points]).all()
    assert np.isfinite(world_vertices(collection)).all()


def test_a_take_without_a_face_is_refused(head, make_take):
    with pytest.raises(MicrofaceError, match="no frame with a face"):
        build_scene(bpy.context, make_take(head, valid=np.full(40, 2, np.uint8)), head, clip_path="clip.mp4")


def test_a_take_of_another_head_is_refused(head, make_take):
    take = make_take(head)
    for change in ({"expression_names": ("a", "b", "c", "d", "e")}, {"head": {"name": "egg", "sha256": "1" * 64}}):
        with pytest.raises(MicrofaceError, match="made with another head") as caught:
            build_scene(bpy.context, replace(take, **change), head, clip_path="clip.mp4")
        assert caught.value.code == "other_head"


def test_markers(head, make_take):
    build_scene(bpy.context, make_take(head), head, clip_path="clip.mp4")
    expected = {
        ("micro 1 mouthSmile onset", 11), ("micro 1 mouthSmile apex", 21), ("micro 1 mouthSmile offset", 31),
        ("blink 2 eyeBlinkLeft onset", 23), ("blink 2 eyeBlinkLeft apex", 25), ("blink 2 eyeBlinkLeft offset", 27),
    }  # fmt: skip
    assert {(m.name, m.frame) for m in bpy.context.scene.timeline_markers} == expected
    assert {(m.name, m.frame) for m in bpy.data.actions["clip"].pose_markers} == expected


def test_several_takes_and_a_second_run_keep_apart(head, make_take):
    take = make_take(head)
    first = build_scene(bpy.context, take, head, clip_path="clip.mp4")
    moved = replace(take, translation=take.translation + np.array([0, 0, 0.3]))
    second = build_scene(bpy.context, moved, head, clip_path="other.mp4")
    again = build_scene(bpy.context, take, head, clip_path="clip.mp4")
    assert [c.name for c in (first, second, again)] == ["clip", "other", "clip.001"]
    for collection, shown in ((first, take), (second, moved), (again, take)):
        assert_agrees(collection, shown, head, times=2, every=11)
    assert len(bpy.context.scene.timeline_markers) == 6
    assert bpy.context.scene.camera == only(first, "CAMERA")
    assert set(bpy.data.objects) == {thing for c in (first, second, again) for thing in c.objects}
    assert len(bpy.data.materials) == 3


def test_quads_uvs_materials_and_smooth_shading(head, make_take):
    collection = build_scene(bpy.context, make_take(head), head, clip_path="clip.mp4")
    mesh = only(collection, "MESH").data
    sizes = np.array([len(p.vertices) for p in mesh.polygons])
    np.testing.assert_array_equal(sizes, np.where(head.polygons[:, 3] < 0, 3, 4))
    np.testing.assert_array_equal([p.material_index for p in mesh.polygons], head.part)
    assert [m.name for m in mesh.materials] == ["Microface skin", "Microface eye", "Microface cornea"]
    assert all(p.use_smooth for p in mesh.polygons)
    uv = np.array([loop.vector[:] for loop in mesh.uv_layers[0].uv])
    np.testing.assert_allclose(uv, head.uv[head.polygons >= 0], atol=1e-6)
