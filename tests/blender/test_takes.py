# SPDX-License-Identifier: GPL-3.0-or-later
"""Several takes in one scene: beside each other, in place of each other, and gone without a trace."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.errors import MicrofaceError  # noqa: E402
from microface.backend.heads import load_head  # noqa: E402
from microface.backend.take import read_take, write_take  # noqa: E402
from microface.backend.types import Take  # noqa: E402
from microface.models.head.model import HeadModel  # noqa: E402
from microface.operators import properties, takes  # noqa: E402
from microface.operators.head import chosen_head  # noqa: E402
from microface.operators.reconstruct import add_take  # noqa: E402
from microface.operators.scene.captured import Captured, write_action  # noqa: E402
from microface.operators.scene.derived import smooth  # noqa: E402
from microface.operators.scene.placed import add_strip  # noqa: E402

DATA = ("objects", "meshes", "armatures", "cameras", "lights", "actions", "collections", "shape_keys")


@pytest.fixture
def head(built: None) -> HeadModel:
    return load_head("generic")


@pytest.fixture(scope="module")
def clip(portrait_clip: Callable[[list[int]], Path]) -> Path:
    return portrait_clip([0, 0, 0, 1, 1, 1])


@pytest.fixture(scope="module")
def take(built: None, clip: Path) -> Take:
    from microface.backend.pipeline import reconstruct
    from microface.backend.types import Settings

    return reconstruct(clip, Settings(device="cpu"), lambda stage, share: None)


@pytest.fixture
def add(
    addon: ModuleType, take: Take, head: HeadModel, clip: Path, tmp_path: Path
) -> Callable[..., bpy.types.Collection]:
    """Build a take as the button does; `change` alters it before."""

    def build(name: str, **change: object) -> bpy.types.Collection:
        file = tmp_path / f"{name}.take.npz"
        made = replace(take, **change)
        write_take(file, made)
        return add_take(bpy.context, read_take(file), head, clip, str(file))

    return build


def counts() -> dict[str, int]:
    return {name: len(getattr(bpy.data, name)) for name in DATA}


def test_a_second_take_stands_beside_the_first_which_is_hidden(add: Callable[..., bpy.types.Collection]) -> None:
    first = add("a")
    assert bpy.context.scene.camera.name in first.objects
    second = add("b")
    assert takes.of_scene(bpy.context.scene) == [first, second]
    assert [one.hide_viewport for one in (first, second)] == [True, False]
    assert [one.hide_render for one in (first, second)] == [True, False]
    assert bpy.context.scene.camera.name in second.objects
    bpy.ops.microface.show_take(name=first.name)
    assert [one.hide_viewport for one in (first, second)] == [False, True]
    assert bpy.context.scene.camera.name in first.objects
    assert bpy.context.view_layer.objects.active.name in first.objects


def test_what_the_artist_adds_meanwhile_does_not_stand_in_the_way(
    addon: ModuleType, take: Take, head: HeadModel, clip: Path
) -> None:
    """The start-up cube would swallow head and camera, though it is no longer alone."""
    scene, data = bpy.context.scene, bpy.data
    for name in ("Cube", "Suzanne"):
        scene.collection.objects.link(data.objects.new(name, data.meshes.new(name)))
    built = add_take(bpy.context, take, head, clip, "a.take.npz", was_empty=True)
    assert data.objects["Cube"].hide_viewport
    assert not data.objects["Suzanne"].hide_viewport
    assert scene.camera.name in built.objects
    assert tuple(take.size) == (scene.render.resolution_x, scene.render.resolution_y)


def test_an_editor_that_shows_a_plot_shows_the_take_that_is_shown(add: Callable[..., bpy.types.Collection]) -> None:
    """Also after the take that was shown is removed."""
    add("a")
    bpy.ops.microface.plot_motion()
    area = max(bpy.context.window_manager.windows[0].screen.areas, key=lambda one: one.width * one.height)
    was, area.type = area.type, "IMAGE_EDITOR"
    try:
        area.spaces.active.image = bpy.data.images[f"{chosen_head(bpy.context).name} motion"]
        first, second = area.spaces.active.image.name, add("b")
        assert area.spaces.active.image.name == f"{chosen_head(bpy.context).name} motion" != first
        bpy.ops.microface.remove_take(name=second.name)
        assert area.spaces.active.image.name == first
    finally:
        area.type = was


def test_takes_of_other_footage_and_other_faces_are_left_alone(
    add: Callable[..., bpy.types.Collection], take: Take
) -> None:
    first = add("a")
    others = [
        add("b", source={**take.source, "sha256": "another film"}),
        add("c", settings={**take.settings, "face": "1"}),
    ]
    assert not any(one.hide_viewport for one in (first, *others))
    again = add("d", settings={**take.settings, "face": "0"})  # the largest, as when none is named
    assert [one.hide_viewport for one in (first, *others, again)] == [True, False, False, False]


def test_replacing_leaves_exactly_what_one_take_leaves(add: Callable[..., bpy.types.Collection]) -> None:
    add("a")
    once, markers = counts(), [(m.name, m.frame) for m in bpy.context.scene.timeline_markers]
    ends = bpy.context.scene.frame_start, bpy.context.scene.frame_end
    properties.settings(bpy.context).result = "REPLACE"
    built = add("b")
    assert counts() == once
    assert takes.of_scene(bpy.context.scene) == [built]
    assert [(m.name, m.frame) for m in bpy.context.scene.timeline_markers] == markers
    assert (bpy.context.scene.frame_start, bpy.context.scene.frame_end) == ends
    assert bpy.context.scene.camera.name in built.objects


def test_replacing_spares_the_artists_own_work(add: Callable[..., bpy.types.Collection]) -> None:
    first = add("a")
    hat = bpy.data.objects.new("hat", bpy.data.meshes.new("hat"))
    first.objects.link(hat)
    bpy.context.scene.timeline_markers.new("cut here", frame=3)
    properties.settings(bpy.context).result = "REPLACE"
    add("b")
    assert bpy.context.scene.objects.get("hat") == hat
    assert "cut here" in bpy.context.scene.timeline_markers
    lights = [thing for thing in bpy.context.scene.objects if thing.type == "LIGHT"]
    assert len(lights) == 1  # the scene was not empty, so the second take brought none


def test_a_take_that_cannot_be_built_replaces_nothing(add: Callable[..., bpy.types.Collection], take: Take) -> None:
    first = add("a")
    before = counts()
    properties.settings(bpy.context).result = "REPLACE"
    with pytest.raises(MicrofaceError):
        add("b", expression=take.expression + 99)  # beyond Blender's limit of a key
    assert counts() == before
    assert takes.of_scene(bpy.context.scene) == [first]


def test_removing_a_take_leaves_nothing_and_shows_the_other(add: Callable[..., bpy.types.Collection]) -> None:
    empty = counts()
    first, second = add("a"), add("b")
    name = first.name
    bpy.ops.microface.remove_take(name=second.name)
    assert not bpy.data.collections[name].hide_viewport
    bpy.ops.microface.remove_take(name=name)
    assert counts() == empty
    assert len(bpy.context.scene.timeline_markers) == 0


def test_a_take_goes_with_its_views_and_strips_but_not_with_what_was_stored(
    add: Callable[..., bpy.types.Collection],
) -> None:
    empty = counts()
    built = add("a")
    scene, thing = bpy.context.scene, chosen_head(bpy.context)
    smooth(scene, thing, 20.0)
    move = Captured(np.array([0.0, 0.1, 0.2]), 0.1, {"mouthSmileLeft": np.array([0.0, 0.4, 0.0])}, {})
    add_strip(scene, thing, move, "smile", 5.0, 1.0, 1.0)
    stored = write_action(scene, "stored", move)
    stored.asset_mark()
    add_strip_of(thing, stored)
    bpy.ops.microface.remove_take(name=built.name)
    assert [action.name for action in bpy.data.actions] == ["stored"]
    bpy.data.actions.remove(stored)
    assert counts() == empty


def add_strip_of(thing: bpy.types.Object, action: bpy.types.Action) -> None:
    """As an artist does who drops an asset into the NLA editor."""
    thing.data.shape_keys.animation_data.nla_tracks.new().strips.new(action.name, 1, action)


def test_without_detail_there_are_only_named_units_and_the_rest_moves_the_same(
    add: Callable[..., bpy.types.Collection], take: Take, head: HeadModel
) -> None:
    """Detail of a millimetre on the nose: with it the nose moves by it, without it stays."""
    nose = int(np.argmax(head.template[:, 2]))
    basis = np.zeros((1, len(head.template), 3), np.float32)
    basis[0, nose, 1] = 0.001
    strength = np.linspace(0, 1, len(take.time_s))[:, None].astype(np.float32)
    change = {"detail_basis": basis, "detail": strength, "detail_std": 0 * strength}
    moved = {}
    for detail in (True, False):
        properties.settings(bpy.context).detail = detail
        built = add(f"detail {detail}", **change)
        thing = next(one for one in built.objects if one.type == "MESH" and one.data.shape_keys)
        names = [key.name for key in thing.data.shape_keys.key_blocks]
        assert any(name.startswith("detail") for name in names) is detail
        units = [name for name in names[1:] if not name.startswith(("detail", "strength"))]
        assert units == list(head.expression_names)
        for modifier in thing.modifiers:
            modifier.show_viewport = False  # the head's own motion aside
        bpy.context.scene.frame_set(bpy.context.scene.frame_end)
        mesh = thing.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        moved[detail] = np.array([vertex.co[:] for vertex in mesh.vertices])
    difference = moved[True] - moved[False]
    assert difference[nose, 1] == pytest.approx(0.001, rel=1e-3)
    assert np.abs(np.delete(difference, nose, axis=0)).max() < 1e-7


def test_takes_are_known_after_saving_and_loading(add: Callable[..., bpy.types.Collection], tmp_path: Path) -> None:
    add("a")
    add("b")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    found = takes.of_scene(bpy.context.scene)
    assert [Path(one[takes.FILE]).name for one in found] == ["a.take.npz", "b.take.npz"]
    bpy.ops.microface.show_take(name=found[0].name)
    assert takes.shown(bpy.context.scene) == found[0]


def test_a_linked_take_is_another_files(add: Callable[..., bpy.types.Collection], tmp_path: Path) -> None:
    """Appended, a take is a take like any other; linked, it can be neither hidden nor removed here."""
    name, film = add("a").name, str(tmp_path / "film.blend")
    bpy.ops.wm.save_as_mainfile(filepath=film)
    for link, count in ((True, 0), (False, 1)):
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=False)
        with bpy.data.libraries.load(film, link=link) as (_, wanted):
            wanted.collections = [name]
        bpy.context.scene.collection.children.link(wanted.collections[0])
        assert len(takes.of_scene(bpy.context.scene)) == count
    bpy.ops.microface.show_take(name=name)
    bpy.ops.microface.remove_take(name=name)
    assert takes.of_scene(bpy.context.scene) == []


def test_drawing_the_list_loads_no_file_and_sees_no_other_collection(add: Callable[..., bpy.types.Collection]) -> None:
    own = bpy.data.collections.new("own")
    bpy.context.scene.collection.children.link(own)
    built = add("a")
    Path(built[takes.FILE]).unlink()
    assert takes.of_scene(bpy.context.scene) == [built]
