# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel Compare: the copy moves as many times as far and goes without a trace, as do lines and plot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import bmesh
import bpy
import cv2
import numpy as np
import pytest
from mathutils import Color
from microface.backend.preview.magnified import STEPS, VISIBLE
from microface.backend.take import write_take
from microface.backend.types import Event, Take
from microface.backend.video import open_clip, write_video
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head
from microface.operators.before_after import comparison, magnified
from microface.operators.head import chosen_head, heads_of
from microface.operators.scene import takes
from microface.operators.scene.build import build_scene
from microface.operators.scene.overlay import hide_lines, show_lines
from microface.operators.scene.skin import wear
from microface.operators.skin import own_skin

DATA = ("objects", "meshes", "armatures", "cameras", "lights", "actions", "collections", "shape_keys")
SMILE, FPS, APEX_FRAME = 0.05, 25.0, 11


@pytest.fixture
def built(built: None, addon: ModuleType, make_take: Callable[..., Take]) -> bpy.types.Collection:
    """A generic head that smiles a little, once, and blinks."""
    model = read_head(asset_path("generic_head.npz"))
    return _scene(model, make_take)


def _scene(model: HeadModel, make_take: Callable[..., Take]) -> bpy.types.Collection:
    take = make_take(model, frames=21, fps=FPS)
    expression = np.zeros_like(take.expression)
    bump = np.exp(-(((np.arange(21) - 10) / 3) ** 2))
    for unit, size in {"mouthSmileLeft": SMILE, "mouthSmileRight": SMILE, "eyeBlinkLeft": 0.8}.items():
        expression[:, model.expression_names.index(unit)] = size * bump
    event = Event(0.2, (APEX_FRAME - 1) / FPS, 0.6, "micro", ("mouthSmileLeft", "mouthSmileRight"), 1.0, 0.1, 0.9)
    take = replace(
        take, expression=expression, shape=0 * take.shape, shape_offset=0 * take.shape_offset, pose=0 * take.pose,
        translation=np.tile([0.05, 0, 0.8], (21, 1)), detail=0 * take.detail, events=(event,),
        source={"fps": FPS, "first_frame": 0, "sha256": "film"},
    )  # fmt: skip
    collection = build_scene(bpy.context, take, model, clip_path=None, name="take")
    takes.mark(collection, "/nowhere/a.take.npz", take)
    return collection


def motion(thing: bpy.types.Object) -> np.ndarray:
    """(V, 3) m from rest to the apex, in the head's own space."""
    seen = []
    for frame in (1, APEX_FRAME):
        bpy.context.scene.frame_set(frame)
        mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        points = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", points)
        seen.append(points.reshape(-1, 3).astype(float))
    return seen[1] - seen[0]


def pieces(thing: bpy.types.Object) -> int:
    """How many the shown mesh falls into."""
    mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
    found = bmesh.new()
    found.from_mesh(mesh)
    left, count = set(found.verts), 0
    while left:
        count, reached = count + 1, [left.pop()]
        while reached:
            at = reached.pop()
            beside = {edge.other_vert(at) for edge in at.link_edges} & left
            left -= beside
            reached += beside
    found.free()
    return count


def test_the_copy_moves_so_many_times_as_far_and_the_head_as_before(built: bpy.types.Collection) -> None:
    head = chosen_head(bpy.context)
    alone = motion(head)
    bpy.ops.microface.before_after()
    after = magnified(bpy.context.scene)
    mouth = np.flatnonzero(np.linalg.norm(alone, axis=1) > 1e-4)
    mouth = mouth[np.abs(_blink(head))[mouth] < 1e-7]  # eyes have a strength of their own
    assert len(mouth) > 300
    np.testing.assert_allclose(motion(head), alone, atol=1e-7)
    np.testing.assert_allclose(motion(after)[mouth], after["strength"] * alone[mouth], atol=2e-6)


def _blink(head: bpy.types.Object) -> np.ndarray:
    """(V,) m that the lid's key moves each vertex."""
    keys = head.data.shape_keys
    shift = [
        np.subtract(a.co, b.co)
        for a, b in zip(keys.key_blocks["eyeBlinkLeft"].data, keys.reference_key.data, strict=True)
    ]
    return np.linalg.norm(shift, axis=1)


