# SPDX-License-Identifier: GPL-3.0-or-later
"""The head as one mesh object: this person in the Basis, a shape key for whatever moves, weights for the rig."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.types import Take
from ...models.head.model import HeadModel
from .materials import material
from .performance import Channel

Array = NDArray[np.float64]

SLIDER_LIMIT = 10.0  # hard limit of ShapeKey.slider_min and slider_max


def build_head(
    collection: bpy.types.Collection,
    name: str,
    take: Take,
    head: HeadModel,
    channels: list[Channel],
    rig: bpy.types.Object,
) -> bpy.types.Object:
    """Mesh object with shape keys and an armature modifier, a child of the rig."""
    basis = head.neutral(take.shape) + take.shape_offset
    mesh = _surface(f"{name} head", basis, head)
    thing = bpy.data.objects.new(f"{name} head", mesh)
    collection.objects.link(thing)
    thing.parent = rig
    _add_weights(thing, head)
    modifier = thing.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig
    thing.shape_key_add(name="Basis", from_mix=False)
    for channel in channels:
        _add_key(thing, basis, channel)
    return thing


def slider_range(name: str, values: NDArray[Any]) -> tuple[float, float]:
    """Limits of a shape key's slider that hold every value (N,): a value outside is cut off in playback, silently.

    Raises:
        MicrofaceError: a value is beyond what Blender's sliders can hold.
    """
    largest = float(np.abs(values).max(initial=0))
    if largest > SLIDER_LIMIT:
        text = f"{name} is keyed to {largest:.2f}; a shape key of Blender holds at most {SLIDER_LIMIT:g}."
        raise MicrofaceError("too_strong", text, f"Use at most {share_within(largest):g} times this strength.")
    return min(-1.0, np.floor(values.min(initial=0))), max(1.0, np.ceil(values.max(initial=0)))


def share_within(largest: float) -> float:
    """The strength, in thousandths, that brings a key's largest value just within what its slider holds."""
    return float(np.floor(1000 * SLIDER_LIMIT / max(largest, 1e-9)) / 1000)


def _surface(name: str, basis: Array, head: HeadModel) -> bpy.types.Mesh:
    """Quads, UVs, one material per part, smooth."""
    mesh = bpy.data.meshes.new(name)
    corners = head.polygons >= 0
    mesh.from_pydata(basis, [], [polygon[keep].tolist() for polygon, keep in zip(head.polygons, corners, strict=True)])
    mesh.uv_layers.new(name="UVMap").data.foreach_set("uv", head.uv[corners].astype(np.float32).ravel())
    for part in head.part_names:
        mesh.materials.append(material(part))
    mesh.polygons.foreach_set("material_index", head.part.astype(np.int32))
    mesh.shade_smooth()
    mesh.update()
    return mesh


def _add_weights(thing: bpy.types.Object, head: HeadModel) -> None:
    for joint, column in zip(head.joint_names, head.weights.T, strict=True):
        group = thing.vertex_groups.new(name=joint)
        for vertex in np.flatnonzero(column).tolist():
            group.add([vertex], column[vertex], "REPLACE")


def _add_key(thing: bpy.types.Object, basis: Array, channel: Channel) -> None:
    """A shape key relative to the Basis, with a slider as wide as what will be keyed."""
    key = thing.shape_key_add(name=channel.name, from_mix=False)
    key.data.foreach_set("co", (basis + channel.displacement).astype(np.float32).ravel())
    key.slider_min, key.slider_max = slider_range(channel.name, channel.values)
    key.value = 0.0  # 5.2 starts new keys at 1
