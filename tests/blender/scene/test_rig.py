# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters: what is found, what a probe reads, that nothing is left changed, and what is keyed."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Vector
from microface.backend.errors import MicrofaceError
from microface.backend.retarget.performance import Performance
from microface.backend.retarget.pins import PIN_NAMES
from microface.operators.scene.face_pins import add_pins, placed_pins
from microface.operators.scene.probe import probe
from microface.operators.scene.rig import Control, find_character, find_controls, keyed
from microface.operators.scene.rig_action import write_action

FRAMES = 30


@pytest.fixture
def character() -> bpy.types.Object:
    """A skin with two keys and a mirrored, unevenly scaled lash mesh that shares one, on an armature of three bones."""
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for number, name in enumerate(("brow", "lip", "free")):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail = (number, 0, 0), (number, 0.3, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["lip"].rotation_mode = "YXZ"
    for name, keys, scale in (("skin", ("smile", "Blink"), (1, 1, 1)), ("lashes", ("Blink",), (-1, 2, 0.5))):
        add_mesh(rig, name, keys, scale)
    rig.location = (1, 2, 3)
    bpy.context.view_layer.update()
    return rig


def add_mesh(rig: bpy.types.Object, name: str, keys: tuple[str, ...], scale: tuple[float, ...]) -> bpy.types.Object:
    rng = np.random.default_rng(len(name))
    mesh = bpy.data.meshes.new(name)
    points = rng.normal(0, 1, (30, 3))
    mesh.from_pydata(points, [], [(k, k + 1, k + 2) for k in range(0, 30, 3)])
    thing = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(thing)
    thing.parent, thing.scale = rig, scale
    for bone, rows in (("brow", range(10)), ("lip", range(10, 20))):
        thing.vertex_groups.new(name=bone).add(list(rows), 1.0, "REPLACE")
    thing.modifiers.new("Armature", "ARMATURE").object = rig
    thing.shape_key_add(name="Basis", from_mix=False)
    for key in keys:
        block = thing.shape_key_add(name=key, from_mix=False)
        block.data.foreach_set("co", (points + 0.1 * rng.normal(0, 1, points.shape)).astype(np.float32).ravel())
        block.value = 0.0
    return thing


def state() -> list[Any]:
    """Everything of the file that a probe could have changed, as it is stored."""
    out: list[Any] = []
    for thing in bpy.data.objects:
        out += [thing.name, *thing.matrix_world, thing.mode, thing.select_get(), thing.hide_get()]
        data = thing.animation_data
        out += [data and (data.action, data.action_slot, data.use_nla, len(data.nla_tracks), len(data.drivers))]
        for bone in thing.pose.bones if thing.type == "ARMATURE" else ():
            channels = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")
            out += [bone.rotation_mode, *(tuple(getattr(bone, name)) for name in channels), dict(bone.items())]
    for keys in bpy.data.shape_keys:
        data = keys.animation_data
        out += [data and (data.action, data.action_slot, data.use_nla, len(data.nla_tracks), len(data.drivers))]
        out += [(key.name, key.value, key.mute, key.slider_min, key.slider_max) for key in keys.key_blocks]
    scene = bpy.context.scene
    return [*out, scene.frame_current, scene.frame_subframe, len(bpy.data.actions), len(bpy.data.meshes)]


def evaluated(name: str) -> np.ndarray:
    """(V, 3) world space, as Blender shows it now."""
    thing = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get())
    mesh = thing.to_mesh()
    points = np.array([thing.matrix_world @ vertex.co for vertex in mesh.vertices])
    thing.to_mesh_clear()
    return points


def animate(rig: bpy.types.Object) -> None:
    """An action on keys and one on bones, and values the animator has changed without keying them."""
    keys = bpy.data.objects["skin"].data.shape_keys
    for frame, value in ((1, 0.1), (20, 0.7)):
        keys.key_blocks["smile"].value = value
        keys.key_blocks["smile"].keyframe_insert("value", frame=frame)
        rig.pose.bones["brow"].rotation_quaternion = Euler((value, 0.2, 0)).to_quaternion()
        rig.pose.bones["brow"].keyframe_insert("rotation_quaternion", frame=frame)
    bpy.context.scene.frame_set(7)
    keys.key_blocks["smile"].value = 0.4321
    rig.pose.bones["lip"].rotation_euler = (0.1, 0.2, -0.3)
    rig.pose.bones["free"].scale = (1.1, 1.0, 0.9)
    bpy.context.view_layer.update()