def test_the_factor_makes_the_largest_event_visible(built: bpy.types.Collection) -> None:
    """The largest step at which the smile moves no point farther than VISIBLE of the face's width."""
    head = chosen_head(bpy.context)
    keys = head.data.shape_keys
    basis = np.array([point.co for point in keys.reference_key.data])
    smile = sum(
        np.array([point.co for point in keys.key_blocks[f"mouthSmile{side}"].data]) - basis
        for side in ("Left", "Right")
    )
    largest = SMILE * np.linalg.norm(smile, axis=1).max()
    bpy.ops.microface.before_after()
    wanted = VISIBLE * np.ptp(basis[:, 0]) / largest
    assert magnified(bpy.context.scene)["strength"] == max(step for step in STEPS if step <= min(wanted, 20))


def test_lids_do_not_pass_one_another(built: bpy.types.Collection) -> None:
    bpy.ops.microface.before_after()
    after = magnified(bpy.context.scene)
    assert 0.8 * after["strength"] * after["strength_eyes"] == pytest.approx(1.0)


def test_both_are_seen_side_by_side(built: bpy.types.Collection) -> None:
    from bpy_extras.object_utils import world_to_camera_view

    scene, head = bpy.context.scene, chosen_head(bpy.context)
    bpy.ops.microface.before_after()
    seen = []
    for thing in (head, magnified(scene)):
        solid = thing.evaluated_get(bpy.context.evaluated_depsgraph_get())
        corners = [solid.matrix_world @ vertex.co for vertex in solid.data.vertices]
        seen.append(np.array([world_to_camera_view(scene, scene.camera, corner)[:2] for corner in corners]))
    assert seen[0].min() > 0 and max(one.max() for one in seen) < 1 and seen[1].min() > 0
    assert seen[0][:, 0].max() < seen[1][:, 0].min()
    np.testing.assert_allclose(np.ptp(seen[0], axis=0), np.ptp(seen[1], axis=0), rtol=0.05)


def test_a_second_click_leaves_nothing(built: bpy.types.Collection) -> None:
    scene = bpy.context.scene
    before = {name: len(getattr(bpy.data, name)) for name in DATA}, scene.camera.name, chosen_head(bpy.context).name
    for _ in range(2):
        bpy.ops.microface.before_after()
        bpy.ops.microface.before_after()
    after = {name: len(getattr(bpy.data, name)) for name in DATA}, scene.camera.name, chosen_head(bpy.context).name
    assert after == before
    assert comparison(scene) is None


def test_the_sidebar_never_speaks_of_the_copy(built: bpy.types.Collection) -> None:
    head = chosen_head(bpy.context)
    bpy.ops.microface.before_after()
    bpy.context.view_layer.objects.active = magnified(bpy.context.scene)
    assert chosen_head(bpy.context) == head
    assert heads_of(bpy.context.scene) == [head]


def test_removing_the_take_ends_the_comparison(built: bpy.types.Collection) -> None:
    bpy.ops.microface.before_after()
    bpy.ops.microface.remove_take(name=built.name)
    assert not [thing for thing in bpy.data.objects if thing.type in ("MESH", "ARMATURE", "CAMERA")]


def test_lines_are_of_the_face_only_and_go_again(built: bpy.types.Collection) -> None:
    head = chosen_head(bpy.context)
    whole, groups = len(motion(head)), len(head.vertex_groups)
    show_lines(head)
    points = motion(head)
    assert 1500 < len(points) < whole / 2
    assert pieces(head) == 1
    hide_lines(head)
    assert len(motion(head)) == whole
    assert (len(head.vertex_groups), head.display_type, len(head.modifiers)) == (groups, "TEXTURED", 1)


def test_footage_has_four_places(built: bpy.types.Collection) -> None:
    from microface.operators.compare import camera_of, footage_place

    camera = camera_of(chosen_head(bpy.context))
    assert footage_place(camera) == ""
    camera.data.background_images.new()
    for place in ("OVER", "BESIDE", "OFF", "BEHIND"):
        bpy.ops.microface.place_footage(place=place)
        assert footage_place(camera) == place
    background = camera.data.background_images[0]
    assert (background.alpha, tuple(background.offset), background.display_depth) == (1.0, (0, 0), "BACK")
    assert camera.data.show_passepartout


def test_the_plot_is_an_image_of_the_file(
    built: bpy.types.Collection, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    """Drawn again it is the same image; without the take's file it says so."""
    head = chosen_head(bpy.context)
    with pytest.raises(RuntimeError, match=r"/nowhere/a\.take\.npz"):
        bpy.ops.microface.plot_motion()
    model = read_head(asset_path("generic_head.npz"))
    write_take(tmp_path / "a.take.npz", replace(make_take(model, frames=21, fps=FPS), noise_px={"mouth": 0.2}))
    head[takes.FILE] = str(tmp_path / "a.take.npz")
    for _ in range(2):
        bpy.ops.microface.plot_motion()
    (image,) = bpy.data.images
    assert image.name == f"{head.name} motion" and image.packed_file
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)
    assert np.ptp(pixels[..., :3]) > 0.8 and (pixels[..., 3] == 1).all()


