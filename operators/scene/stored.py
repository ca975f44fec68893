# SPDX-License-Identifier: GPL-3.0-or-later
"""Events kept as assets: an Action with a picture of the face at the apex, for any head and, by the asset browser, any file."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...models.head.raster import shade
from ..micro_expressions import MICROFACE_PG_event_row
from .captured import HEAD, captured, write_action
from .events import read_row
from .rate import rate, seconds_to_frame

Array = NDArray[np.float64]

PIXELS = 256
ROOM = 1.15  # of the face's size: what the picture shows
GROUND = (48, 50, 54)
GAMMA = 2.2  # roughly, from a material's linear colour


def store(scene: bpy.types.Scene, head: bpy.types.Object, row: MICROFACE_PG_event_row) -> bpy.types.Action:
    """Keep an event as an asset, named by its action units and, where a person coded it, its emotion.

    Raises:
        MicrofaceError: ``no_motion``.
    """
    event = read_row(row)
    motion = captured(scene, head, event)
    units = f"AU{row.action_units} " if row.action_units else ""
    felt = f"{row.emotion} " if row.emotion else ""
    action = write_action(scene, f"{units}{felt}{row.name}", motion)
    action[HEAD] = head.name
    action.use_fake_user = True
    action.asset_mark()
    length = 1000 * (event.offset_s - event.onset_s)
    action.asset_data.description = f"{row.kind} expression of {length:.0f} ms, {row.units.replace(',', ', ')}"
    for tag in filter(None, ("microface", row.kind, row.emotion, *row.action_units.split("+"))):
        action.asset_data.tags.new(tag if not tag[-1].isdigit() else f"AU{tag}", skip_if_exists=True)
    _set_picture(action, _apex(scene, head, event.apex_s))
    return action


def _apex(scene: bpy.types.Scene, head: bpy.types.Object, apex_s: float) -> NDArray[np.uint8]:
    """(PIXELS, PIXELS, 3) the head as it is shown at the apex, seen from its front."""
    here, between = scene.frame_current, scene.frame_subframe
    frame = float(seconds_to_frame(apex_s, rate(scene)))
    scene.frame_set(int(frame // 1), subframe=frame % 1)
    graph = bpy.context.evaluated_depsgraph_get()
    evaluated = head.evaluated_get(graph)
    points, faces, colours = _surface(evaluated.to_mesh())
    turn = np.array(head.parent.evaluated_get(graph).pose.bones["neck"].matrix)[:3, :3]
    evaluated.to_mesh_clear()
    scene.frame_set(here, subframe=between)
    return _drawn(points @ turn, faces, colours)


def _surface(mesh: bpy.types.Mesh) -> tuple[Array, NDArray[np.int32], Array]:
    """Vertices (V, 3), triangles (F, 3) and their colours (F, 3) 0..255, -1 for what one looks through."""
    mesh.calc_loop_triangles()
    points = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", points)
    faces = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", faces)
    material = np.empty(len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("material_index", material)
    looks = np.array([look.diffuse_color[:] for look in mesh.materials])
    colours = np.where(looks[:, 3:] < 1, -1, 255 * looks[:, :3] ** (1 / GAMMA))
    return points.reshape(-1, 3).astype(np.float64), faces.reshape(-1, 3), colours[material]


def _drawn(points: Array, faces: NDArray[np.int32], colours: Array) -> NDArray[np.uint8]:
    """Head space (V, 3), x to the subject's left, y up, z forward, as a picture from far away."""
    centre = (points.max(0) + points.min(0)) / 2
    size = ROOM * float(np.ptp(points[:, :2], axis=0).max())
    away = 10 * size
    seen = (points - centre) * (1, -1, -1) + (0, 0, away)
    focal = PIXELS * away / size
    camera = np.array([[focal, 0, PIXELS / 2], [0, focal, PIXELS / 2], [0, 0, 1]])
    return shade(seen, faces, colours, camera, (PIXELS, PIXELS), background=GROUND)


def _set_picture(action: bpy.types.Action, picture: NDArray[np.uint8]) -> None:
    """Blender counts lines from below and wants RGBA, 0..1."""
    preview: Any = action.preview_ensure()
    preview.image_size = (PIXELS, PIXELS)
    pixels = np.ones((PIXELS, PIXELS, 4), np.float32)
    pixels[..., :3] = picture[::-1] / 255
    preview.image_pixels_float.foreach_set(pixels.ravel())
