# SPDX-License-Identifier: GPL-3.0-or-later
"""A captured event on a head: what Blender's mesh shows is the sum of what it did and the event's motion."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.types import Event, Take  # noqa: E402
from microface.models.head.model import HeadModel  # noqa: E402
from microface.operators.keying import keying  # noqa: E402
from microface.operators.micro_expressions import list_of  # noqa: E402
from microface.operators.scene.build import build_scene  # noqa: E402
from microface.operators.scene.space import world_to_camera  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
METRES = 1e-5
SMILE = Event(0.05, 0.1, 0.15, "micro", ("mouthSmileRight", "mouthSmileLeft"), 1.0, 0.1, 0.9)
FRAMES = 120  # of 200 a second: the event ends at frame 31, and is inserted later


def bump(time_s: np.ndarray, height: float = 1.0) -> np.ndarray:
    """A raised cosine from the event's onset to its offset, 0 elsewhere."""
    phase = np.clip((time_s - SMILE.onset_s) / (SMILE.offset_s - SMILE.onset_s), 0, 1)
    return height * (0.5 - 0.5 * np.cos(2 * np.pi * phase))


def smiling(head: HeadModel, make_take: Callable[..., Take]) -> Take:
    """Lively brows and head all the while; the mouth smiles once, with detail, and the jaw stays shut."""
    take = make_take(head, frames=FRAMES, events=(SMILE,))
    expression, pose = 0.2 * take.expression, 0.2 * take.pose
    for name, height in (("mouthSmileLeft", 0.4), ("mouthSmileRight", 0.6)):
        expression[:, head.expression_names.index(name)] = bump(take.time_s, height)
    detail = np.stack([bump(take.time_s, 0.8), 0 * take.time_s], 1)
    pose[:, 2:] = 0
    return replace(
        take, expression=expression.astype(np.float32), pose=pose.astype(np.float32), detail=detail.astype(np.float32)
    )


def evaluated(thing: Any, frame: float) -> np.ndarray:
    """(V, 3) m, camera space."""
    bpy.context.scene.frame_set(int(frame // 1), subframe=frame % 1)
    found = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(found.data.vertices), np.float32)
    found.to_mesh().vertices.foreach_get("co", points)
    matrix = np.array(found.matrix_world)
    return world_to_camera(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])


def truth(take: Take, head: HeadModel, index: int, event_s: float, strength: float, detail: bool) -> np.ndarray:
    """The formula at a frame of the take, plus the event at a time of its own."""
    time = np.array([event_s])
    expression = take.expression[index].astype(float)
    for name, height in (("mouthSmileLeft", 0.4), ("mouthSmileRight", 0.6)):
        expression[head.expression_names.index(name)] += strength * bump(time, height)[0]
    offset = np.tensordot(take.detail[index].astype(float), take.detail_basis, 1)
    if detail:
        offset = offset + strength * bump(time, 0.8)[0] * take.detail_basis[0]
    return head.vertices(take.shape, expression, take.pose[index], take.translation[index], take.shape_offset + offset)


def insert(frame: float, **choices: Any) -> None:
    bpy.context.scene.frame_set(int(frame))
    for name, value in choices.items():
        setattr(keying(bpy.context), name, value)
    assert bpy.ops.microface.insert_event() == {"FINISHED"}


@pytest.mark.parametrize("kind", ["KEYS", "STRIP"])
@pytest.mark.parametrize(("strength", "stretch"), [(1.0, 1.0), (3.0, 2.0), (-0.5, 1.0)])
def test_the_head_does_the_event_once_more(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take], kind: str, strength: float, stretch: float
) -> None:
    take = smiling(head, make_take)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    thing = bpy.data.objects["clip head"]
    insert(61, kind=kind, strength=strength, stretch=stretch)  # 0.3 s
    for index in (10, 20, 40, 60, 63, 66, 70, 74, 78, 80, 90, 100, 119):
        event_s = SMILE.onset_s + (index / 200 - 0.3) / stretch
        if stretch > 1 and index % 2 and index > 60:
            continue  # between two keys, where the line is not the cosine
        expected = truth(take, head, index, event_s, strength, detail=True)
        np.testing.assert_allclose(evaluated(thing, 1 + index), expected, atol=METRES)


def test_a_strip_leaves_the_action_as_it_was(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]
) -> None:
    build_scene(bpy.context, smiling(head, make_take), head, clip_path="clip.mp4")

    def raw() -> list[tuple[str, list[tuple[float, ...]]]]:
        bags = bpy.data.actions["clip"].layers[0].strips[0].channelbags
        return [(c.data_path, [tuple(p.co) for p in c.keyframe_points]) for bag in bags for c in bag.fcurves]

    before = raw()
    insert(61, kind="STRIP")
    assert raw() == before
    *_, track = bpy.data.objects["clip head"].data.shape_keys.animation_data.nla_tracks
    assert track.strips[0].frame_start == 61 and track.strips[0].frame_end == pytest.approx(81)


def test_another_head_does_it_without_the_first_ones_detail(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]
) -> None:
    take = smiling(head, make_take)
    for name in ("one.mp4", "two.mp4"):
        build_scene(bpy.context, take, head, clip_path=name)
    bpy.context.view_layer.objects.active = bpy.data.objects["one head"]
    assert bpy.ops.microface.store_event() == {"FINISHED"}
    assert keying(bpy.context).event.name == "AU12 micro 1 mouthSmile"
    bpy.context.view_layer.objects.active = bpy.data.objects["two head"]
    insert(61, strength=2.0)
    for index in (30, 66, 70, 75):
        event_s = SMILE.onset_s + index / 200 - 0.3
        plain = truth(take, head, index, 9.0, 0.0, detail=False)
        np.testing.assert_allclose(evaluated(bpy.data.objects["one head"], 1 + index), plain, atol=METRES)
        done = truth(take, head, index, event_s, 2.0, detail=False)
        np.testing.assert_allclose(evaluated(bpy.data.objects["two head"], 1 + index), done, atol=METRES)


