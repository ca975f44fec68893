# SPDX-License-Identifier: GPL-3.0-or-later
"""At every scene time Blender shows the source frame of that time; which one is read off rendered pixels."""

from dataclasses import replace
from fractions import Fraction

import av
import bpy
import cv2
import numpy as np
import pytest
from microface.backend.video import open_clip
from microface.operators.compat import shader_nodes
from microface.operators.scene.build import build_scene
from microface.operators.scene.footage import movie_numbers, nearest, picture_offsets, sequence_numbers

WIDTH, HEIGHT, BITS = 128, 32, 8


def numbered(number):
    """A picture that says its number: eight blocks, black or white."""
    bits = (number >> np.arange(BITS)) & 1
    return np.broadcast_to(255 * np.repeat(bits, WIDTH // BITS)[None, :, None], (HEIGHT, WIDTH, 3)).astype(np.uint8)


def write_numbered(path, times, base=Fraction(1, 12000)):
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=200, options={"crf": "5", "g": "25"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = base
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(numbered(number), "rgb24")
            frame.pts, frame.time_base = round(time / base), base
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


def screen(width, height):
    """A second scene where a camera sees nothing but an image; returns it and the node that holds the image."""
    scene = bpy.data.scenes.new("screen")
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.view_settings.view_transform = "Raw"
    mesh = bpy.data.meshes.new("screen")
    x, y = width / height / 2, 0.5
    mesh.from_pydata([(-x, -y, -1), (x, -y, -1), (x, y, -1), (-x, y, -1)], [], [(0, 1, 2, 3)])
    mesh.uv_layers.new().data.foreach_set("uv", [0, 0, 1, 0, 1, 1, 0, 1])
    camera = bpy.data.cameras.new("screen")
    camera.type, camera.ortho_scale = "ORTHO", 2 * x
    scene.camera = bpy.data.objects.new("camera", camera)
    for thing in (scene.camera, bpy.data.objects.new("screen", mesh)):
        scene.collection.objects.link(thing)
    material = bpy.data.materials.new("screen")
    nodes = shader_nodes(material)
    nodes.clear()
    image, glow, out = (nodes.new(f"Shader{kind}") for kind in ("NodeTexImage", "NodeEmission", "NodeOutputMaterial"))
    material.node_tree.links.new(image.outputs["Color"], glow.inputs["Color"])
    material.node_tree.links.new(glow.outputs["Emission"], out.inputs["Surface"])
    mesh.materials.append(material)
    return scene, image


def shown(collection, frames, tmp_path, size=(WIDTH, HEIGHT)):
    """What the background of the collection's camera shows at scene frames: pictures (N, H, W, 3) in 0..1."""
    scene, node = screen(*size)
    camera = next(thing for thing in collection.objects if thing.type == "CAMERA")
    pictures = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        background = camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.background_images[0]
        node.image = camera.data.background_images[0].image
        node.image.colorspace_settings.name = "Non-Color"
        for key in ("frame_start", "frame_duration", "frame_offset", "use_cyclic", "use_auto_refresh"):
            setattr(node.image_user, key, getattr(background.image_user, key))
        scene.frame_set(frame)
        scene.render.filepath = str(tmp_path / "shown.png")
        bpy.ops.render.render(write_still=True, scene=scene.name)
        pictures.append(cv2.imread(scene.render.filepath)[:, :, ::-1] / 255)
    return np.array(pictures)


def numbers_of(pictures):
    blocks = pictures.mean((1, 3)).reshape(len(pictures), BITS, -1)
    return (blocks[:, :, 6:10].mean(2) > 0.5) @ (1 << np.arange(BITS))


def take_of(clip, head, make_take):
    take = make_take(head, frames=len(clip.time_s))
    return replace(take, time_s=clip.time_s, size=(clip.width, clip.height), source={"fps": clip.fps, "first_frame": 0})


def scene_with_work():
    bpy.context.collection.objects.link(bpy.data.objects.new("work", None))


def test_200_fps_in_a_24_fps_scene(head, make_take, tmp_path):
    scene_with_work()
    path = write_numbered(tmp_path / "fast.mp4", np.arange(100) / 200)
    collection = build_scene(bpy.context, take_of(open_clip(path), head, make_take), head, clip_path=path)
    frames = np.array([1, 2, 3, 5, 9, 12, 13])  # frame 13 is 0.5 s, the end of the clip
    seen = numbers_of(shown(collection, frames.tolist(), tmp_path))
    np.testing.assert_array_equal(seen, [0, 8, 17, 33, 67, 92, 99])


def test_footage_at_its_own_rate_needs_one_key(head, make_take, tmp_path):
    path = write_numbered(tmp_path / "fast.mp4", np.arange(60) / 200)
    collection = build_scene(bpy.context, take_of(open_clip(path), head, make_take), head, clip_path=path)
    np.testing.assert_array_equal(numbers_of(shown(collection, [1, 2, 31, 60], tmp_path)), [0, 1, 30, 59])
    action = bpy.data.actions["fast camera footage"]
    assert len(action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points) == 1


def test_variable_frame_rate(head, make_take, tmp_path):
    scene_with_work()
    gaps = np.random.default_rng(0).choice([1, 1, 1, 2, 4], 50) / 30
    path = write_numbered(tmp_path / "variable.mp4", np.concatenate([[0], np.cumsum(gaps)]))
    clip = open_clip(path)
    collection = build_scene(bpy.context, take_of(clip, head, make_take), head, clip_path=path)
    frames = list(range(1, 60, 4))
    expected = [np.abs(clip.time_s - (frame - 1) / 24 + 1e-6).argmin() for frame in frames]
    np.testing.assert_array_equal(numbers_of(shown(collection, frames, tmp_path)), expected)


def test_variable_frame_rate_of_real_footage(head, make_take, shared, tmp_path):
    path = shared / "data" / "video" / "face_noface.mov"
    if not path.is_file():
        pytest.skip(f"no {path}")
    scene_with_work()
    clip = open_clip(path)
    collection = build_scene(bpy.context, take_of(clip, head, make_take), head, clip_path=path, clip=clip)
    frames = [60, 66, 77, 90, 101, 118, 140]
    seen = shown(collection, frames, tmp_path, (192, 108))
    with av.open(str(path)) as file:
        truth = np.array([f.to_ndarray(format="rgb24")[2::5, 2::5] / 255 for f in file.decode(video=0)])
    for frame, picture in zip(frames, seen, strict=True):
        due = np.abs(clip.time_s - (frame - 1) / 24).argmin()
        distance = np.square(truth[max(due - 4, 0) : due + 5] - picture).mean((1, 2, 3))
        assert distance.argmin() == min(due, 4), frame


def test_times_rounded_to_milliseconds(head, make_take, tmp_path):
    path = write_numbered(tmp_path / "rounded.mkv", np.arange(100) / 120)
    clip = open_clip(path)
    np.testing.assert_allclose(clip.time_s[:4], [0, 0.008, 0.017, 0.025])
    collection = build_scene(bpy.context, take_of(clip, head, make_take), head, clip_path=path)
    assert bpy.context.scene.render.fps == 120
    frames = [1, 2, 3, 4, 5, 60, 99, 100]
    np.testing.assert_array_equal(numbers_of(shown(collection, frames, tmp_path)), np.array(frames) - 1)


def test_a_range_of_the_footage(head, make_take, tmp_path):
    """The take begins at frame 40, Blender counts from the first."""
    scene_with_work()
    path = write_numbered(tmp_path / "fast.mp4", np.arange(100) / 200)
    clip = open_clip(path)
    take = make_take(head, frames=30)
    take = replace(take, time_s=clip.time_s[40:70], source={"fps": 200.0, "first_frame": 40})
    collection = build_scene(bpy.context, take, head, clip_path=path)
    np.testing.assert_array_equal(numbers_of(shown(collection, [7, 8], tmp_path)), [50, 58])


def test_the_footage_under_a_draft(head, make_take, tmp_path):
    """Every third frame has a result; the scene runs at a third of the rate, and each of its frames shows the frame of its key."""
    path = write_numbered(tmp_path / "fast.mp4", np.arange(90) / 75)
    clip = open_clip(path)
    take = make_take(head, frames=30)
    take = replace(
        take, time_s=clip.time_s[::3], size=(clip.width, clip.height),
        source={"fps": 25.0, "first_frame": 0, "frame_step": 3},
    )  # fmt: skip
    collection = build_scene(bpy.context, take, head, clip_path=path)
    assert bpy.context.scene.render.fps == 25
    np.testing.assert_array_equal(numbers_of(shown(collection, [1, 2, 17, 30], tmp_path)), [0, 3, 48, 87])


def test_a_folder_of_images_with_gaps_in_its_numbers(head, make_take, tmp_path):
    scene_with_work()
    folder = tmp_path / "images"
    folder.mkdir()
    for number in (7, 8, 9, 10, 12, 200):
        cv2.imwrite(str(folder / f"shot2_{number}.png"), numbered(number))
    collection = build_scene(bpy.context, take_of(open_clip(folder), head, make_take), head, clip_path=folder)
    seen = numbers_of(shown(collection, range(1, 7), tmp_path))
    np.testing.assert_array_equal(seen, [7, 8, 9, 10, 12, 200])  # 25 images a second in 24 frames


def test_without_the_footage_there_is_no_background(head, make_take, tmp_path):
    (tmp_path / "unreadable.mp4").write_text("a codec that this Blender lacks")
    for name in ("gone.mp4", "unreadable.mp4"):
        collection = build_scene(bpy.context, make_take(head), head, clip_path=tmp_path / name)
        camera = next(thing for thing in collection.objects if thing.type == "CAMERA")
        assert not camera.data.background_images
    assert not bpy.data.images


def test_one_picture(head, make_take, tmp_path):
    path = tmp_path / "portrait.png"
    cv2.imwrite(str(path), numbered(77))
    clip = open_clip(path)
    collection = build_scene(bpy.context, take_of(clip, head, make_take), head, clip_path=path)
    np.testing.assert_array_equal(numbers_of(shown(collection, [1, 9], tmp_path)), [77, 77])


def test_background_fills_the_width_that_the_camera_matches(head, make_take, tmp_path):
    path = write_numbered(tmp_path / "wide.mp4", np.arange(5) / 200)
    for size, method in (((1920, 1080), "FIT"), ((1280, 200), "CROP")):
        bpy.ops.wm.read_homefile(use_empty=True)
        scene_with_work()
        render = bpy.context.scene.render
        render.resolution_x, render.resolution_y = size
        collection = build_scene(bpy.context, take_of(open_clip(path), head, make_take), head, clip_path=path)
        camera = next(thing for thing in collection.objects if thing.type == "CAMERA")
        assert camera.data.background_images[0].frame_method == method


def test_nearest():
    np.testing.assert_array_equal(
        nearest(np.array([0, 0.1, 0.4]), np.array([-1, 0.04, 0.06, 0.24, 0.26, 9])), [0, 0, 1, 1, 2, 2]
    )


def test_numbers_of_a_movie_that_starts_late_and_stamps_in_milliseconds():
    exact = np.arange(300) / (24 / 1.001)
    for time_s in (1.4 + exact, np.round(exact, 3)):
        np.testing.assert_array_equal(movie_numbers(time_s, 24 / 1.001), np.arange(1, 301))


def test_offsets_change_only_where_they_must():
    frames, offsets = picture_offsets(np.arange(1, 101), np.arange(100) / 50, 100.0)
    pictures = offsets[np.searchsorted(frames, np.arange(1, 200), side="right") - 1] + np.arange(1, 200)
    np.testing.assert_array_equal(pictures, 1 + (np.arange(199)) // 2)


def test_sequence_numbers():
    np.testing.assert_array_equal(sequence_numbers(["a9.png", "a10.png"]), [9, 10])
    np.testing.assert_array_equal(sequence_numbers(["c1_0009.png", "c1_0010.png"]), [9, 10])
    for names in ([], ["portrait.png"], ["a1.png", "b2.png"], ["a01.png", "a1.png"], ["a1.png", "a002.png"]):
        assert sequence_numbers(names) is None
