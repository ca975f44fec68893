# SPDX-License-Identifier: GPL-3.0-or-later
"""Strength k shows k times the motion from neutral, on Blender's evaluated mesh, and touches no raw key."""

from dataclasses import replace

import bpy
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.models.assets import asset_path
from microface.models.head.model import read_head
from microface.models.head.regions import NOWHERE, REGIONS, region_of, region_shares
from microface.operators.head import chosen_head, strength_property
from microface.operators.scene.build import build_scene
from microface.operators.scene.space import world_to_camera

METRES = 1e-5
MIXED = {"": 1.5, "brows": 4.0, "eyes": 0.5, "nose": 2.0, "mouth": 0.0, "jaw": 1.25}
OWNERS = {"jaw": "jaw", "eye_left": "eyes", "eye_right": "eyes"}


def mesh_of(collection):
    return next(thing for thing in collection.objects if thing.type == "MESH")


def set_strengths(thing, strengths):
    for region, value in strengths.items():
        thing[strength_property(region)] = value
    thing.update_tag()
    bpy.context.view_layer.update()


def evaluated(thing):
    """(V, 3) m, camera space."""
    found = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(found.data.vertices), np.float32)
    found.to_mesh().vertices.foreach_get("co", points)
    matrix = np.array(found.matrix_world)
    return world_to_camera(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])


def truth(take, head, index, strengths):
    """The head's own formula with everything that moves from neutral multiplied."""
    product = {region: strengths[NOWHERE] * strengths[region] for region in REGIONS} | {NOWHERE: strengths[NOWHERE]}
    units = np.array([product[region_of(name)] for name in head.expression_names])
    joints = np.array([product[OWNERS[name]] if name in OWNERS else 1.0 for name in head.joint_names])
    place = sum(product[region] * share for region, share in region_shares(head).items())
    detail = np.tensordot(take.detail[index].astype(float), take.detail_basis, 1) * place[:, None]
    return head.vertices(
        take.shape, units * take.expression[index], joints[:, None] * take.pose[index], take.translation[index],
        take.shape_offset + detail,
    )  # fmt: skip


def gentle(make_take, head, **changes):
    """A take whose units stay within a shape key's limit at every strength that is tried."""
    take = make_take(head, **changes)
    return replace(take, expression=np.clip(take.expression, -1, 1), pose=take.pose * np.float32(0.3))


@pytest.mark.parametrize("strengths", [dict.fromkeys(MIXED, 1.0), dict.fromkeys(MIXED, 1.0) | {"": 4.0}, MIXED])
def test_the_mesh_is_the_formula_with_all_motion_multiplied(head, make_take, strengths):
    take = gentle(make_take, head)
    thing = mesh_of(build_scene(bpy.context, take, head, clip_path="clip.mp4"))
    set_strengths(thing, strengths)
    for index in range(0, 40, 5):
        bpy.context.scene.frame_set(1 + index)
        np.testing.assert_allclose(evaluated(thing), truth(take, head, index, strengths), atol=METRES)


def test_on_the_generic_head(make_take):
    try:
        generic = read_head(asset_path("generic_head.npz"))
    except MicrofaceError as error:
        pytest.skip(str(error))
    take = gentle(make_take, generic, frames=6)
    thing = mesh_of(build_scene(bpy.context, take, generic, clip_path="clip.mp4"))
    strengths = dict(zip(MIXED, (1.5, 4.0, 2.0, 3.0, 0.5, 1.25), strict=True))
    set_strengths(thing, strengths)
    for index in (0, 3, 5):
        bpy.context.scene.frame_set(1 + index)
        np.testing.assert_allclose(evaluated(thing), truth(take, generic, index, strengths), atol=METRES)
    shares = region_shares(generic)
    np.testing.assert_allclose(sum(shares.values()), 1, atol=1e-12)
    for name, moved in zip(generic.expression_names, generic.expression, strict=True):
        at_home = np.linalg.norm(moved, axis=1).argmax()  # noseSneer draws the brows, so both own that place
        assert shares[region_of(name)][at_home] > 0.49, name


