# SPDX-License-Identifier: GPL-3.0-or-later
"""What each control of a character moves: set it a little, read the evaluated meshes, put everything back.

While it is probed the character's animation is taken off and its keys, bones and properties stand at rest. Afterwards
every value and every assignment is what it was, to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import NDArray

from ...backend.errors import MicrofaceError
from ...backend.retarget.rig import Rig
from .character import Character
from .rest import CHANNELS, bone_keyed, keyed, property_rest
from .rig import STEP, Control, bone_matrix
from .space import STAND

Array = NDArray[np.float64]

STILL = 1e-6  # of the character's size: less is no effect
TO_HEAD = np.array(STAND.inverted().to_3x3())  # Blender's world to y up, z forward


def probe(context: bpy.types.Context, character: Character, controls: list[Control]) -> tuple[Rig, list[Control]]:
    """Rest and basis of a character, in world units, y up; and the controls that have an effect, in their order.

    Raises:
        MicrofaceError: ``linked_rig``, ``no_controls``, ``no_mesh`` or ``changing_mesh``.
    """
    _refuse_linked(character)
    with at_rest(context, character, controls):
        vertices, faces = _surface(context, character)
        size = float(np.ptp(vertices, axis=0).max(initial=0))
        kept, basis = [], []
        idle: set[bpy.types.PoseBone] = set()
        for control in controls:
            if control.kind in ("rotation", "location") and control.owners[0] in idle:
                continue
            moved = _effect(context, character, control, vertices, size)
            reach = np.abs(moved).max(1) > STILL * size
            if control.kind == "rotation" and control.index == 0 and not reach.any():
                idle.add(control.owners[0])
            elif reach.any():
                kept.append(control)
                basis.append(moved.astype(np.float32))
    if not kept:
        text = f"None of {len(controls)} controls of {character.name} moves its meshes."
        raise MicrofaceError("no_controls", text, "Unlock its shape keys or bones, or choose another character.")
    return _rig(vertices, faces, kept, np.stack(basis)), kept


def _rig(vertices: Array, faces: NDArray[np.int32], kept: list[Control], basis: NDArray[np.float32]) -> Rig:
    names, kinds = tuple(control.name for control in kept), tuple(control.kind for control in kept)
    low, high = (np.array([getattr(control, end) for control in kept], float) for end in ("low", "high"))
    return Rig(vertices, faces, names, kinds, low, high, basis)


def _refuse_linked(character: Character) -> None:
    linked = [one.name for one in character.animated if one.library]
    if linked:
        text = f"{', '.join(linked)} is linked from another file and cannot be animated here."
        raise MicrofaceError("linked_rig", text, "Make a library override or a local copy of the character.")


def _effect(context: bpy.types.Context, character: Character, control: Control, rest: Array, size: float) -> Array:
    """Motion (V, 3) per unit of a control."""
    step = STEP[control.kind] * (size if control.kind == "location" else 1)
    step = min(step, control.high) if control.high > 0 else max(-step, control.low)
    if not step:
        return np.zeros_like(rest)
    with _set(control, step):
        moved, _ = _surface(context, character)
    if moved.shape != rest.shape:
        text = f"{control.name} changes how many vertices {character.name} has."
        raise MicrofaceError("changing_mesh", text, "Switch off modifiers that rebuild the mesh, such as Decimate.")
    return np.asarray((moved - rest) / step)


@contextmanager
def _set(control: Control, value: float) -> Iterator[None]:
    """Set a control, counted from what it is, and put it back."""
    if control.kind == "key":
        before = [key.value for key in control.owners]
        for key, own in zip(control.owners, before, strict=True):
            key.value = own + value
        try:
            yield
        finally:
            for key, own in zip(control.owners, before, strict=True):
                key.value = own
    elif control.kind == "property":
        owner, name = control.owners
        own = owner[name]
        owner[name] = own + value
        _touch(owner)
        try:
            yield
        finally:
            owner[name] = own
            _touch(owner)
    else:
        bone, own = control.owners[0], control.owners[0].matrix_basis.copy()
        axis = Vector(np.eye(3)[control.index]) * value
        turn = (axis, Vector()) if control.kind == "rotation" else (Vector(), axis)
        bone.matrix_basis = own @ bone_matrix(*turn)
        try:
            yield
        finally:
            bone.matrix_basis = own


def _touch(owner: Any) -> None:
    """Let drivers see that a custom property has changed."""
    owner.id_data.update_tag()


def _surface(context: bpy.types.Context, character: Character) -> tuple[Array, NDArray[np.int32]]:
    """All meshes of a character as they are evaluated now: (V, 3) y up, z forward, world units; triangles (F, 3)."""
    context.view_layer.update()
    graph = context.evaluated_depsgraph_get()
    points, triangles, count = [], [], 0
    for thing in character.meshes:
        evaluated = thing.evaluated_get(graph)
        mesh = evaluated.to_mesh()
        own, faces = _mesh(mesh, np.array(evaluated.matrix_world))
        evaluated.to_mesh_clear()
        points.append(own)
        triangles.append(faces + count)
        count += len(own)
    return np.concatenate(points), np.concatenate(triangles)


def _mesh(mesh: bpy.types.Mesh, world: Array) -> tuple[Array, NDArray[np.int32]]:
    flat = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", flat)
    mesh.calc_loop_triangles()
    corner = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", corner)
    faces = corner.reshape(-1, 3)
    if np.linalg.det(world[:3, :3]) < 0:  # mirrored: inside would be outside
        faces = faces[:, ::-1]
    return (flat.reshape(-1, 3).astype(np.float64) @ world[:3, :3].T + world[:3, 3]) @ TO_HEAD.T, faces


@contextmanager
def at_rest(context: bpy.types.Context, character: Character, controls: list[Control]) -> Iterator[None]:
    """Take animation off and bring what it moved to its neutral; give everything back."""
    keys = [key for one in controls if one.kind == "key" for key in one.owners if keyed(key.id_data, _path(key))]
    bones = [bone for rig in character.rigs for bone in rig.pose.bones if bone_keyed(bone)]
    properties = [(*one.owners, property_rest(*one.owners)) for one in controls if one.kind == "property"]
    with ExitStack() as undo:
        undo.callback(context.view_layer.update)
        undo.enter_context(_values(character, controls))
        undo.enter_context(_seams_open(character))
        undo.callback(context.view_layer.update)  # animation put back plays at once: only then the values are put back
        for owner in dict.fromkeys((*character.animated, *(one.owner for one in controls))):
            undo.enter_context(_without_animation(owner))
        for key in keys:
            key.value = 0.0
        for bone in bones:
            bone.matrix_basis = Matrix.Identity(4)
        for owner, name, rest in properties:
            owner[name] = rest
            _touch(owner)
        yield


@contextmanager
def _seams_open(character: Character) -> Iterator[None]:
    """Mirrored halves are not welded: a seam that moves would change how many vertices there are."""
    welded = [
        one for mesh in character.meshes for one in mesh.modifiers if one.type == "MIRROR" and one.use_mirror_merge
    ]
    for modifier in welded:
        modifier.use_mirror_merge = False
    try:
        yield
    finally:
        for modifier in welded:
            modifier.use_mirror_merge = True


def _path(key: bpy.types.ShapeKey) -> str:
    return str(key.path_from_id("value"))


@contextmanager
def _values(character: Character, controls: list[Control]) -> Iterator[None]:
    """Give back the values of shape keys and bones, channel by channel, and of custom properties."""
    blocks = [key for owner in character.animated if isinstance(owner, bpy.types.Key) for key in owner.key_blocks]
    values = [key.value for key in blocks]
    bones = [bone for rig in character.rigs for bone in rig.pose.bones]
    poses = [[tuple(getattr(bone, name)) for name in CHANNELS] for bone in bones]
    properties = [(owner, name, owner[name]) for owner, name in (c.owners for c in controls if c.kind == "property")]
    try:
        yield
    finally:
        for key, value in zip(blocks, values, strict=True):
            key.value = value
        for bone, pose in zip(bones, poses, strict=True):
            for name, value in zip(CHANNELS, pose, strict=True):
                setattr(bone, name, value)
        for owner, name, value in properties:
            owner[name] = value
            _touch(owner)


@contextmanager
def _without_animation(owner: bpy.types.ID) -> Iterator[None]:
    """Take a datablock's action and NLA off it for a while."""
    data = owner.animation_data
    if not data:
        yield
        return
    if data.use_tweak_mode:
        text = f"A strip of {owner.name} is being edited in the NLA editor."
        raise MicrofaceError("tweak_mode", text, "Leave tweak mode (Tab in the NLA editor), and try again.")
    action, slot, nla = data.action, data.action_slot, data.use_nla
    data.use_nla, data.action = False, None
    try:
        yield
    finally:
        data.use_nla, data.action = nla, action
        if action:
            data.action_slot = slot
