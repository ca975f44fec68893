# SPDX-License-Identifier: GPL-3.0-or-later
"""What is keyed on a character, alone and over the animation that is there."""

from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector
from microface.backend.errors import MicrofaceError
from microface.operators.scene.character import find_character
from microface.operators.scene.probe import probe
from microface.operators.scene.rest import keyed
from microface.operators.scene.rig import find_controls
from microface.operators.scene.rig_action import write_action
from microface.tests.blender.scene.skin_and_lashes import animate, evaluated, played, show, state, told


@pytest.mark.parametrize("fps", [24, 60])
def test_the_action_plays_what_was_found_at_the_sources_times(character: bpy.types.Object, fps: int) -> None:
    bpy.context.scene.render.fps = fps
    found = find_character(bpy.context)
    rig, kept = probe(bpy.context, found, find_controls(found))
    performance = played(kept)
    action = write_action(bpy.context.scene, kept, performance, "clip")
    owners = (*(mesh.data.shape_keys for mesh in found.meshes), character)
    assert {slot.identifier[:2] for slot in action.slots} == {"KE", "OB"}
    for owner in owners:
        assert owner.animation_data.action == action
        assert owner.animation_data.action_slot
    for row in (0, 5, 9, 14, 29):
        show(performance.time_s[row])
        shown = np.concatenate([evaluated(mesh.name) for mesh in found.meshes])
        np.testing.assert_allclose(shown, np.asarray(told(performance, rig, row)), atol=2e-4)
    show(performance.time_s[12])
    held = np.concatenate([evaluated(mesh.name) for mesh in found.meshes])
    np.testing.assert_allclose(held, told(performance, rig, 9), atol=2e-4)
    before = [key.value for key in owners[0].key_blocks]
    assert before[1] == pytest.approx(performance.values[9, kept.index(kept[0])], abs=1e-6)


def test_strength_is_kept_within_the_limits(character: bpy.types.Object) -> None:
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    smile = next(control for control in kept if control.name == "smile")
    key = bpy.data.objects["skin"].data.shape_keys.key_blocks["smile"]
    performance = played([smile])
    for strength in (0.5, 3.0, 100.0):
        write_action(bpy.context.scene, [smile], performance, "clip", "replace", strength=strength)
        show(performance.time_s[5])
        assert key.value == pytest.approx(min(strength * performance.values[5, 0], 1.0), abs=1e-6)


def test_existing_animation_is_not_touched_without_asking(character: bpy.types.Object) -> None:
    animate(character)
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    before = state()
    with pytest.raises(MicrofaceError, match="animated already") as caught:
        write_action(bpy.context.scene, kept, played(kept), "clip")
    assert caught.value.code == "animated_rig"
    assert state() == before


def test_animation_of_any_of_several_meshes_counts(character: bpy.types.Object) -> None:
    lash = bpy.data.objects["lashes"].data.shape_keys
    lash.key_blocks["Blink"].keyframe_insert("value", frame=1)
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    blink = [control for control in kept if control.name == "Blink"]
    with pytest.raises(MicrofaceError, match="animated already"):
        write_action(bpy.context.scene, blink, played(blink), "clip")
    assert lash.animation_data.action.name != "clip"


def test_it_is_added_to_existing_animation(character: bpy.types.Object) -> None:
    """Values add up on keys; where nothing is found, and outside the clip, all is as it was."""
    animate(character)
    skin = bpy.data.objects["skin"].data.shape_keys
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    kept = [control for control in kept if control.kind == "key"]
    performance = played(kept)
    bpy.context.scene.render.fps = 60
    alone = {}
    for row in (0, 5, 20):
        show(performance.time_s[row])
        alone[row] = skin.key_blocks["smile"].value
    old = skin.animation_data.action
    write_action(bpy.context.scene, kept, performance, "clip", existing="add")
    smile, blink = (performance.names.index(name) for name in ("smile", "Blink"))
    for row, value in alone.items():
        show(performance.time_s[row])
        assert skin.key_blocks["smile"].value == pytest.approx(value + performance.values[row, smile], abs=1e-5)
        assert skin.key_blocks["Blink"].value == pytest.approx(performance.values[row, blink], abs=1e-5)
    show(2.0)
    assert skin.key_blocks["smile"].value == pytest.approx(0.7, abs=1e-6)
    assert old in [track.strips[0].action for track in skin.animation_data.nla_tracks]
    assert character.animation_data.nla_tracks.items() == []  # its bones were not asked for