@pytest.mark.parametrize("k", [0.0, 0.5, 3.0, 10.0, 20.0])
def test_k_times_the_displacement_of_skin(head, make_take, k):
    """No model of ours on the other side: what Blender shows at strength 1, times k."""
    take = gentle(make_take, head)
    still = replace(take, pose=0 * take.pose, expression=take.expression * np.float32(0.45))
    thing = mesh_of(build_scene(bpy.context, still, head, clip_path="clip.mp4"))
    scene = bpy.context.scene
    for index in (3, 17, 31):
        scene.frame_set(1 + index)
        set_strengths(thing, {"": 0.0})
        neutral = evaluated(thing)
        set_strengths(thing, {"": 1.0})
        moved = evaluated(thing) - neutral
        set_strengths(thing, {"": k})
        assert np.abs(moved).max() > 1e-3
        np.testing.assert_allclose(evaluated(thing) - neutral, k * moved, atol=METRES)


def test_the_neutral_is_the_basis(head, make_take):
    take = gentle(make_take, head)
    thing = mesh_of(build_scene(bpy.context, take, head, clip_path="clip.mp4"))
    set_strengths(thing, {"": 0.0})
    bpy.context.scene.frame_set(12)
    still = np.array([0.0 if name in OWNERS else 1.0 for name in head.joint_names])[:, None]
    expected = head.vertices(
        take.shape, 0 * take.expression[11], still * take.pose[11], take.translation[11], take.shape_offset
    )
    np.testing.assert_allclose(evaluated(thing), expected, atol=METRES)


def test_a_region_moves_its_own_units_alone(head, make_take):
    take = gentle(make_take, head)
    thing = mesh_of(build_scene(bpy.context, take, head, clip_path="clip.mp4"))
    bpy.context.scene.frame_set(5)
    keys, before = thing.data.shape_keys.key_blocks, {}
    for key in keys:
        before[key.name] = key.value
    set_strengths(thing, {"mouth": 3.0})
    changed = {key.name for key in keys if key.value != before[key.name]}
    assert {"strength mouthSmileLeft", "strength mouthSmileRight", "strength detail 01 mouth"} <= changed
    assert not [name for name in changed if "brow" in name or "eye" in name or not name.startswith("strength ")]


def raw_keys(collection):
    action = bpy.data.actions[collection.name]
    return [
        (curve.data_path, [tuple(point.co) for point in curve.keyframe_points])
        for bag in action.layers[0].strips[0].channelbags
        for curve in bag.fcurves
    ]


def test_the_action_stays_raw(head, make_take):
    take = gentle(make_take, head)
    collection = build_scene(bpy.context, take, head, clip_path="clip.mp4")
    before = raw_keys(collection)
    set_strengths(mesh_of(collection), MIXED)
    bpy.context.scene.frame_set(20)
    assert raw_keys(collection) == before
    assert "strength" not in str([path for path, _ in before])


def test_what_passes_a_shape_keys_limit_is_refused_with_the_largest_strength(head, make_take):
    take = make_take(head)  # eyeBlinkLeft is keyed to 3.5
    thing = mesh_of(build_scene(bpy.context, take, head, clip_path="clip.mp4"))
    interface = thing.id_properties_ui("strength_eyes").as_dict()
    assert interface["max"] == 2.857 and "At most 2.857: eyeBlinkLeft" in interface["description"]
    assert thing.id_properties_ui("strength").as_dict()["max"] == 20
    assert thing.id_properties_ui("strength_mouth").as_dict()["max"] > 10
    bpy.context.scene.frame_set(4)
    keys = thing.data.shape_keys.key_blocks
    for overall, eyes in ((2.857, 1.0), (20.0, 20.0)):
        set_strengths(thing, {"": overall, "eyes": eyes})
        together = keys["eyeBlinkLeft"].value + keys["strength eyeBlinkLeft"].value
        assert together == pytest.approx(2.857 * 3.5, rel=1e-6)
        assert together < 10


