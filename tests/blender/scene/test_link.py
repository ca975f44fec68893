# SPDX-License-Identifier: GPL-3.0-or-later
"""A character that follows a head: what Blender evaluates, against the linear map times what the head has."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Euler, Matrix, Quaternion, Vector
from microface.backend.retarget.mapping import Row
from microface.backend.retarget.performance import Performance
from microface.backend.types import Take
from microface.models.head.model import HeadModel
from microface.operators.result import result_of, strength_path
from microface.operators.scene import result
from microface.operators.scene.build import build_scene
from microface.operators.scene.character import find_character
from microface.operators.scene.link import live_values
from microface.operators.scene.rig import find_controls
from microface.operators.scene.rig_action import write_action
from microface.operators.scene.rig_curves import rest_of

FPS = 200.0
FRAMES = 24
SOURCES = ("browInnerUp", "eyeBlinkLeft", "mouthSmileLeft", "mouthSmileRight", "detail 01", "detail 02",
           *(f"{joint} {axis}" for joint in ("jaw", "eye_left", "eye_right") for axis in range(3)), "gone")  # fmt: skip
REGIONS = {"smile_L": "mouth", "smile_R": "mouth", "browUp": "brows"}
#: Where one bone stands at rest.
LID = Matrix.Translation((0.1, 0.2, 0.3)) @ Euler((0.2, -0.4, 0.3)).to_matrix().to_4x4()


@pytest.fixture
def linked(
    rig: bpy.types.Object, head: HeadModel, make_take: Callable[..., Take]
) -> Iterator[tuple[bpy.types.Object, Performance]]:
    """A character that follows the head by a map of random numbers, in which every source acts on every control."""
    take = make_take(head, frames=FRAMES, fps=FPS)
    rig.pose.bones["lid.R"].matrix_basis = LID
    build_scene(bpy.context, take, head, clip_path=None, rate="footage", name="take")
    bpy.context.view_layer.objects.active = rig
    controls = find_controls(find_character(bpy.context, rig))
    for key in bpy.data.objects["skin"].data.shape_keys.key_blocks[1:]:
        key.slider_min = -1.0
    rng, count = np.random.default_rng(3), len(controls)
    values = 0.01 * rng.random((FRAMES, count))
    performance = Performance(
        tuple(one.name for one in controls), np.arange(FRAMES) / FPS, values, np.ones(FRAMES, bool), np.ones(count, bool),
        1.0, regions=tuple(REGIONS.get(one.name, "eyes") for one in controls), sources=SOURCES,
        link=0.03 * rng.normal(0, 1, (len(SOURCES), count)),
    )  # fmt: skip
    table = tuple(Row(one.name, one.kind, (), True, 1.0, -1.0, 1.0) for one in controls)
    rests = [rest_of(control) for control in controls]
    action = write_action(bpy.context.scene, controls, performance, "clip")
    result.keep(
        rig,
        action,
        controls,
        rests,
        performance,
        table,
        take="clip.take.npz",
        existing="refuse",
        start=1.0,
        strength=1.0,
    )
    assert bpy.ops.microface.link_head() == {"FINISHED"}
    assert result_of(rig).head.name == "take head"
    yield rig, performance


def told(performance: Performance) -> np.ndarray:
    """(K,) by the head's evaluated keys and the rotation vectors of its bones' own channels."""
    head = bpy.data.objects["take head"]
    keys, bones, values = head.data.shape_keys.key_blocks, head.parent.pose.bones, []
    for name in SOURCES:
        joint, _, axis = name.rpartition(" ")
        if name in keys:
            values.append(keys[name].value)
        elif joint in bones:
            turned = Quaternion(bones[joint].rotation_quaternion).normalized()
            values.append(turned.to_exponential_map()[int(axis)])
        else:
            values.append(0.0)
    return np.array(values) @ performance.link


REST = {"lid.L": Matrix.Identity(4), "lid.R": LID}
DIALLED = {"smile_L": 0.0, "smile_R": 0.0, "browUp": 0.3}


def check(rig: bpy.types.Object, performance: Performance, wanted: np.ndarray) -> None:
    """What the rig plays and how its mesh is evaluated, of values (K,) counted from rest."""
    skin = bpy.data.objects["skin"]
    keys, of = skin.data.shape_keys.key_blocks, dict(zip(performance.names, wanted, strict=True))
    points = places(keys["Basis"])
    for name, rest in DIALLED.items():
        assert keys[name].value == pytest.approx(rest + of[name], abs=2e-5)
        points = points + (rest + of[name]) * (places(keys[name]) - places(keys["Basis"]))
    for bone, rest in REST.items():
        turn, shift = (Vector([of[f"{bone} {kind} {axis}"] for axis in "xyz"]) for kind in ("turn", "shift"))
        truth = rest @ Matrix.Translation(shift) @ Matrix.Rotation(turn.length, 4, turn)
        shown = rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[bone].matrix_basis
        np.testing.assert_allclose(shown, truth, atol=2e-5)
        stands = rig.data.bones[bone].matrix_local
        moved, rows = np.array(stands @ truth @ stands.inverted()), slice(10, 15) if bone == "lid.L" else slice(15, 20)
        points[rows] = points[rows] @ moved[:3, :3].T + moved[:3, 3]
    np.testing.assert_allclose(mesh(), points, atol=1e-4)


def places(key: bpy.types.ShapeKey) -> np.ndarray:
    return np.array([tuple(point.co) for point in key.data])


def mesh() -> np.ndarray:
    """(V, 3) of the skin, as evaluated."""
    thing = bpy.data.objects["skin"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.array([tuple(vertex.co) for vertex in thing.to_mesh().vertices])
    thing.to_mesh_clear()
    return points


def test_the_rig_has_the_map_times_the_heads_values(linked: Any) -> None:
    rig, performance = linked
    for frame in (1, 7, 24):
        bpy.context.scene.frame_set(frame)
        wanted = told(performance)
        assert np.abs(wanted).min() > 1e-5
        check(rig, performance, wanted)


@pytest.mark.parametrize("mode", ["XZY", "YXZ", "YZX", "ZXY", "ZYX", "AXIS_ANGLE"])
def test_bones_follow_in_every_rotation_mode(linked: Any, mode: Any) -> None:
    rig, performance = linked
    bpy.ops.microface.unlink_head()
    rig.pose.bones["lid.L"].rotation_mode = mode
    bpy.ops.microface.link_head()
    bpy.context.scene.frame_set(9)
    check(rig, performance, told(performance))


def test_editing_the_heads_curves_shows_at_once(linked: Any) -> None:
    rig, performance = linked
    bpy.context.scene.frame_set(7)
    before, points = told(performance), mesh()
    keys = bpy.data.objects["take head"].data.shape_keys
    bag = keys.animation_data.action.layers[0].strips[0].channelbag(keys.animation_data.action_slot)
    curve = bag.fcurves.find('key_blocks["mouthSmileLeft"].value')
    curve.keyframe_points[6].co[1] += 0.5
    curve.update()
    keys.animation_data.action.update_tag()
    bpy.context.view_layer.update()
    assert np.abs(told(performance) - before - 0.5 * performance.link[SOURCES.index("mouthSmileLeft")]).max() < 1e-5
    check(rig, performance, told(performance))
    assert np.abs(mesh() - points).max() > 1e-4


def test_strength_gain_limits_and_mirror_act_on_what_follows(linked: Any) -> None:
    rig, performance = linked
    settings = result_of(rig)
    bpy.context.scene.frame_set(7)
    raw = told(performance)
    settings.strength, settings.strength_mouth = 1.5, 2.0
    rows = settings.controls
    rows["smile_L"].gain, rows["smile_R"].use = 0.5, False
    limit = 0.5 * abs(raw[performance.names.index("browUp")])
    rows["browUp"].low, rows["browUp"].high = -limit, limit
    bpy.context.view_layer.update()
    wanted = 1.5 * raw
    wanted[performance.names.index("smile_L")] *= 2 * 0.5
    wanted[performance.names.index("smile_R")] = 0
    brow = performance.names.index("browUp")
    wanted[brow] = np.clip(wanted[brow], -limit, limit)
    check(rig, performance, wanted)
    bpy.context.scene.frame_set(7)  # what is switched off is not played by the rig's own Action either
    check(rig, performance, wanted)
    bpy.ops.microface.reset_result()
    rows["smile_R"].use, settings.mirror = True, True
    bpy.context.view_layer.update()
    keys = bpy.data.objects["skin"].data.shape_keys.key_blocks
    left, right = (performance.names.index(name) for name in ("smile_L", "smile_R"))
    assert keys["smile_L"].value == pytest.approx(raw[right], abs=2e-5)
    assert keys["smile_R"].value == pytest.approx(raw[left], abs=2e-5)


def test_a_keyed_strength_needs_nothing_to_be_made_anew(linked: Any) -> None:
    rig, performance = linked
    settings = result_of(rig)
    for frame, strength in ((1, 0.0), (24, 2.0)):
        settings.strength = strength
        rig.keyframe_insert(strength_path(settings, ""), frame=frame)
    bpy.context.scene.frame_set(12)
    assert 0.5 < settings.strength < 1.5
    check(rig, performance, settings.strength * told(performance))


def test_after_it_stopped_the_keys_play_again(linked: Any) -> None:
    rig, performance = linked
    assert bpy.ops.microface.unlink_head() == {"FINISHED"}
    assert not bpy.ops.microface.unlink_head.poll()
    assert [one.name for one in bpy.data.objects if "follows" in one.name] == []
    for owner in (rig, bpy.data.objects["skin"].data.shape_keys):
        assert not len(owner.animation_data.drivers)
    for row in (0, 12):
        bpy.context.scene.frame_set(row + 1)
        check(rig, performance, performance.values[row])


def test_what_follows_is_baked_into_plain_keys(linked: Any) -> None:
    rig, performance = linked
    result_of(rig).strength = 0.5
    wanted = {}
    for frame in (1, 7, 24):
        bpy.context.scene.frame_set(frame)
        wanted[frame] = 0.5 * told(performance)
    frames = np.array([1.0, 7.0, 24.0])
    np.testing.assert_allclose(live_values(result_of(rig), bpy.context.scene, frames), list(wanted.values()), atol=2e-5)
    assert bpy.ops.microface.bake_result() == {"FINISHED"}
    action = rig.animation_data.action
    assert action.name == "take head on Rig"
    assert bpy.data.objects["skin"].data.shape_keys.animation_data.action == action
    assert bpy.data.actions["clip"].use_fake_user
    bpy.data.objects.remove(bpy.data.objects["take head"])
    for frame, values in wanted.items():
        bpy.context.scene.frame_set(frame)
        check(rig, performance, values)


def test_what_else_animates_the_rig_is_not_hidden(linked: Any) -> None:
    assert linked
    bpy.ops.microface.unlink_head()
    keys = bpy.data.objects["skin"].data.shape_keys
    track = keys.animation_data.nla_tracks.new()
    action = bpy.data.actions.new("artist")
    slot = action.slots.new(id_type="KEY", name="x")
    bag = action.layers.new("Layer").strips.new(type="KEYFRAME").channelbag(slot, ensure=True)
    bag.fcurves.new('key_blocks["smile_L"].value').keyframe_points.insert(1, 0.5)
    track.strips.new("artist", 1, action).action_slot = slot
    assert bpy.ops.microface.link_head() == {"FINISHED"}  # the result has replaced it
    bpy.ops.microface.unlink_head()
    keys.animation_data.action_blend_type = "ADD"
    with pytest.raises(RuntimeError, match="animated by something else"):
        bpy.ops.microface.link_head()
    assert not [one for one in bpy.data.objects if "follows" in one.name]
    track.mute = True
    assert bpy.ops.microface.link_head() == {"FINISHED"}


def test_a_head_that_is_gone_is_told(linked: Any, addon: ModuleType) -> None:
    rig, _ = linked
    bpy.data.objects.remove(bpy.data.objects["take head"])
    result_of(rig).mirror = True
    assert "gone" in result_of(rig).problem
    bpy.ops.microface.unlink_head()
    assert result_of(rig).problem == ""