def test_the_plot_follows_the_list(built: bpy.types.Collection, make_take: Callable[..., Take], tmp_path: Path) -> None:
    """Deleting the event takes its shade away. Blender does not undo pixels: then the button draws it anew."""
    head, model = chosen_head(bpy.context), read_head(asset_path("generic_head.npz"))
    write_take(tmp_path / "a.take.npz", replace(make_take(model, frames=21, fps=FPS), noise_px={"mouth": 0.2}))
    head[takes.FILE] = str(tmp_path / "a.take.npz")
    bpy.ops.microface.plot_motion()

    area = max(bpy.context.window_manager.windows[0].screen.areas, key=lambda one: one.width * one.height)
    was, area.type = area.type, "IMAGE_EDITOR"
    (area.spaces.active.image,) = bpy.data.images

    def drawn() -> np.ndarray:
        area = next(one for one in bpy.context.window_manager.windows[0].screen.areas if one.type == "IMAGE_EDITOR")
        (image,) = bpy.data.images
        assert area.spaces.active.image == image
        return np.array(image.pixels[:])

    try:
        bpy.ops.ed.undo_push(message="drawn")
        shaded = drawn()
        bpy.ops.microface.delete_event()
        bpy.ops.ed.undo_push(message="deleted")
        assert np.abs(drawn() - shaded).max() > 0.1
        bpy.ops.ed.undo()
        bpy.ops.microface.plot_motion()
        np.testing.assert_array_equal(drawn(), shaded)
    finally:
        area.type = was


def test_the_skin_is_drawn_worn_and_taken_off_without_a_trace(
    built: bpy.types.Collection, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    """Of footage that is all of one colour, so is the skin; another head keeps its own."""
    head, model = chosen_head(bpy.context), read_head(asset_path("generic_head.npz"))
    write_video(tmp_path / "film.mp4", [np.full((480, 640, 3), (200, 120, 60), np.uint8)] * 3, fps=25, crf=2)
    source = {"path": str(tmp_path / "film.mp4"), "sha256": open_clip(tmp_path / "film.mp4").sha256, "first_frame": 0}
    take = make_take(model, frames=3, fps=FPS)
    take = replace(
        take, source=source, template_frames=np.array([0]), pose=0 * take.pose, expression=0 * take.expression,
        translation=np.tile([0, 0, 0.8], (3, 1)), shape=0 * take.shape, shape_offset=0 * take.shape_offset,
    )  # fmt: skip
    write_take(tmp_path / "a.take.npz", take)
    head[takes.FILE] = str(tmp_path / "a.take.npz")
    before = len(bpy.data.materials), len(bpy.data.images)
    for _ in range(2):
        bpy.ops.microface.skin_from_footage()
    assert (len(bpy.data.materials), len(bpy.data.images)) == (before[0] + 2, before[1] + 1)
    worn = own_skin(head)
    image = next(node.image for node in worn.node_tree.nodes if node.type == "TEX_IMAGE")
    assert image.packed_file
    pixels = 255 * np.array(image.pixels[:]).reshape(-1, 4)[:, :3]
    np.testing.assert_allclose(np.median(pixels, axis=0), (200, 120, 60), atol=4)
    eyes = head.data.materials["take head iris"].diffuse_color[:3]
    np.testing.assert_allclose(eyes, Color((200 / 255, 120 / 255, 60 / 255)).from_srgb_to_scene_linear(), atol=0.02)
    assert own_skin(_scene(model, make_take).objects["take.001 head"]) is None
    bpy.context.view_layer.objects.active = head
    bpy.ops.microface.plain_skin()
    assert own_skin(head) is None
    assert (len(bpy.data.materials), len(bpy.data.images)) == before
    with pytest.raises(RuntimeError, match="wears its plain skin"):
        bpy.ops.microface.plain_skin()


def test_a_removed_take_takes_its_skin_along(built: bpy.types.Collection, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "skin.png"), np.zeros((8, 8, 3), np.uint8))
    before = len(bpy.data.materials), len(bpy.data.images)
    wear(chosen_head(bpy.context), tmp_path / "skin.png")
    bpy.ops.microface.remove_take(name=built.name)
    assert (len(bpy.data.materials), len(bpy.data.images)) == before