def test_strength_can_be_keyed(head, make_take):
    take = gentle(make_take, head)
    thing = mesh_of(build_scene(bpy.context, take, head, clip_path="clip.mp4"))
    for frame, value in ((1, 1.0), (41, 5.0)):
        thing["strength"] = value
        thing.keyframe_insert('["strength"]', frame=frame)
    animation = thing.animation_data
    (curve,) = animation.action.layers[0].strips[0].channelbag(animation.action_slot).fcurves
    for point in curve.keyframe_points:
        point.interpolation = "LINEAR"
    for index in (0, 10, 30):
        bpy.context.scene.frame_set(1 + index)
        strengths = dict.fromkeys(MIXED, 1.0) | {"": 1 + 4 * index / 40}
        np.testing.assert_allclose(evaluated(thing), truth(take, head, index, strengths), atol=METRES)


def test_heads_in_one_scene_have_strengths_of_their_own(head, make_take):
    take = gentle(make_take, head)
    one, two = (mesh_of(build_scene(bpy.context, take, head, clip_path=name)) for name in ("one.mp4", "two.mp4"))
    set_strengths(two, {"": 3.0})
    bpy.context.scene.frame_set(8)
    plain = dict.fromkeys(MIXED, 1.0)
    np.testing.assert_allclose(evaluated(one), truth(take, head, 7, plain), atol=METRES)
    np.testing.assert_allclose(evaluated(two), truth(take, head, 7, plain | {"": 3.0}), atol=METRES)
    for thing in (one, two):
        for active in (thing, thing.parent):
            bpy.context.view_layer.objects.active = active
            assert chosen_head(bpy.context) == thing


def test_every_driver_is_arithmetic_and_nothing_else_is_needed(head, make_take):
    before = {name: list(getattr(bpy.app.handlers, name)) for name in ("frame_change_pre", "depsgraph_update_post")}
    thing = mesh_of(build_scene(bpy.context, gentle(make_take, head), head, clip_path="clip.mp4"))
    drivers = [*thing.data.shape_keys.animation_data.drivers, *thing.parent.animation_data.drivers]
    assert len(drivers) > 20
    assert all(curve.driver.is_simple_expression and curve.driver.is_valid for curve in drivers)
    assert before == {name: list(getattr(bpy.app.handlers, name)) for name in before}


def test_strength_survives_saving_and_appending(head, make_take, tmp_path):
    take, strengths = gentle(make_take, head), MIXED
    thing = mesh_of(build_scene(bpy.context, take, head, clip_path="clip.mp4"))
    set_strengths(thing, strengths)
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    bpy.context.scene.frame_set(16)
    opened = bpy.data.objects["clip head"]
    np.testing.assert_allclose(evaluated(opened), truth(take, head, 15, strengths), atol=METRES)

    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.context.scene.render.fps = 200
    with bpy.data.libraries.load(path) as (_, wanted):
        wanted.collections = ["clip"]
    bpy.context.scene.collection.children.link(wanted.collections[0])
    appended = mesh_of(wanted.collections[0])
    set_strengths(appended, {"": 3.0})
    bpy.context.scene.frame_set(16)
    np.testing.assert_allclose(evaluated(appended), truth(take, head, 15, strengths | {"": 3.0}), atol=METRES)


def test_a_linked_head_is_strengthened_by_an_override(head, make_take, tmp_path):
    take = gentle(make_take, head)
    build_scene(bpy.context, take, head, clip_path="clip.mp4")
    path = str(tmp_path / "scene.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps = 200
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.collections = ["clip"]
    scene.collection.children.link(wanted.collections[0])
    override = wanted.collections[0].override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    thing = next(thing for thing in override.all_objects if thing.type == "MESH")
    strengths = dict.fromkeys(MIXED, 1.0) | {"": 3.0}
    set_strengths(thing, {"": 3.0})
    scene.frame_set(16)
    np.testing.assert_allclose(evaluated(thing), truth(take, head, 15, strengths), atol=METRES)


def test_an_artists_own_strength_makes_no_head():
    lamp = bpy.data.objects.new("lamp", None)
    bpy.context.scene.collection.objects.link(lamp)
    lamp["strength"] = 2.0
    assert chosen_head(bpy.context) is None
