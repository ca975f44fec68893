# SPDX-License-Identifier: GPL-3.0-or-later
"""The same head twice, side by side before a camera of their own: as it is shown, and with its motion magnified.

The second one is a copy in a collection of its own, which goes without a trace. It stands where the first one would be
seen after a turn of the footage's camera, so both show the same side of the face.
"""

from __future__ import annotations

from typing import Any, cast

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector
from numpy.typing import NDArray

from ...backend.preview.magnified import visible_factor
from ...models.head.regions import REGIONS, region_of
from ..before_after import BEFORE_AFTER, CAMERA, comparison
from ..head import COPY, STRENGTH, strength_property
from ..micro_expressions import list_of
from .captured import KEY_PATH, curves_of, points_of
from .rate import rate, seconds_to_frame
from .strength import MOST, PREFIX

Array = NDArray[np.float64]

GAP = 1.08  # of a head's width: how far apart they stand
ROOM = 1.12  # of what both take up: what the camera shows
CLOSED = 1.0  # of a lid: further it would pass the other one
FALLBACK, LEAST = 4.0, 2.0  # where the list has no expression to go by; where one is large already


def show_before_after(scene: bpy.types.Scene, head: bpy.types.Object, camera: bpy.types.Object) -> bpy.types.Object:
    """Put the magnified copy beside `head`, as `camera` sees it; gives the camera that shows both, now the scene's."""
    hide_before_after(scene)
    collection = bpy.data.collections.new(f"{head.name} before and after")
    scene.collection.children.link(collection)
    collection[BEFORE_AFTER] = head.name
    collection[CAMERA] = scene.camera.name if scene.camera else ""
    after = _copy(head, collection)
    _magnify(scene, head, after)
    low, high = _extent(head, camera)
    turn = GAP * (high - low)[0]
    after.parent.matrix_world = _turned(camera, turn) @ head.parent.matrix_world
    shown = _camera(scene, camera, low, high + np.array([turn, 0]))
    collection.objects.link(shown)
    scene.camera = shown
    return shown


def hide_before_after(scene: bpy.types.Scene) -> None:
    """Take the copy and its camera away; the scene gets back the camera it had. Nothing happens where there is none."""
    collection = comparison(scene)
    if collection is None:
        return
    before = scene.objects.get(collection[CAMERA])
    if scene.camera is None or scene.camera.name in collection.objects:
        scene.camera = before
    things = list(collection.objects)
    data = dict.fromkeys(thing.data for thing in things if thing.type != "ARMATURE")  # the rig's is the head's own
    bpy.data.batch_remove([*things, *data])
    bpy.data.collections.remove(collection)


def _copy(head: bpy.types.Object, collection: bpy.types.Collection) -> bpy.types.Object:
    """Head and rig with keys and drivers of their own, moved by the same Action."""
    rig, after = head.parent.copy(), head.copy()
    after.data = cast(bpy.types.Mesh, head.data).copy()
    after.parent = rig
    after.animation_data_clear()  # keys of the strength; the copy has its own
    instead = {head: after, head.parent: rig, head.data.shape_keys: after.data.shape_keys}
    for owner in (after.data.shape_keys, rig):
        for driver in owner.animation_data.drivers:
            for target in (target for variable in driver.driver.variables for target in variable.targets):
                target.id = instead.get(target.id, target.id)
    for modifier in after.modifiers:
        if modifier.type == "ARMATURE":
            modifier.object = rig
    for bone in rig.pose.bones:
        for constraint in bone.constraints:
            constraint.target = instead.get(constraint.target, constraint.target)
    after[COPY] = True
    for thing in (rig, after):
        collection.objects.link(thing)
        thing.select_set(False)
    return after