@pytest.mark.parametrize("blend", ["REPLACE", "ADD"])
def test_it_is_added_where_strips_of_the_artist_are_lowest(character: bpy.types.Object, blend: str) -> None:
    """What these show stays as it is, and what they do not move counts from 0 (Blender 5.0 begins at 1)."""
    animate(character)
    skin = bpy.data.objects["skin"].data.shape_keys
    data = skin.animation_data
    action, slot = data.action, data.action_slot
    data.action = None
    strip = data.nla_tracks.new().strips.new("artist", 1, action)
    strip.action_slot, strip.blend_type = slot, blend
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    kept = [control for control in kept if control.kind == "key"]
    performance = played(kept)
    smile, blink = (performance.names.index(name) for name in ("smile", "Blink"))
    bpy.context.scene.render.fps = 60
    alone = {}
    for row in (0, 5, 20):
        show(performance.time_s[row])
        alone[row] = skin.key_blocks["smile"].value
    write_action(bpy.context.scene, kept, performance, "clip", existing="add")
    for row, value in alone.items():
        show(performance.time_s[row])
        summed = min(value + performance.values[row, smile], 1.0)
        assert skin.key_blocks["smile"].value == pytest.approx(summed, abs=1e-5)
        assert skin.key_blocks["Blink"].value == pytest.approx(performance.values[row, blink], abs=1e-5)
    assert (data.nla_tracks[0].strips[0].action, data.nla_tracks[0].strips[0].blend_type) == (action, blend)


def test_an_action_that_only_adds_goes_on_adding(character: bpy.types.Object) -> None:
    animate(character)
    data = bpy.data.objects["skin"].data.shape_keys.animation_data
    data.action_blend_type, data.action_extrapolation, data.action_influence = "ADD", "NOTHING", 0.5
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    kept = [control for control in kept if control.name == "smile"]
    old = data.action
    write_action(bpy.context.scene, kept, played(kept), "clip", existing="add")
    strip = next(track.strips[0] for track in data.nla_tracks if track.strips[0].action == old)
    assert (strip.blend_type, strip.extrapolation, strip.influence) == ("ADD", "NOTHING", 0.5)
    assert strip.use_animated_influence


def test_another_datablocks_slot_moves_nothing_here(character: bpy.types.Object) -> None:
    """One action for two meshes: only the one whose slot has the curve counts as animated."""
    skin, lashes = (bpy.data.objects[name].data.shape_keys for name in ("skin", "lashes"))
    skin.key_blocks["Blink"].keyframe_insert("value", frame=1)
    action = skin.animation_data.action
    data = lashes.animation_data_create()
    data.action, data.action_slot = action, action.slots.new(id_type="KEY", name="lashes")
    path = 'key_blocks["Blink"].value'
    assert keyed(skin, path)
    assert not keyed(lashes, path)
    track = lashes.animation_data.nla_tracks.new()
    strip = track.strips.new("other", 1, action)
    strip.action_slot = skin.animation_data.action_slot
    assert keyed(lashes, path)


