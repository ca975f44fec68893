# SPDX-License-Identifier: GPL-3.0-or-later
"""A FLAME head in Blender is FLAME: jaw, neck and eyes, joints that follow the expression, pose correctives."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from microface.models.head.read.recognise import read_any_head
from microface.models.head.regions import region_shares
from microface.models.head.units import UNIT_NAMES
from microface.operators.head import strength_property
from microface.operators.scene.build import CORRECTIVE_ERROR, build_scene, corrective_note
from microface.operators.scene.space import world_to_camera

METRES = 1e-5


@pytest.fixture(scope="module")
def flame(flame_arrays, published, tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "flame2023_Open.pkl"
    few = flame_arrays | {"shapedirs": flame_arrays["shapedirs"][..., 288:312]}  # 18 of shape, 6 of expression
    path.write_bytes(published.python2_pickle(published.flame_open(few)))
    return read_any_head(path)


def mesh_of(collection):
    return next(thing for thing in collection.objects if thing.type == "MESH")


def evaluated(thing):
    """(V, 3) camera space."""
    found = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(found.data.vertices), np.float32)
    found.to_mesh().vertices.foreach_get("co", points)
    matrix = np.array(found.matrix_world)
    return world_to_camera(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])


def truth(take, head, index):
    detail = np.tensordot(take.detail[index].astype(float), take.detail_basis, 1)
    return head.vertices(
        take.shape, take.expression[index], take.pose[index], take.translation[index], take.shape_offset + detail
    )


def compare(collection, take, head, within):
    for index in range(0, len(take.time_s), 5):
        bpy.context.scene.frame_set(1 + index)
        np.testing.assert_allclose(evaluated(mesh_of(collection)), truth(take, head, index), atol=within)


def lively(make_take, head):
    """Every joint about every axis, as far as joints go, and expressions that move the joints."""
    take = make_take(head, frames=40)
    reach = np.array([0.8, 0.4, 0.25, 0.4, 0.4])[:, None]
    pose = take.pose / np.abs(take.pose).max(0) * reach
    pose[:, 2, 0] = 0.2 + np.abs(pose[:, 2, 0])
    expression = take.expression / np.abs(take.expression).max(0).clip(1e-9) * 2
    return replace(take, pose=pose.astype(np.float32), expression=expression.astype(np.float32))


@pytest.mark.parametrize("live", [False, True])
def test_blenders_mesh_is_flames(live, flame, make_take):
    take = lively(make_take, flame)
    assert np.abs(flame.joint_shift(take.expression)).max() > 1e-3
    collection = build_scene(bpy.context, take, flame, clip_path="clip.mp4", live=live)
    compare(collection, take, flame, METRES)


EVERYWHERE = dict.fromkeys(("", "brows", "eyes", "nose", "mouth", "jaw"), 1.0)
MIXED = {"": 1.5, "brows": 2.0, "eyes": 0.5, "nose": 1.0, "mouth": 0.0, "jaw": 1.25}


def strong_truth(take, head, index, strengths):
    """FLAME's formula, written out, with what expressions do to skin and joints, and turns of jaw and eyes, multiplied."""
    k = {region: strengths[""] * (strengths[region] if region else 1) for region in strengths}
    of_joint = np.array([k[""], k[""], k["jaw"], k["eyes"], k["eyes"]])[:, None]
    turning = np.array([1, 1, k["jaw"], k["eyes"], k["eyes"]])[:, None]
    of_place = sum(k[region] * share for region, share in region_shares(head).items())
    detail = np.tensordot(take.detail[index].astype(float), take.detail_basis, 1)
    moved = np.tensordot(take.expression[index].astype(float), head.expression, 1) + detail
    rest = head.neutral(take.shape) + take.shape_offset + of_place[:, None] * moved
    joints = head.joints(take.shape) + of_joint * head.joint_shift(take.expression[index])
    return head.pose(rest, joints, turning * take.pose[index]) * [1, -1, -1] + take.translation[index]


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("strengths", [EVERYWHERE | {"": 3.0}, EVERYWHERE | {"": 0.0}, MIXED])
def test_strength_moves_the_joints_that_expressions_move(strengths, live, flame, make_take):
    """By up to 3 mm in this take: left as measured, the skin would be off by millimetres."""
    take = lively(make_take, flame)
    take = replace(take, pose=take.pose * np.float32(0.5))
    collection = build_scene(bpy.context, take, flame, clip_path="clip.mp4", live=live)
    thing, far = mesh_of(collection), []
    for region, value in strengths.items():
        thing[strength_property(region)] = value
    thing.update_tag()
    for index in range(0, len(take.time_s), 5):
        bpy.context.scene.frame_set(1 + index)
        shown = evaluated(thing)
        np.testing.assert_allclose(shown, strong_truth(take, flame, index, strengths), atol=METRES)
        still = replace(flame, joint_expression=flame.joint_expression[:0])
        far.append(np.abs(shown - strong_truth(take, still, index, strengths)).max())
    assert max(far) > 1e-4 or not strengths[""]
    drivers = thing.parent.animation_data.drivers
    assert all(curve.driver.is_simple_expression and curve.driver.is_valid for curve in drivers)


