# SPDX-License-Identifier: GPL-3.0-or-later
"""A small character: two meshes that share a key, on an armature; what is stored of it, shown of it and played on it."""

from typing import Any

import bpy
import numpy as np
from mathutils import Euler
from microface.backend.retarget.performance import Performance
from microface.operators.scene.rig import Control

FRAMES = 30


def skin_and_lashes() -> bpy.types.Object:
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