def _magnify(scene: bpy.types.Scene, head: bpy.types.Object, after: bpy.types.Object) -> None:
    """So far that the largest expression of the list is clearly seen; eyes no further than their lids can close."""
    factor = _factor(scene, head)
    lids = [points_of(curve)[:, 1] for name, curve in _curves(head).items() if name.startswith("eyeBlink")]
    closed = max((float(np.abs(values).max()) for values in lids), default=0.0)
    after[STRENGTH] = factor
    for region in REGIONS:
        after[strength_property(region)] = 1.0
    after[strength_property("eyes")] = min(1.0, max(CLOSED / max(closed, 1e-6), 1.0) / factor)


def _factor(scene: bpy.types.Scene, head: bpy.types.Object) -> float:
    events = [event for event in list_of(head).events if event.kind in ("micro", "macro")]
    curves = {name: curve for name, curve in _curves(head).items() if region_of(name) != "eyes"}
    basis = _points(head.data.shape_keys.reference_key)
    keys = head.data.shape_keys.key_blocks
    moved = {name: _points(keys[name]) - basis for name in curves if name in keys}
    largest = 0.0
    for event in events:
        frame = float(seconds_to_frame(event.apex_s, rate(scene)))
        motion = sum((curves[name].evaluate(frame) * shift for name, shift in moved.items()), np.zeros_like(basis))
        largest = max(largest, float(np.linalg.norm(motion, axis=1).max()))
    factor = visible_factor(largest, float(np.ptp(basis[:, 0])))
    return float(np.clip(factor, LEAST, MOST)) if largest else FALLBACK


def _curves(head: bpy.types.Object) -> dict[str, Any]:
    """F-curves by the raw shape key they move."""
    found = ((KEY_PATH.match(curve.data_path), curve) for curve in curves_of(head.data.shape_keys))
    return {match[1]: curve for match, curve in found if match and not match[1].startswith((PREFIX, "corrective"))}


def _points(key: bpy.types.ShapeKey) -> Array:
    points = np.empty(3 * len(key.data), np.float32)
    key.data.foreach_get("co", points)
    return points.reshape(-1, 3).astype(np.float64)


def _extent(head: bpy.types.Object, camera: bpy.types.Object) -> tuple[Array, Array]:
    """Smallest and largest angle (2,) in radians to the right and up, at which the camera sees the head now."""
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = head.evaluated_get(graph)
    points = np.empty(3 * len(evaluated.data.vertices), np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    matrix = np.array(camera.matrix_world.inverted() @ evaluated.matrix_world)
    x, y, z = matrix[:3, :3] @ points.reshape(-1, 3).T + matrix[:3, 3:]
    angle = np.arctan2(np.stack([x, y]), -z)
    return angle.min(1), angle.max(1)


def _turned(camera: bpy.types.Object, angle: float) -> Matrix:
    """World matrix that turns what the camera sees to the right, about the camera."""
    here, up = camera.matrix_world.translation, camera.matrix_world.to_3x3() @ Vector((0, 1, 0))
    return Matrix.Translation(here) @ Quaternion(up, -angle).to_matrix().to_4x4() @ Matrix.Translation(-here)


def _camera(scene: bpy.types.Scene, camera: bpy.types.Object, low: Array, high: Array) -> bpy.types.Object:
    """A camera at the same place that shows what lies between two corners (2,) of angles."""
    lens = bpy.data.cameras.new("before and after")
    lens.clip_start, lens.clip_end = camera.data.clip_start, camera.data.clip_end
    shown = bpy.data.objects.new(lens.name, lens)
    right, up = (low + high) / 2
    turn = Quaternion((0, 1, 0), -right) @ Quaternion((1, 0, 0), up)
    shown.matrix_world = camera.matrix_world @ turn.to_matrix().to_4x4()
    half = ROOM * np.tan((high - low) / 2)
    render = scene.render
    frame = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    lens.sensor_fit, lens.sensor_width = "HORIZONTAL", 36.0
    lens.lens = lens.sensor_width / 2 / max(half[0], half[1] * frame)
    return shown