def test_named_units_are_keys_beside_flames_own(flame, make_take):
    units = 1e-3 * np.random.default_rng(2).normal(size=(52, len(flame.template), 3))
    whole = replace(
        flame, expression=np.concatenate([flame.expression, units]), expression_names=flame.expression_names + UNIT_NAMES,
        joint_expression=np.concatenate([flame.joint_expression, np.zeros((52, 5, 3))]),
    )  # fmt: skip
    take = lively(make_take, whole)
    collection = build_scene(bpy.context, take, whole, clip_path="clip.mp4")
    keys = [key.name for key in mesh_of(collection).data.shape_keys.key_blocks]
    assert keys[:59] == ["Basis", *flame.expression_names, *UNIT_NAMES]
    compare(collection, take, whole, METRES)


def test_few_keys_carry_the_correctives_and_say_how_well(flame, make_take):
    take = lively(make_take, flame)
    collection = build_scene(bpy.context, take, flame, clip_path="clip.mp4")
    thing = mesh_of(collection)
    keys = [key for key in thing.data.shape_keys.key_blocks if key.name.startswith("corrective")]
    assert 1 <= len(keys) <= 12
    assert (
        thing["head"] == "FLAME 2023 Open"
        and "CC-BY-4.0" in thing["head_licence"]
        and "Romero" in thing["head_citation"]
    )
    assert 0 <= thing[CORRECTIVE_ERROR] < 0.01
    assert max(abs(key.value) for key in keys) <= 1
    assert (
        corrective_note(collection)
        == f" Pose correctives in {len(keys)} keys, within {thing[CORRECTIVE_ERROR]:.4f} mm."
    )


def test_drivers_follow_a_bone_that_is_posed_by_hand(flame, make_take):
    still = make_take(flame, frames=2)
    still = replace(still, pose=0 * still.pose, expression=0 * still.expression)
    collection = build_scene(bpy.context, still, flame, clip_path="clip.mp4", live=True)
    rig = next(thing for thing in collection.objects if thing.type == "ARMATURE")
    rig.animation_data.action = None
    turn = np.array([0.3, 0.1, -0.05])
    half = np.linalg.norm(turn) / 2
    rig.pose.bones["jaw"].rotation_quaternion = [np.cos(half), *(np.sin(half) * turn / (2 * half))]
    pose = np.zeros((5, 3))
    pose[2] = turn
    bpy.context.view_layer.update()
    posed = truth(replace(still, pose=pose[None].repeat(2, 0)), flame, 0)
    rest = truth(still, flame, 0)
    place = np.array(rig.pose.bones["root"].location) * [1, -1, -1] - still.translation[0]
    np.testing.assert_allclose(evaluated(mesh_of(collection)) - place, posed, atol=METRES)
    assert np.abs(posed - rest).max() > 5e-3