def test_controls_are_found_by_name_over_all_meshes(character: bpy.types.Object) -> None:
    found = find_character(bpy.context)
    assert {mesh.name for mesh in found.meshes} == {"skin", "lashes"}
    assert found.rigs == (character,)
    assert find_character(bpy.context, bpy.data.objects["lashes"]) == found
    controls = {control.name: control for control in find_controls(found)}
    assert len(controls["Blink"].owners) == 2
    assert len(controls["smile"].owners) == 1
    assert {name for name in controls if name.startswith("lip")} == {
        f"lip {m} {a}" for m in ("turn", "shift") for a in "xyz"
    }


def test_what_is_locked_driven_or_muted_is_no_control(character: bpy.types.Object) -> None:
    keys = bpy.data.objects["skin"].data.shape_keys.key_blocks
    keys["smile"].driver_add("value")
    keys["Blink"].lock_shape = True
    character.pose.bones["lip"].lock_rotation = (True, False, True)
    character.pose.bones["brow"].constraints.new("COPY_TRANSFORMS")
    names = [control.name for control in find_controls(find_character(bpy.context))]
    assert "smile" not in names
    assert "lip turn y" in names
    assert not {"lip turn x", "lip turn z"} & set(names)
    assert not [name for name in names if name.startswith("brow")]
    lash = next(control for control in find_controls(find_character(bpy.context)) if control.name == "Blink")
    assert [key.id_data.user.name for key in lash.owners] == ["lashes"]


def test_a_bone_that_a_constraint_limits_or_shares_is_a_control_within_its_limits(character: bpy.types.Object) -> None:
    brow = character.pose.bones["brow"].constraints
    limit, shared = brow.new("LIMIT_LOCATION"), brow.new("COPY_LOCATION")
    limit.owner_space, limit.use_min_x, limit.min_x, limit.use_max_x, limit.max_x = "LOCAL", True, -0.01, True, 0.0
    shared.target, shared.subtarget, shared.use_offset = character, "lip", True
    controls = {control.name: control for control in find_controls(find_character(bpy.context))}
    assert (controls["brow shift x"].low, controls["brow shift x"].high) == (pytest.approx(-0.01), 0.0)
    assert controls["brow shift y"].high > 0.01
    shared.use_offset = False
    assert "brow shift y" not in {control.name for control in find_controls(find_character(bpy.context))}
    shared.influence = 0.5
    assert "brow shift y" in {control.name for control in find_controls(find_character(bpy.context))}


def test_a_probe_reads_what_blender_shows(character: bpy.types.Object) -> None:
    """Keys exactly, bones to the first order; world axes turned to y up, z forward."""
    found = find_character(bpy.context)
    rig, kept = probe(bpy.context, found, find_controls(found))
    order = [mesh.name for mesh in found.meshes]
    rest = np.concatenate([evaluated(name) for name in order])
    np.testing.assert_allclose(rig.vertices, rest[:, [0, 2, 1]] * [1, 1, -1], atol=1e-6)
    names = [control.name for control in kept]
    assert not [name for name in names if name.startswith("free")]  # it holds no vertex
    for key in (mesh.data.shape_keys.key_blocks["Blink"] for mesh in found.meshes):
        key.value = 0.25
    character.pose.bones["lip"].matrix_basis = Matrix.Rotation(0.0005, 4, (0, 1, 0))
    bpy.context.view_layer.update()
    moved = np.concatenate([evaluated(name) for name in order]) - rest
    told = 0.25 * rig.basis[names.index("Blink")] + 0.0005 * rig.basis[names.index("lip turn y")]
    np.testing.assert_allclose(told, moved[:, [0, 2, 1]] * [1, 1, -1], atol=5e-5)
    corner = rig.vertices[rig.faces]  # mirrored by its scale: still the same side outside
    lashes = bpy.data.objects["lashes"]
    first = np.array([lashes.matrix_world.to_3x3().inverted().transposed() @ p.normal for p in lashes.data.polygons])
    normal = (
        np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[-10:]
        if order[-1] == "lashes"
        else (np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])[:10])
    )
    assert ((normal * (first[:, [0, 2, 1]] * [1, 1, -1])).sum(1) > 0).all()


@pytest.mark.parametrize("animated", [False, True])
def test_the_rig_is_put_back_to_the_bit(character: bpy.types.Object, animated: bool) -> None:
    if animated:
        animate(character)
    before, shown = state(), {name: evaluated(name) for name in ("skin", "lashes")}
    found = find_character(bpy.context)
    probe(bpy.context, found, find_controls(found))
    assert state() == before
    for name, points in shown.items():
        np.testing.assert_array_equal(evaluated(name), points)