def test_a_stored_event_keeps_its_time_in_a_scene_of_another_rate(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]
) -> None:
    take = smiling(head, make_take)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    bpy.ops.microface.store_event()
    bpy.context.scene.render.fps = 50  # the head's keys now take four times as long, the stored event does not
    thing = bpy.data.objects["clip head"]
    for kind in ("KEYS", "STRIP"):
        insert(81, kind=kind)
        keys = thing.data.shape_keys.key_blocks
        bpy.context.scene.frame_set(83, subframe=0.5)  # half of 0.1 s later: the apex
        assert keys["mouthSmileRight"].value == pytest.approx(0.6 if kind == "KEYS" else 1.2, abs=1e-5)
        bpy.context.scene.frame_set(86)
        assert keys["mouthSmileRight"].value == pytest.approx(0, abs=1e-5)


def test_bones_turn_further_by_the_events_turn(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]
) -> None:
    """The jaw drops in the event; where it is inserted the jaw is already turned."""
    event = replace(SMILE, units=("jawOpen",))
    take = make_take(head, frames=FRAMES, events=(event,))
    pose = 0 * take.pose
    pose[:, 2, 0] = bump(take.time_s, 0.3)
    pose[50:, 2, 1] = 0.2
    take = replace(take, pose=pose.astype(np.float32), expression=0 * take.expression, detail=0 * take.detail)
    for kind in ("KEYS", "STRIP"):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
        build_scene(bpy.context, take, head, clip_path="clip.mp4")
        insert(61, kind=kind, strength=2.0)
        for index in (20, 55, 65, 70, 77, 100):
            from mathutils import Quaternion

            more = 2 * bump(np.array([SMILE.onset_s + index / 200 - 0.3]), 0.3)[0]
            turn = Quaternion((1, 0, 0), more) @ Quaternion(pose[index, 2])
            expected = take.pose[index].astype(float)
            expected[2] = turn.to_exponential_map()
            shown = head.vertices(
                take.shape, take.expression[index], expected, take.translation[index], take.shape_offset
            )
            found = evaluated(bpy.data.objects["clip head"], 1 + index)
            correctives = np.abs(head.pose_correctives).max() * 36 * more  # baked ones follow the take alone
            np.testing.assert_allclose(found, shown, atol=METRES if more < 1e-6 else correctives)
            bone = bpy.data.objects["clip rig"].pose.bones["jaw"].rotation_quaternion
            assert bone.rotation_difference(turn).angle < 1e-4


def test_a_motion_beyond_a_shape_keys_limit_is_refused_before_anything_changes(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]
) -> None:
    build_scene(bpy.context, smiling(head, make_take), head, clip_path="clip.mp4")
    keys = bpy.data.objects["clip head"].data.shape_keys
    curves = keys.animation_data.action.layers[0].strips[0].channelbag(keys.animation_data.action_slot).fcurves
    before = [[tuple(point.co) for point in curve.keyframe_points] for curve in curves]
    keying(bpy.context).strength = 20
    with pytest.raises(RuntimeError, match=r"mouthSmileRight is keyed to 12\.\d+.*at most 0\.8\d+ times"):
        bpy.context.scene.frame_set(61)
        bpy.ops.microface.insert_event()
    assert [[tuple(point.co) for point in curve.keyframe_points] for curve in curves] == before


def test_a_stored_event_is_an_asset_with_a_picture(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    take = smiling(head, make_take)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    bpy.context.scene.frame_set(77)
    list_of(bpy.data.objects["clip head"]).events[0].emotion = "happiness"
    bpy.ops.microface.store_event()
    assert bpy.context.scene.frame_current == 77
    action = bpy.data.actions["AU12 happiness micro 1 mouthSmile"]
    assert {tag.name for tag in action.asset_data.tags} == {"microface", "micro", "happiness", "AU12"}
    assert "100 ms" in action.asset_data.description
    path = str(tmp_path / "events.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
    with bpy.data.libraries.load(path, assets_only=True) as (there, wanted):
        assert there.actions == ["AU12 happiness micro 1 mouthSmile"]
        wanted.actions = there.actions
    preview = wanted.actions[0].preview
    assert preview is not None and tuple(preview.image_size) == (256, 256)
    pixels = np.array(preview.image_pixels_float[:]).reshape(256, 256, 4)
    covered = np.abs(pixels[..., :3] - pixels[0, 0, :3]).max(-1) > 0.02
    assert 0.2 < covered.mean() < 0.95 and pixels[covered][:, 0].std() > 0.02
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    keying(bpy.context).event = wanted.actions[0]
    insert(61)
    expected = truth(take, head, 70, SMILE.apex_s, 1.0, detail=True)
    np.testing.assert_allclose(evaluated(bpy.data.objects["clip head"], 71), expected, atol=METRES)


def test_buttons_say_why_they_cannot_be_pressed(
    addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]
) -> None:
    with pytest.raises(RuntimeError, match="Select a head first"):
        bpy.ops.microface.insert_event()
    build_scene(bpy.context, make_take(head, events=()), head, clip_path="clip.mp4")
    with pytest.raises(RuntimeError, match="Choose an event in the list, or a stored one"):
        bpy.ops.microface.insert_event()
    with pytest.raises(RuntimeError, match="Choose an event in the list first"):
        bpy.ops.microface.store_event()
    assert not list_of(bpy.data.objects["clip head"]).events
