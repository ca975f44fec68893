# SPDX-License-Identifier: GPL-3.0-or-later
"""Views of the raw motion: within the stated distance on Blender's mesh, never piled up, and always undone."""

import bpy
import numpy as np
import pytest
from microface.operators.head import chosen_head
from microface.operators.scene.build import build_scene
from microface.operators.scene.derived import raw_action, resample, show_raw, smooth
from microface.operators.scene.reduction import reduce

FRAMES = 120


def evaluated(thing, frame):
    """(V, 3) m."""
    bpy.context.scene.frame_set(int(frame // 1), subframe=frame % 1)
    found = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(found.data.vertices), np.float32)
    found.to_mesh().vertices.foreach_get("co", points)
    matrix = np.array(found.matrix_world)
    return points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def keys_of(action):
    return {
        (bag.slot.identifier, curve.data_path, curve.array_index): [tuple(point.co) for point in curve.keyframe_points]
        for bag in action.layers[0].strips[0].channelbags
        for curve in bag.fcurves
    }


@pytest.fixture
def thing(head, make_take):
    build_scene(bpy.context, make_take(head, frames=FRAMES), head, clip_path="clip.mp4")
    return chosen_head(bpy.context)


@pytest.mark.parametrize("tolerance_mm", [0.05, 0.5])
def test_a_reduced_motion_is_within_the_stated_distance(thing, tolerance_mm):
    raw = keys_of(raw_action(thing))
    before = [evaluated(thing, 1 + index) for index in range(FRAMES)]
    done = reduce(thing, tolerance_mm / 1000)
    off = max(
        float(np.linalg.norm(evaluated(thing, 1 + index) - before[index], axis=1).max()) for index in range(FRAMES)
    )
    assert off <= done.error_m + 1e-6 <= tolerance_mm / 1000 + 1e-6
    assert off > 0.02 * tolerance_mm / 1000  # not by keeping everything
    assert done.after < 0.7 * done.before
    assert done.before == sum(map(len, raw.values()))
    assert keys_of(raw_action(thing)) == raw


def test_views_are_made_from_the_raw_motion_and_leave_no_actions(thing):
    raw = raw_action(thing)
    original, names = keys_of(raw), {action.name for action in bpy.data.actions}
    smooth(bpy.context.scene, thing, 20.0)
    once = keys_of(thing.data.shape_keys.animation_data.action)
    reduce(thing, 0.0005)
    resample(thing)
    smooth(bpy.context.scene, thing, 20.0)
    assert keys_of(thing.data.shape_keys.animation_data.action) == once != original
    assert thing.parent.animation_data.action == thing.data.shape_keys.animation_data.action
    assert {action.name for action in bpy.data.actions} - names == {"clip smooth"}
    show_raw(thing)
    assert thing.data.shape_keys.animation_data.action == raw == thing.parent.animation_data.action
    assert keys_of(raw) == original and {action.name for action in bpy.data.actions} == names


def test_another_action_of_the_rig_is_left_alone(thing):
    own = bpy.data.actions.new("artist's")
    for action in (own, None):
        thing.parent.animation_data.action = action
        reduce(thing, 0.0005)
        assert thing.data.shape_keys.animation_data.action.name == "clip reduced"
        assert thing.parent.animation_data.action == action
        show_raw(thing)


def test_the_raw_motion_is_still_there_after_saving(thing, tmp_path):
    original = keys_of(raw_action(thing))
    reduce(thing, 0.0005)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    thing = chosen_head(bpy.context)
    show_raw(thing)
    assert keys_of(thing.data.shape_keys.animation_data.action) == original


def test_a_tremble_is_halved_at_the_frequency_that_is_named(thing):
    keys = thing.data.shape_keys
    curve = next(
        curve
        for bag in raw_action(thing).layers[0].strips[0].channelbags
        for curve in bag.fcurves
        if curve.data_path == 'key_blocks["browInnerUp"].value'
    )
    for index, point in enumerate(curve.keyframe_points):
        point.co[1] = 0.3 * np.sin(2 * np.pi * 20 * index / 200)  # 20 Hz
    curve.update()
    smooth(bpy.context.scene, thing, 20.0)
    for index in range(40, 80):
        bpy.context.scene.frame_set(1 + index)
        expected = 0.15 * np.sin(2 * np.pi * 20 * index / 200)
        assert keys.key_blocks["browInnerUp"].value == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("view", ["smooth", "reduce", "resample"])
def test_over_a_gap_the_last_pose_is_held(head, make_take, view):
    take = make_take(head, frames=FRAMES)
    take.valid[40:80] = 2
    for name in ("expression", "pose", "translation", "detail"):
        getattr(take, name)[40:80] = np.nan
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    thing = chosen_head(bpy.context)
    {"smooth": lambda: smooth(bpy.context.scene, thing, 40.0), "reduce": lambda: reduce(thing, 5e-4),
     "resample": lambda: resample(thing)}[view]()  # fmt: skip
    last = evaluated(thing, 40)
    for frame in (45, 60, 80):
        np.testing.assert_allclose(evaluated(thing, frame), last, atol=1e-6)
    assert np.abs(evaluated(thing, 81) - last).max() > 1e-3


def test_on_whole_frames_of_another_rate(head, make_take):
    bpy.context.collection.objects.link(bpy.data.objects.new("work", None))
    build_scene(bpy.context, make_take(head, frames=FRAMES), head, clip_path="clip.mp4")
    thing = chosen_head(bpy.context)
    shown = [evaluated(thing, frame) for frame in range(1, 15)]
    resample(thing)
    frames = {point[0] for points in keys_of(thing.data.shape_keys.animation_data.action).values() for point in points}
    assert frames == set(range(1, 16))  # 119 / 200 s at 24 a second
    for frame, before in enumerate(shown, 1):
        np.testing.assert_allclose(evaluated(thing, frame), before, atol=1e-5)
