# SPDX-License-Identifier: GPL-3.0-or-later
"""An empty scene, and what it needs to show a head."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Vector

from ...backend.types import Take
from .. import compat
from .performance import keyed_frames
from .rate import seconds_to_frame
from .space import STAND, head_location

STARTUP = {"Cube", "Camera", "Light"}  # what a new file of Blender holds
WORLD_GREY = (0.3, 0.3, 0.3, 1.0)
ROUNDING = 1e-6  # frames: 118 / 60 s at 30 a second is frame 60, not a hair beyond
LIGHT_ARM = Vector((-0.35, -0.6, 0.35))  # m, world: from the head to the light, on the camera's side
LIGHT_SIZE, LIGHT_POWER = 0.5, 5.0  # m, W


def is_empty(scene: bpy.types.Scene) -> bool:
    """Whether there is no work in the scene: no marker, and no object beyond those of the start-up file, unanimated."""
    objects = scene.objects
    return not scene.timeline_markers and all(thing.name in STARTUP and not thing.animation_data for thing in objects)


def dress(scene: bpy.types.Scene, collection: bpy.types.Collection, take: Take, fps: float) -> None:
    """Frame range, playback in real time, light; the start-up cube, which would swallow camera and head, is hidden."""
    first, last = seconds_to_frame(take.time_s[[0, -1]], fps)
    scene.frame_start, scene.frame_end = int(np.floor(first + ROUNDING)), int(np.ceil(last - ROUNDING))
    scene.frame_set(scene.frame_start)
    scene.sync_mode = "AUDIO_SYNC" if scene.sequence_editor and len(scene.sequence_editor.strips) else "FRAME_DROP"
    for thing in scene.objects:
        if thing.name in STARTUP:
            thing.hide_viewport = thing.hide_render = True
    _light(collection, take)
    if scene.world is None:
        scene.world = _world()


def _light(collection: bpy.types.Collection, take: Take) -> None:
    """One soft light that looks at the head's usual place."""
    light = bpy.data.lights.new(f"{collection.name} light", "AREA")
    light.size, light.energy = LIGHT_SIZE, LIGHT_POWER
    thing = bpy.data.objects.new(light.name, light)
    head = STAND @ Vector(tuple(head_location(np.median(take.translation[keyed_frames(take)], axis=0))))
    thing.location = head + LIGHT_ARM
    thing.rotation_euler = (-LIGHT_ARM).to_track_quat("-Z", "Y").to_euler()
    collection.objects.link(thing)


def _world() -> bpy.types.World:
    world = bpy.data.worlds.new("Microface")
    background = next(node for node in compat.shader_nodes(world) if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = WORLD_GREY
    return world
