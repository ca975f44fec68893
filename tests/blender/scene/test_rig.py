# SPDX-License-Identifier: GPL-3.0-or-later
"""Characters and their controls: what is found."""

import bpy
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.retarget.pins import PIN_NAMES
from microface.operators.scene.character import find_character
from microface.operators.scene.face_pins import add_pins, placed_pins
from microface.operators.scene.probe import probe
from microface.operators.scene.rig import find_controls
from microface.operators.scene.rig_action import write_action
from microface.tests.blender.scene.skin_and_lashes import played, show


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


def test_pins_alone_are_no_character(character: bpy.types.Object) -> None:
    add_pins(bpy.context, find_character(bpy.context))
    assert find_character(bpy.context).name == "Rig"


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
