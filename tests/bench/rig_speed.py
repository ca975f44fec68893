# SPDX-License-Identifier: GPL-3.0-or-later
"""How long it takes to put 1000 frames on the controls of a rig, and to show them under another setting.

.envs/blender-5.2/bin/python -I tests/bench/rig_speed.py
"""

import runpy
import time
from collections.abc import Callable
from pathlib import Path

runpy.run_path(str(Path(__file__).parents[2] / "backend" / "bootstrap.py"))["install_package"]()

import bpy  # noqa: E402
import numpy as np  # noqa: E402
from microface.backend.retarget.mapping import Row  # noqa: E402
from microface.backend.retarget.performance import Performance  # noqa: E402
from microface.operators import result as settings  # noqa: E402
from microface.operators.lent import lent  # noqa: E402
from microface.operators.result import result_of  # noqa: E402
from microface.operators.scene import result  # noqa: E402
from microface.operators.scene.character import find_character  # noqa: E402
from microface.operators.scene.rig import Control, find_controls  # noqa: E402
from microface.operators.scene.rig_action import write_action  # noqa: E402
from microface.operators.scene.rig_curves import rest_of  # noqa: E402

FRAMES, KEYS, BONES, TRIES = 1000, 60, 59, 5


def character(mode: str) -> bpy.types.Object:
    """60 shape keys and 59 bones."""
    bpy.ops.wm.read_homefile(use_empty=True)
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for number in range(BONES):
        bone = rig.data.edit_bones.new(f"bone {number}")
        bone.head, bone.tail = (number, 0, 0), (number, 0.3, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in rig.pose.bones:
        bone.rotation_mode = mode
    mesh = bpy.data.meshes.new("skin")
    mesh.from_pydata(np.random.default_rng(1).normal(0, 1, (30, 3)), [], [(0, 1, 2)])
    skin = bpy.data.objects.new("skin", mesh)
    bpy.context.scene.collection.objects.link(skin)
    skin.parent = rig
    skin.shape_key_add(name="Basis", from_mix=False)
    for number in range(KEYS):
        skin.shape_key_add(name=f"key {number}", from_mix=False).value = 0.0
    bpy.context.view_layer.update()
    return rig


def fastest(run: Callable[[], object]) -> float:
    """Milliseconds of the processor that the fastest of some runs takes."""
    times = []
    for _ in range(TRIES):
        started = time.process_time()
        run()
        times.append(1000 * (time.process_time() - started))
    return min(times)


def measure(what: str, mode: str, wanted: Callable[[Control], bool]) -> None:
    """Print one line."""
    rig = character(mode)
    controls = [one for one in find_controls(find_character(bpy.context)) if wanted(one)]
    values = 0.1 + 0.05 * np.sin(np.arange(FRAMES)[:, None] / 20 + np.arange(len(controls)))
    everything = np.ones(len(controls), bool)
    names = tuple(one.name for one in controls)
    performance = Performance(names, np.arange(FRAMES) / 60, values, np.ones(FRAMES, bool), everything, 1.0)
    table = tuple(Row(one.name, one.kind, (), True, 1.0, one.low, one.high) for one in controls)
    rests = [rest_of(one) for one in controls]
    scene = bpy.context.scene
    write = fastest(lambda: write_action(scene, controls, performance, "clip", "replace"))
    action = write_action(scene, controls, performance, "clip", "replace")
    result.keep(rig, action, controls, rests, performance, table, take="", existing="replace", start=1.0, strength=1.0)
    strengths = iter(np.linspace(0.5, 2, TRIES))
    change = fastest(lambda: setattr(result_of(rig), "strength", float(next(strengths))))
    count = sum(len(bag.fcurves) for bag in action.layers[0].strips[0].channelbags)
    print(f"{what}: {len(controls)} controls, {count} curves of {FRAMES} keys: written in {write:.0f} ms, "
          f"changed in {change:.0f} ms", flush=True)  # fmt: skip


with lent(settings):
    measure("keys", "QUATERNION", lambda one: one.kind == "key")
    for mode in ("QUATERNION", "XYZ", "AXIS_ANGLE"):
        measure(f"bones, {mode}", mode, lambda one: one.kind in ("rotation", "location"))