@pytest.mark.parametrize("mode", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX", "QUATERNION", "AXIS_ANGLE"])
def test_large_turns_play_in_every_rotation_mode(character: bpy.types.Object, mode: Any) -> None:
    """Against Blender's own product of matrices; from a bone that stands turned, and near an order's own limit."""
    bone = character.pose.bones["lip"]
    bone.rotation_mode = mode
    bone.matrix_basis = Matrix.Translation((0.1, 0.2, 0.3)) @ Euler((0.3, 1.2, -0.4)).to_matrix().to_4x4()
    bpy.context.view_layer.update()
    rest = bone.matrix_basis.copy()
    controls = [one for one in find_controls(find_character(bpy.context)) if one.name.startswith("lip")]
    performance = played(controls)
    performance.values[:, [control.kind == "rotation" for control in controls]] *= 150  # up to 0.6 rad
    bpy.context.scene.render.fps = 60
    write_action(bpy.context.scene, controls, performance, "clip")
    axes = {control.name: performance.values[:, column] for column, control in enumerate(controls)}
    for row in (0, 5, 9, 20):
        turn, shift = (Vector([axes[f"lip {kind} {a}"][row] for a in "xyz"]) for kind in ("turn", "shift"))
        show(performance.time_s[row])
        truth = rest @ Matrix.Translation(shift) @ Matrix.Rotation(turn.length, 4, turn)
        np.testing.assert_allclose(bone.matrix_basis, truth, atol=2e-6)


def test_bones_add_up_too(character: bpy.types.Object) -> None:
    animate(character)
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    kept = [control for control in kept if control.name == "brow turn x"]
    performance = played(kept)
    performance.values[:] *= 10
    bpy.context.scene.render.fps = 60
    show(performance.time_s[5])
    old = character.pose.bones["brow"].matrix_basis.copy()
    write_action(bpy.context.scene, kept, performance, "clip", existing="add")
    show(performance.time_s[5])
    truth = old @ Matrix.Rotation(performance.values[5, 0], 4, (1, 0, 0))
    np.testing.assert_allclose(character.pose.bones["brow"].matrix_basis, truth, atol=1e-4)


def test_what_is_replaced_is_kept(character: bpy.types.Object) -> None:
    animate(character)
    skin = bpy.data.objects["skin"].data.shape_keys
    old = skin.animation_data.action
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    action = write_action(bpy.context.scene, kept, played(kept), "clip", existing="replace")
    assert skin.animation_data.action == action
    assert old.use_fake_user
    show(1.0)  # beyond the clip nothing is left of the old animation
    smile = next(control for control in kept if control.name == "smile")
    assert skin.key_blocks["smile"].value == pytest.approx(played(kept).values[-1, kept.index(smile)], abs=1e-6)
    bpy.context.scene.frame_set(7)
    performance = played(kept)
    performance.values[:, kept.index(smile)] = 0
    write_action(bpy.context.scene, kept, performance, "clip", existing="replace")
    show(performance.time_s[5])
    assert skin.key_blocks["smile"].value == 0
    assert old.name in bpy.data.actions


def test_a_key_that_stood_somewhere_moves_from_there(character: bpy.types.Object) -> None:
    """A form that somebody dialled in is not a pose: it stays."""
    skin = bpy.data.objects["skin"].data.shape_keys.key_blocks
    skin["smile"].value = 0.6
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    smile = next(control for control in kept if control.name == "smile")
    assert (smile.low, smile.high) == (pytest.approx(-0.6), pytest.approx(0.4))
    performance = played([smile])
    write_action(bpy.context.scene, [smile], performance, "clip")
    show(performance.time_s[5])
    assert skin["smile"].value == pytest.approx(0.6 + performance.values[5, 0], abs=1e-6)


@pytest.mark.parametrize("existing", ["add", "replace"])
def test_an_animated_property_counts_from_its_default(character: bpy.types.Object, existing: Any) -> None:
    skin = bpy.data.objects["skin"]  # its animation is to be taken off like that of keys and bones
    skin["mood"] = 0.25
    skin.id_properties_ui("mood").update(min=-1.0, max=1.0, default=0.125)
    skin.keyframe_insert('["mood"]', frame=1)
    skin["mood"] = 0.75
    skin.keyframe_insert('["mood"]', frame=10)
    driver = skin.data.shape_keys.key_blocks["smile"].driver_add("value").driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = skin, '["mood"]'
    driver.expression = "var"
    bpy.context.scene.render.fps = 60
    bpy.context.scene.frame_set(10)
    found = find_character(bpy.context)
    rig, kept = probe(bpy.context, found, find_controls(found))
    assert skin["mood"] == 0.75
    number = [control.name for control in kept].index("skin mood")
    assert (rig.low[number], rig.high[number]) == (-1.125, 0.875)
    mood = kept[number]
    performance = played([mood])
    show(performance.time_s[5])
    before = skin["mood"] if existing == "add" else 0.125
    write_action(bpy.context.scene, [mood], performance, "clip", existing)
    show(performance.time_s[5])
    assert skin["mood"] == pytest.approx(before + performance.values[5, 0], abs=1e-5)


def test_a_bone_that_only_shifts_gets_no_turns(character: bpy.types.Object) -> None:
    """And one that stays away from rest all the time is keyed there."""
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    shift = next(control for control in kept if control.name == "brow shift x")
    performance = played([shift])
    performance.values[:] = 0.01
    action = write_action(bpy.context.scene, [shift], performance, "clip")
    curves = action.layers[0].strips[0].channelbags[0].fcurves
    assert {curve.data_path for curve in curves} == {'pose.bones["brow"].location'}
    assert curves[0].evaluate(2) == pytest.approx(0.01, abs=1e-7)
