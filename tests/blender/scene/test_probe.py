# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe reads, and that nothing is left changed."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Matrix
from microface.backend.errors import MicrofaceError
from microface.operators.scene.character import find_character
from microface.operators.scene.probe import probe
from microface.operators.scene.rig import find_controls
from microface.tests.blender.scene.skin_and_lashes import (
    animate,
    evaluated,
    state,
)


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


def test_a_control_without_effect_is_left_out(character: bpy.types.Object) -> None:
    bpy.data.objects["skin"].shape_key_add(name="nothing", from_mix=False).value = 0.0
    found = find_character(bpy.context)
    _, kept = probe(bpy.context, found, find_controls(found))
    assert "nothing" not in [control.name for control in kept]


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