def test_it_is_put_back_when_a_probe_fails(character: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    from microface.operators.scene import probe as module

    animate(character)
    before, surface, calls = state(), module._surface, []

    def failing(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 5:
            raise MicrofaceError("stop", "Stop.", "")
        return surface(*arguments)

    monkeypatch.setattr(module, "_surface", failing)
    found = find_character(bpy.context)
    with pytest.raises(MicrofaceError, match="Stop"):
        probe(bpy.context, found, find_controls(found))
    assert state() == before


def test_a_rig_in_pose_is_probed_at_rest(character: bpy.types.Object) -> None:
    found = find_character(bpy.context)
    calm, _ = probe(bpy.context, found, find_controls(found))
    animate(character)
    character.pose.bones["lip"].rotation_euler = (0, 0, 0)
    rig, _ = probe(bpy.context, found, find_controls(found))
    np.testing.assert_allclose(rig.vertices, calm.vertices, atol=1e-6)
    np.testing.assert_allclose(rig.basis, calm.basis, atol=1e-3)


def played(controls: list[Control]) -> Performance:
    """Every control on a course of its own, with a gap in which there is no face."""
    rng = np.random.default_rng(4)
    phase = np.arange(FRAMES)[:, None] / FRAMES + rng.uniform(0, 1, len(controls))
    values = 0.02 + 0.02 * np.sin(6 * phase)
    values[:, [control.kind == "rotation" for control in controls]] *= 0.1  # so small that turns add up
    keyed = np.ones(FRAMES, bool)
    keyed[10:14] = False
    values[10:14] = np.nan
    time_s = np.arange(FRAMES) / 60 + 0.01
    return Performance(tuple(c.name for c in controls), time_s, values, keyed, np.ones(len(controls), bool), 1.0)


def show(second: float) -> None:
    scene = bpy.context.scene
    frame = second * scene.render.fps / scene.render.fps_base + 1
    scene.frame_set(int(np.floor(frame)), subframe=frame - np.floor(frame))


def told(performance: Performance, rig: Any, row: int) -> np.ndarray:
    moved = np.tensordot(performance.values[row], rig.basis, 1)
    return (rig.vertices + moved)[:, [0, 2, 1]] * [1, -1, 1]


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


def test_custom_properties_that_drive_the_face_are_controls(character: bpy.types.Object) -> None:
    character["mood"] = 0.0
    character.id_properties_ui("mood").update(min=-1.0, max=1.0)
    character.update_tag()
    bpy.context.view_layer.update()  # before anything is driven by it
    driver = bpy.data.objects["skin"].data.shape_keys.key_blocks["smile"].driver_add("value").driver
    variable = driver.variables.new()
    variable.targets[0].id, variable.targets[0].data_path = character, '["mood"]'
    driver.expression = "0.5 * var"
    bpy.context.view_layer.update()
    found = find_character(bpy.context)
    rig, kept = probe(bpy.context, found, find_controls(found))
    names = [control.name for control in kept]
    assert "smile" not in names
    assert character["mood"] == 0.0
    mood = kept[names.index("Rig mood")]
    key = bpy.data.objects["skin"].data.shape_keys.key_blocks["smile"]
    offset = np.array([point.co for point in key.data]) - np.array([v.co for v in bpy.data.meshes["skin"].vertices])
    skin = slice(0, 30) if found.meshes[0].name == "skin" else slice(30, 60)
    np.testing.assert_allclose(
        rig.basis[names.index("Rig mood")][skin], 0.5 * offset[:, [0, 2, 1]] * [1, 1, -1], atol=1e-5
    )
    performance = played([mood])
    write_action(bpy.context.scene, [mood], performance, "clip")
    show(performance.time_s[5])
    assert character["mood"] == pytest.approx(performance.values[5, 0], abs=1e-6)


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


def test_bones_of_one_name_on_two_armatures_are_two_controls(character: bpy.types.Object) -> None:
    other = bpy.data.objects.new("Other", character.data.copy())
    bpy.context.scene.collection.objects.link(other)
    other.parent = character
    bpy.data.objects["lashes"].modifiers["Armature"].object = other
    bpy.data.objects["lashes"].parent = other
    bpy.context.view_layer.update()
    found = find_character(bpy.context, character)
    _, kept = probe(bpy.context, found, find_controls(found))
    names = [control.name for control in kept]
    assert len(set(names)) == len(names)
    assert {"Rig brow turn x", "Other brow turn x", "smile"} <= set(names)
    performance = played(kept)
    write_action(bpy.context.scene, kept, performance, "clip")
    show(performance.time_s[5])
    for name, rig in (("Rig", character), ("Other", other)):
        turned = performance.values[5, names.index(f"{name} brow turn x")]
        assert rig.pose.bones["brow"].rotation_quaternion.to_exponential_map().x == pytest.approx(turned, abs=1e-4)


def test_a_control_without_effect_is_left_out(character: bpy.types.Object) -> None:
    bpy.data.objects["skin"].shape_key_add(name="nothing", from_mix=False).value = 0.0
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    assert "nothing" not in [control.name for control in kept]


def test_what_is_no_rig_is_said() -> None:
    with pytest.raises(MicrofaceError, match="Nothing in the scene is a rig") as caught:
        find_character(bpy.context)
    assert caught.value.code == "no_rig"
    mesh = bpy.data.meshes.new("cube")
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    thing = bpy.data.objects.new("cube", mesh)
    bpy.context.scene.collection.objects.link(thing)
    with pytest.raises(MicrofaceError, match="cube is no rig"):
        find_character(bpy.context, thing)


def test_hidden_and_tweaked_rigs_are_said(character: bpy.types.Object) -> None:
    animate(character)
    data = bpy.data.objects["skin"].data.shape_keys.animation_data
    track = data.nla_tracks.new()
    track.strips.new("old", 1, data.action)
    data.action = None
    track.select = track.strips[0].select = True
    data.use_tweak_mode = True
    found = find_character(bpy.context)
    if data.use_tweak_mode:
        before = state()
        with pytest.raises(MicrofaceError, match="tweak mode"):
            probe(bpy.context, found, find_controls(found))
        assert state() == before
    for name in ("skin", "lashes"):
        bpy.data.objects[name].hide_set(True)
    with pytest.raises(MicrofaceError, match="is a rig"):
        find_character(bpy.context)


def test_a_mirrored_half_is_probed_whole(character: bpy.types.Object) -> None:
    """Also where a key parts the seam, on which the modifier welds the halves; it is put back as it was."""
    mesh = bpy.data.meshes.new("half")
    mesh.from_pydata([(0, 0, 0), (0, 0, 1), (1, 0, 0)], [], [(0, 1, 2)])
    half = bpy.data.objects.new("half", mesh)
    bpy.context.scene.collection.objects.link(half)
    half.parent = character
    half.shape_key_add(name="Basis", from_mix=False)
    key = half.shape_key_add(name="part", from_mix=False)
    key.data[0].co, key.value = (0.5, 0, 0), 0.0
    modifier = half.modifiers.new("Mirror", "MIRROR")
    bpy.context.view_layer.update()
    found = find_character(bpy.context, half)
    before, shown = state(), evaluated("half")
    rig, kept = probe(bpy.context, found, find_controls(found))
    assert (state(), modifier.use_mirror_merge) == (before, True)
    np.testing.assert_array_equal(evaluated("half"), shown)
    moved = rig.basis[[control.name for control in kept].index("part")]
    ends = moved[np.abs(moved).max(1) > 0]
    np.testing.assert_allclose(ends[np.argsort(ends[:, 0])], [[-0.5, 0, 0], [0.5, 0, 0]], atol=1e-6)


def test_pins_alone_are_no_character(character: bpy.types.Object) -> None:
    add_pins(bpy.context, find_character(bpy.context))
    assert find_character(bpy.context).name == "Rig"


def test_a_mesh_that_rebuilds_itself_is_said(character: bpy.types.Object) -> None:
    modifier = bpy.data.objects["skin"].modifiers.new("Weld", "WELD")
    modifier.merge_threshold = 0.6
    before = state()
    found = find_character(bpy.context)
    with pytest.raises(MicrofaceError, match="how many vertices") as caught:
        probe(bpy.context, found, find_controls(found))
    assert caught.value.code == "changing_mesh"
    assert state() == before


def test_a_linked_rig_is_said(character: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "a.blend"), link=True) as (source, target):
        target.objects = source.objects
    for thing in target.objects:
        bpy.context.scene.collection.objects.link(thing)
    bpy.context.view_layer.update()
    found = find_character(bpy.context)
    with pytest.raises(MicrofaceError, match="linked") as caught:
        probe(bpy.context, found, find_controls(found))
    assert caught.value.code == "linked_rig"


def test_pins_are_read_and_added(character: bpy.types.Object) -> None:
    scene, found = bpy.context.scene, find_character(bpy.context)
    assert placed_pins(scene).shape == (0, 3)
    made = add_pins(bpy.context, found)
    assert [pin.name for pin in made] == list(PIN_NAMES)
    made[0].location = (1, 2, 3)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(placed_pins(scene)[0], (1, 3, -2))
    assert add_pins(bpy.context, found) == []
    bpy.data.objects.remove(made[2])
    with pytest.raises(MicrofaceError, match="'Face Pin Mouth' is missing"):
        placed_pins(scene)
