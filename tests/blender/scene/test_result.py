# SPDX-License-Identifier: GPL-3.0-or-later
"""A result on a character under its settings, against the raw values times what was set, as Blender plays it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector
from microface.backend.errors import MicrofaceError
from microface.backend.retarget.mapping import Mapping, Row
from microface.backend.retarget.performance import Performance, write_performance
from microface.backend.retarget.rig import read_rig
from microface.operators.result import chosen_character, result_of, results_of, strength_path
from microface.operators.scene import result
from microface.operators.scene.character import find_character
from microface.operators.scene.retarget import key_from_file, probe_to_file
from microface.operators.scene.rig import Control, find_controls
from microface.operators.scene.rig_action import write_action
from microface.operators.scene.rig_curves import rest_of

FRAMES, FPS = 30, 60
REGIONS = {"smile_L": "mouth", "smile_R": "mouth", "browUp": "brows"}
BONES = ("lid.L", "lid.R")


def blocks() -> Any:
    return bpy.data.objects["skin"].data.shape_keys.key_blocks


def acted(names: list[str]) -> Performance:
    """Every control on its own course, within its limits at twice its strength; no face for a while."""
    phase = np.arange(FRAMES)[:, None] / FRAMES + np.arange(len(names)) / len(names)
    keyed = np.ones(FRAMES, bool)
    keyed[10:13] = False
    values = 0.1 + 0.05 * np.sin(6 * phase)
    regions = tuple(REGIONS.get(name, "eyes") for name in names)
    return Performance(tuple(names), 2 + np.arange(FRAMES) / FPS, values, keyed, np.ones(len(names), bool), 1.0,
                       regions=regions)  # fmt: skip


def put(rig: bpy.types.Object, existing: Any = "refuse", **options: Any) -> tuple[Performance, list[Control]]:
    """A take on the rig, by the steps of the operator."""
    controls = find_controls(find_character(bpy.context))
    controls = [control for control in controls if control.kind != "location"]
    performance = acted([control.name for control in controls])
    table: Mapping = tuple(Row(one.name, one.kind, (), True, 1.0, one.low, one.high) for one in controls)
    rests = [rest_of(control) for control in controls]
    action = write_action(bpy.context.scene, controls, performance, "clip", existing, **options)
    result.keep(
        rig,
        action,
        controls,
        rests,
        performance,
        table,
        take="clip.take.npz",
        existing=existing,
        start=1.0,
        strength=1.0,
    )
    return performance, controls


def show(second: float) -> None:
    frame = second * FPS + 1
    bpy.context.scene.frame_set(int(np.floor(frame + 1e-6)), subframe=max(0.0, frame - np.floor(frame + 1e-6)))


def value(performance: Performance, name: str, row: int) -> float:
    return float(performance.values[row, performance.names.index(name)])


def turn(name: str) -> np.ndarray:
    return np.array(bpy.data.objects["Rig"].pose.bones[name].matrix_basis.to_quaternion().to_exponential_map())


def raw_turn(performance: Performance, bone: str, row: int) -> np.ndarray:
    return np.array([value(performance, f"{bone} turn {axis}", row) for axis in "xyz"])


ROWS = (0, 5, 9, 20, 29)


def test_strengths_act_overall_and_by_region_without_a_new_solve(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    settings = result_of(rig)
    settings.strength, settings.strength_brows, settings.strength_eyes = 1.5, 2.0, 0.5
    for row in ROWS:
        show(performance.time_s[row])
        assert blocks()["smile_L"].value == pytest.approx(1.5 * value(performance, "smile_L", row), abs=1e-6)
        assert blocks()["browUp"].value == pytest.approx(0.3 + 3 * value(performance, "browUp", row), abs=1e-6)
        np.testing.assert_allclose(turn("lid.R"), 0.75 * raw_turn(performance, "lid.R", row), atol=1e-6)
    assert bpy.ops.microface.reset_result() == {"FINISHED"}
    for row in ROWS:
        show(performance.time_s[row])
        assert blocks()["browUp"].value == pytest.approx(0.3 + value(performance, "browUp", row), abs=1e-6)
        np.testing.assert_allclose(turn("lid.L"), raw_turn(performance, "lid.L", row), atol=1e-6)


def test_a_strength_of_nothing_leaves_the_rig_at_rest(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    result_of(rig).strength = 0.0
    show(performance.time_s[5])
    assert blocks()["browUp"].value == pytest.approx(0.3, abs=1e-6)
    assert np.abs(turn("lid.L")).max() < 1e-6


def test_the_table_acts_row_by_row(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    rows = result_of(rig).controls
    rows["smile_L"].gain, rows["smile_R"].use, rows["browUp"].high = 2.0, False, 0.1
    rows["smile_L"].region = "brows"
    result_of(rig).strength_brows = 1.25
    for row in ROWS:
        show(performance.time_s[row])
        assert blocks()["smile_L"].value == pytest.approx(2.5 * value(performance, "smile_L", row), abs=1e-6)
        assert blocks()["smile_R"].value == pytest.approx(0, abs=1e-6)
        brow = min(0.1, 1.25 * value(performance, "browUp", row))
        assert blocks()["browUp"].value == pytest.approx(0.3 + brow, abs=1e-6)


def test_offset_and_duration_move_the_keys(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    settings = result_of(rig)
    settings.start, settings.stretch = 61.0, 2.0  # a second later, half as fast, about its own first frame
    for row in ROWS:
        show(2 + 1 + 2 * (performance.time_s[row] - 2))
        assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_L", row), abs=1e-5)
    show(2 + 1 + 2 * (performance.time_s[11] - 2))  # no face: held
    assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_L", 9), abs=1e-6)


def test_a_mirrored_motion_is_the_mirror_image(rig: bpy.types.Object) -> None:
    """Bones against the reflection of their turn in the armature's own space."""
    performance, _ = put(rig)
    result_of(rig).mirror = True
    across = np.diag([-1.0, 1, 1])
    for row in ROWS:
        show(performance.time_s[row])
        assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_R", row), abs=1e-6)
        assert blocks()["smile_R"].value == pytest.approx(value(performance, "smile_L", row), abs=1e-6)
        assert blocks()["browUp"].value == pytest.approx(0.3 + value(performance, "browUp", row), abs=1e-6)
        rests = {name: np.array(rig.data.bones[name].matrix_local.to_3x3()) for name in BONES}
        vector = Vector(raw_turn(performance, "lid.R", row))
        turned = np.array(Matrix.Rotation(vector.length, 3, vector))
        truth = across @ rests["lid.R"] @ turned @ rests["lid.R"].T @ across
        shown = rests["lid.L"] @ np.array(rig.pose.bones["lid.L"].matrix_basis.to_3x3()) @ rests["lid.L"].T
        np.testing.assert_allclose(shown, truth, atol=2e-6)


