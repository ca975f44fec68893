# SPDX-License-Identifier: GPL-3.0-or-later
"""The list of events: what a take brings, and what an artist's corrections do to rows, markers and playhead."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.types import Event, Take  # noqa: E402
from microface.models.head.model import HeadModel  # noqa: E402
from microface.operators import play_event  # noqa: E402
from microface.operators.micro_expressions import list_of  # noqa: E402
from microface.operators.scene.build import build_scene, write_blend  # noqa: E402

ROOT = Path(__file__).resolve().parents[3]
EVENTS = (
    Event(0.05, 0.1, 0.15, "micro", ("mouthSmileRight", "mouthSmileLeft"), 1.0, 0.1, 0.9),
    Event(0.11, 0.12, 0.13, "blink", ("eyeBlinkLeft",), 2.0, 0.2, 0.8),
    Event(0.16, 0.18, 0.19, "micro", ("browInnerUp",), 0.5, 0.1, 0.7, "surprise"),
)


@pytest.fixture
def take(head: HeadModel, make_take: Callable[..., Take]) -> Take:
    return make_take(head, events=EVENTS)


@pytest.fixture
def thing(addon: ModuleType, head: HeadModel, take: Take) -> Any:
    """The head of a take of 40 frames at 200 a second, in a scene that runs at this rate."""
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    return bpy.data.objects["clip head"]


def rows(thing: Any) -> list[tuple[str, str, float, float, float]]:
    return [
        (row.name, row.kind, round(row.onset_s, 4), round(row.apex_s, 4), round(row.offset_s, 4))
        for row in list_of(thing).events
    ]


def marks(markers: Any) -> set[tuple[str, int]]:
    return {(marker.name, marker.frame) for marker in markers}


def expected_marks(thing: Any) -> set[tuple[str, int]]:
    """Time 0 is frame 1, 200 frames a second."""
    return {
        (f"{name} {phase}", round(1 + 200 * seconds))
        for name, _, *moments in rows(thing)
        for phase, seconds in zip(("onset", "apex", "offset"), moments, strict=True)
    }


def assert_markers_follow(thing: Any) -> None:
    assert marks(bpy.context.scene.timeline_markers) == expected_marks(thing)
    assert marks(bpy.data.actions["clip"].pose_markers) == expected_marks(thing)


def test_a_row_says_what_the_take_says(thing: Any) -> None:
    assert rows(thing) == [
        ("micro 1 mouthSmile", "micro", 0.05, 0.1, 0.15),
        ("blink 2 eyeBlinkLeft", "blink", 0.11, 0.12, 0.13),
        ("micro 3 browInnerUp", "micro", 0.16, 0.18, 0.19),
    ]
    assert [row.action_units for row in list_of(thing).events] == ["12", "L45", "1"]
    first = list_of(thing).events[0]
    assert (first.peak_px, first.peak_std_px, first.confidence) == pytest.approx((1.0, 0.1, 0.9))
    assert_markers_follow(thing)


def test_a_click_goes_to_the_apex(thing: Any) -> None:
    for number, frame in ((0, 21), (2, 37), (1, 25), (1, 25)):
        bpy.context.scene.frame_set(3)
        list_of(thing).clicked = number
        assert bpy.context.scene.frame_current == frame
        assert list_of(thing).clicked == number


def test_renaming_renames_the_markers(thing: Any) -> None:
    list_of(thing).events[2].name = "a doubt"
    assert_markers_follow(thing)
    assert ("a doubt apex", 37) in marks(bpy.context.scene.timeline_markers)


def test_deleting(thing: Any) -> None:
    list_of(thing).chosen = 1
    bpy.context.scene.frame_set(7)
    assert bpy.ops.microface.delete_event() == {"FINISHED"}
    assert [row[0] for row in rows(thing)] == ["micro 1 mouthSmile", "micro 3 browInnerUp"]
    assert list_of(thing).chosen == 1 and bpy.context.scene.frame_current == 7
    assert_markers_follow(thing)
    bpy.ops.microface.delete_event()
    bpy.ops.microface.delete_event()
    assert not rows(thing) and not bpy.context.scene.timeline_markers
    with pytest.raises(RuntimeError, match="Choose an event in the list first"):
        bpy.ops.microface.delete_event()


def test_merging_takes_the_larger_ones_apex(thing: Any) -> None:
    list_of(thing).chosen = 0
    assert bpy.ops.microface.merge_event() == {"FINISHED"}
    assert rows(thing)[0] == ("micro 1 mouthSmile", "blink", 0.05, 0.12, 0.15)
    assert list_of(thing).events[0].units == "eyeBlinkLeft,mouthSmileRight,mouthSmileLeft"
    assert list_of(thing).events[0].action_units == "L45+12"
    assert_markers_follow(thing)
    list_of(thing).chosen = 1
    with pytest.raises(RuntimeError, match="There is no event after this one"):
        bpy.ops.microface.merge_event()


def test_splitting_at_the_playhead(thing: Any, take: Take) -> None:
    list_of(thing).chosen = 0
    bpy.context.scene.frame_set(26)  # 0.125 s
    assert bpy.ops.microface.split_event() == {"FINISHED"}
    first, second = rows(thing)[:2]
    assert first == ("micro 1 mouthSmile", "micro", 0.05, 0.1, 0.125)
    unit = take.expression[:, take.expression_names.index("mouthSmileRight")]
    moved = abs(unit[25:31] - unit[10])  # from onset, in the frames of the second part
    assert second[0] == "micro 1 mouthSmile.001" and second[2] == 0.125 and second[4] == 0.15
    assert second[3] == pytest.approx((25 + moved.argmax()) / 200, abs=1e-4)
    size = list_of(thing).events[1].peak_px
    assert size == pytest.approx(moved.max() / abs(unit[20] - unit[10]), rel=1e-4)
    assert_markers_follow(thing)
    bpy.context.scene.frame_set(2)
    before = rows(thing)
    with pytest.raises(RuntimeError, match=r"0\.005 s is not inside.*Move the playhead"):
        bpy.ops.microface.split_event()
    assert rows(thing) == before


def test_moments_are_set_from_the_playhead(thing: Any) -> None:
    list_of(thing).chosen = 0
    for phase, frame, number in (("apex", 19, 0), ("offset", 24, 0), ("onset", 15, 0)):
        bpy.context.scene.frame_set(frame)
        assert bpy.ops.microface.set_phase(phase=phase) == {"FINISHED"}
        assert rows(thing)[number][0] == "micro 1 mouthSmile" and bpy.context.scene.frame_current == frame
    assert rows(thing)[0][2:] == (0.07, 0.09, 0.115)
    assert_markers_follow(thing)
    bpy.context.scene.frame_set(10)
    with pytest.raises(RuntimeError, match=r"The apex cannot be at 0\.045 s"):
        bpy.ops.microface.set_phase(phase="apex")
    assert rows(thing)[0][2:] == (0.07, 0.09, 0.115)


def test_a_later_onset_sorts_the_list_anew(thing: Any) -> None:
    list_of(thing).chosen = 0
    for phase, frame in (("offset", 40), ("apex", 39), ("onset", 38)):
        bpy.context.scene.frame_set(frame)
        bpy.ops.microface.set_phase(phase=phase)
    assert [row[0] for row in rows(thing)] == ["blink 2 eyeBlinkLeft", "micro 3 browInnerUp", "micro 1 mouthSmile"]
    assert list_of(thing).chosen == 2


def test_a_longer_event_is_macro(addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]) -> None:
    build_scene(bpy.context, make_take(head, frames=200, events=EVENTS[:1]), head, clip_path="clip.mp4")
    thing = bpy.data.objects["clip head"]
    for frame, kind in ((111, "micro"), (112, "macro"), (60, "micro")):
        bpy.context.scene.frame_set(frame)
        bpy.ops.microface.set_phase(phase="offset")
        assert list_of(thing).events[0].kind == kind


def test_every_correction_can_be_undone(thing: Any) -> None:
    bpy.context.preferences.edit.use_global_undo = True
    list_of(thing).chosen = 0
    bpy.ops.ed.undo_push(message="built")
    before, markers = rows(thing), marks(bpy.context.scene.timeline_markers)
    for edit in (bpy.ops.microface.merge_event, bpy.ops.microface.delete_event):
        edit("EXEC_DEFAULT", True)
        assert rows(bpy.data.objects["clip head"]) != before
        bpy.ops.ed.undo()
        assert rows(bpy.data.objects["clip head"]) == before
        assert marks(bpy.context.scene.timeline_markers) == markers


def test_as_measured_sets_every_strength_to_one_and_takes_keys_away(thing: Any) -> None:
    for name in ("strength", "strength_mouth"):
        thing[name] = 4.0
        thing.keyframe_insert(f'["{name}"]', frame=3)
        thing[name] = 2.0
        thing.keyframe_insert(f'["{name}"]', frame=30)
    thing["strength_eyes"] = 0.5
    keyed = sum(len(bag.fcurves) for bag in bpy.data.actions["clip"].layers[0].strips[0].channelbags)
    assert bpy.ops.microface.reset_strength() == {"FINISHED"}
    bpy.context.scene.frame_set(20)
    assert [thing[name] for name in ("strength", "strength_mouth", "strength_eyes", "strength_jaw")] == [1.0] * 4
    assert sum(len(bag.fcurves) for bag in bpy.data.actions["clip"].layers[0].strips[0].channelbags) == keyed - 2


def test_events_belong_to_their_head(addon: ModuleType, head: HeadModel, take: Take) -> None:
    """The same take twice: markers they share stay until neither wants them."""
    for name in ("one.mp4", "two.mp4"):
        build_scene(bpy.context, take, head, clip_path=name)
    one, two = bpy.data.objects["one head"], bpy.data.objects["two head"]
    assert len(bpy.context.scene.timeline_markers) == 9
    bpy.context.view_layer.objects.active = one
    list_of(one).chosen = 0
    bpy.ops.microface.delete_event()
    assert len(rows(one)) == 2 and len(rows(two)) == 3
    assert marks(bpy.context.scene.timeline_markers) == expected_marks(two)
    assert marks(bpy.data.actions["one"].pose_markers) == expected_marks(one)
    bpy.context.view_layer.objects.active = two
    list_of(two).chosen = 0
    bpy.ops.microface.delete_event()
    assert marks(bpy.context.scene.timeline_markers) == expected_marks(one)


def test_the_list_is_saved_also_by_the_command_line(
    addon: ModuleType, head: HeadModel, take: Take, tmp_path: Path
) -> None:
    from microface.operators import micro_expressions
    from microface.operators.lent import lent

    addon.unregister()
    assert not micro_expressions.attached()
    with lent(micro_expressions):
        write_blend(tmp_path / "a.blend", take, head, "clip.mp4")
    assert not micro_expressions.attached()
    addon.register()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert len(rows(bpy.data.objects["clip head"])) == 3


def test_the_player_repeats_the_event_slowly(thing: Any) -> None:
    """The event lasts 0.1 s, with 0.2 s around it: 0.5 s, in 2 s at a quarter of the speed."""
    list_of(thing).chosen, list_of(thing).speed = 0, 0.25
    for elapsed, shown in ((0.0, -0.15), (1.0, 0.1), (1.99, 0.3475), (2.01, -0.1475), (3.0, 0.1)):
        assert play_event.moment(bpy.context, elapsed) == pytest.approx(shown, abs=1e-6)
    play_event.go_to(bpy.context, 0.1012)
    assert bpy.context.scene.frame_current_final == pytest.approx(21.24, abs=1e-4)


def test_an_annotated_event_of_unknown_size(addon: ModuleType, head: HeadModel, make_take: Callable[..., Take]) -> None:
    nan = float("nan")
    events = (replace(EVENTS[0], peak_px=nan, peak_std_px=nan), EVENTS[2])
    build_scene(bpy.context, make_take(head, events=events), head, clip_path="clip.mp4")
    thing = bpy.data.objects["clip head"]
    bpy.ops.microface.merge_event()
    assert rows(thing)[0][3] == 0.18  # of the one that was measured