def test_a_keyed_strength_acts_frame_by_frame(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    settings = result_of(rig)
    path = strength_path(settings, "")
    for second, strength in ((2.0, 0.0), (2.25, 1.0), (2.5, 3.0)):
        settings.strength = strength
        rig.keyframe_insert(path, frame=second * FPS + 1)
    slot = rig.animation_data.action_slot
    curve = rig.animation_data.action.layers[0].strips[0].channelbag(slot).fcurves.find(path)
    for point in curve.keyframe_points:
        point.interpolation = "LINEAR"
    curve.update()
    rig.animation_data.action.update_tag()
    bpy.context.view_layer.update()
    for row in (0, 5, 9, 20, 29):
        show(performance.time_s[row])
        strength = np.interp(performance.time_s[row], (2, 2.25, 2.5), (0, 1, 3))
        assert settings.strength == pytest.approx(strength, abs=1e-4)
        assert blocks()["smile_L"].value == pytest.approx(strength * value(performance, "smile_L", row), abs=1e-5)
    bpy.ops.microface.reset_result()
    show(performance.time_s[0])
    assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_L", 0), abs=1e-6)


@pytest.mark.parametrize("blend", ["REPLACE", "ADD"])
def test_a_strip_over_other_animation_obeys_too(rig: bpy.types.Object, blend: str) -> None:
    """The artist's part stays as it is at any strength and any place of the strip."""
    keys = bpy.data.objects["skin"].data.shape_keys
    for frame, own in ((1, 0.0), (400, 0.4)):
        blocks()["smile_L"].value = own
        blocks()["smile_L"].keyframe_insert("value", frame=frame)
    for point in keys.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points:
        point.interpolation = "LINEAR"
    keys.animation_data.action_blend_type = blend
    performance, _ = put(rig, "add")
    settings = result_of(rig)
    settings.strength, settings.start, settings.stretch = 2.0, 31.0, 1.5
    for row in ROWS:
        second = 2 + 0.5 + 1.5 * (performance.time_s[row] - 2)
        show(second)
        own = 0.4 * second * FPS / 399
        assert blocks()["smile_L"].value == pytest.approx(own + 2 * value(performance, "smile_L", row), abs=1e-4)
    show(5.0)
    assert blocks()["smile_L"].value == pytest.approx(0.4 * 300 / 399, abs=1e-5)


def test_what_was_edited_by_hand_is_kept_as_a_copy(rig: bpy.types.Object) -> None:
    put(rig)
    result_of(rig).strength = 1.1
    assert "clip edited" not in bpy.data.actions
    keys = bpy.data.objects["skin"].data.shape_keys
    curve = keys.animation_data.action.layers[0].strips[0].channelbag(keys.animation_data.action_slot).fcurves[0]
    curve.keyframe_points[3].co[1] = 0.77
    result_of(rig).strength = 1.2
    kept = bpy.data.actions["clip edited"]
    bags = [bag for bag in kept.layers[0].strips[0].channelbags if bag.slot.identifier.startswith("KE")]
    assert bags[0].fcurves[0].keyframe_points[3].co[1] == pytest.approx(0.77)
    assert kept.use_fake_user
    assert curve.keyframe_points[3].co[1] != pytest.approx(0.77)


def test_it_is_solved_no_more_after_a_bake(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    result_of(rig).strength = 2.0
    assert bpy.ops.microface.bake_result() == {"FINISHED"}
    assert chosen_character(bpy.context) is None
    assert not bpy.ops.microface.bake_result.poll()
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(2 * value(performance, "smile_L", 5), abs=1e-6)
    assert not [name for name in bpy.data.actions["clip"].keys() if name.startswith("microface")]  # noqa: SIM118


def test_settings_outlive_the_file(rig: bpy.types.Object, tmp_path: Path) -> None:
    performance, _ = put(rig)
    result_of(rig).strength = 2.0
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    again = bpy.data.objects["Rig"]
    assert result_of(again).strength == 2.0
    result_of(again).strength_mouth = 0.5
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_L", 5), abs=1e-6)


def test_a_lost_control_is_told_and_nothing_is_changed(rig: bpy.types.Object) -> None:
    performance, _ = put(rig)
    bpy.data.objects["skin"].shape_key_remove(blocks()["smile_R"])
    result_of(rig).strength = 2.0
    assert "no 'smile_R'" in result_of(rig).problem
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_L", 5), abs=1e-6)


def test_the_table_goes_to_a_file_and_back(rig: bpy.types.Object, tmp_path: Path) -> None:
    performance, _ = put(rig)
    rows = result_of(rig).controls
    rows["smile_L"].gain, rows["smile_R"].use, rows["browUp"].high = 0.7, False, 0.1
    bpy.ops.microface.save_table(filepath=str(tmp_path / "a.json"))
    saved = {row["name"]: row for row in json.loads((tmp_path / "a.json").read_text())["controls"]}
    assert (saved["smile_L"]["strength"], saved["smile_R"]["use"], saved["browUp"]["high"]) == (0.7, False, 0.1)
    bpy.ops.microface.reset_result()
    rows["smile_R"].use, rows["browUp"].high = True, 1.0
    assert rows["smile_L"].gain == 1
    bpy.ops.microface.load_table(filepath=str(tmp_path / "a.json"))
    assert rows["smile_L"].gain == pytest.approx(0.7)
    assert (rows["smile_R"].use, rows["browUp"].high) == (False, pytest.approx(0.1))
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(0.7 * value(performance, "smile_L", 5), abs=1e-6)
    content = json.loads((tmp_path / "a.json").read_text())
    content["controls"] = [{**row, "name": f"x{row['name']}"} for row in content["controls"]]
    (tmp_path / "b.json").write_text(json.dumps(content))
    with pytest.raises(RuntimeError, match="another rig's"):
        bpy.ops.microface.load_table(filepath=str(tmp_path / "b.json"))
    (tmp_path / "c.json").write_text("{}")
    with pytest.raises(RuntimeError, match="no table of controls"):
        bpy.ops.microface.load_table(filepath=str(tmp_path / "c.json"))
    assert rows["smile_L"].gain == pytest.approx(0.7)


def test_gains_count_from_what_was_solved(rig: bpy.types.Object) -> None:
    """A take solved with a gain of 2 has it in its values; a control that was left out has none."""
    controls = [one for one in find_controls(find_character(bpy.context)) if one.kind == "key"]
    performance = acted([control.name for control in controls])
    silent = performance.names.index("smile_R")
    performance.values[:, silent] = 0
    table = [Row(one.name, one.kind, (), True, 2.0, one.low, one.high) for one in controls]
    table[silent] = replace(table[silent], use=False)
    rests = [rest_of(control) for control in controls]
    action = write_action(bpy.context.scene, controls, performance, "clip")
    result.keep(
        rig, action, controls, rests, performance, tuple(table), take="", existing="refuse", start=1.0, strength=1.0
    )
    rows = result_of(rig).controls
    rows["smile_L"].gain = 1.0
    rows["smile_R"].use = True
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(value(performance, "smile_L", 5) / 2, abs=1e-6)
    assert blocks()["smile_R"].value == 0


def test_animation_made_while_the_worker_runs_is_seen(rig: bpy.types.Object, tmp_path: Path) -> None:
    probe_to_file(bpy.context, rig, "refuse", "auto", tmp_path)
    names = read_rig(tmp_path / "rig.npz").names
    write_performance(tmp_path / "controls.npz", acted(list(names)))
    blocks()["smile_R"].keyframe_insert("value", frame=1)
    before = len(bpy.data.actions)
    with pytest.raises(MicrofaceError, match="animated already"):
        key_from_file(bpy.context, rig, tmp_path, "clip", "refuse", 1.0, 1.0)
    assert (len(bpy.data.actions), result_of(rig)) == (before, None)


@pytest.mark.parametrize(("which", "refused"), [("auto", True), ("bones", True), ("all", True), ("keys", False)])
def test_animated_bones_are_told_before_the_work(
    rig: bpy.types.Object, tmp_path: Path, which: str, refused: bool
) -> None:
    """Where they may be moved: a rig of few keys needs its bones."""
    rig.pose.bones["lid.L"].keyframe_insert("location", frame=1)
    if refused:
        with pytest.raises(MicrofaceError, match="Rig is animated already"):
            probe_to_file(bpy.context, rig, "refuse", which, tmp_path)
        return
    probe_to_file(bpy.context, rig, "refuse", which, tmp_path)
    assert (tmp_path / "rig.npz").is_file()


def test_two_takes_on_one_character_are_set_apart(rig: bpy.types.Object, tmp_path: Path) -> None:
    """Both act, each under its own settings, keyed ones too; what remains after a bake of one still obeys."""
    performance, _ = put(rig)
    put(rig, "add")
    first, second = results_of(rig)
    assert result_of(rig) == second
    raw = value(performance, "smile_L", 5)
    first.strength, second.strength_mouth = 2.0, 0.5
    first.controls["smile_R"].use = False
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(2.5 * raw, abs=1e-5)
    assert blocks()["smile_R"].value == pytest.approx(0.5 * value(performance, "smile_R", 5), abs=1e-5)
    np.testing.assert_allclose(turn("lid.L"), 3 * raw_turn(performance, "lid.L", 5), atol=0.03)
    second.start = 400.0
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(2 * raw, abs=1e-5)
    second.start = 1.0
    for frame, strength in ((1, 0.0), (performance.time_s[5] * FPS + 1, 4.0)):
        second.strength = strength
        rig.keyframe_insert(strength_path(second, ""), frame=frame)
    rig.animation_data.action.update_tag()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    rig = bpy.data.objects["Rig"]
    bpy.context.view_layer.objects.active = rig
    first, second = results_of(rig)
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(4 * raw, abs=1e-5)
    rig.microface_chosen = 0
    assert bpy.ops.microface.bake_result() == {"FINISHED"}
    result_of(rig).strength_mouth = 0.25
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(3 * raw, abs=1e-5)
    points = rig.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points
    points[1].co[1] = 2.0
    rig.animation_data.action.update_tag()
    bpy.context.view_layer.update()
    show(performance.time_s[5])
    assert blocks()["smile_L"].value == pytest.approx(2.5 * raw, abs=1e-5)
    put(rig, "replace")
    assert [one.name for one in results_of(rig)] == [result_of(rig).action.name]
