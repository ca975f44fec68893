# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig: one bone per joint of the head, and hidden ones beside those that strength turns or moves."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.types import Take
from ...models.head.model import HeadModel
from .joint_shift import place_bone, shift_bone, shifted_joints
from .space import STAND
from .strength import JOINTS, companion

LENGTHS = {"root": 0.10, "neck": 0.08, "jaw": 0.05}  # m, only to look at
EYE_LENGTH = 0.02


def build_armature(
    context: bpy.types.Context, collection: bpy.types.Collection, name: str, take: Take, head: HeadModel
) -> bpy.types.Object:
    """An armature in head space whose bones all point up (+y) at rest.

    Such a bone's rest rotation is the identity, so the joint's axis-angle in head space is the bone's pose rotation.
    """
    armature = bpy.data.armatures.new(f"{name} rig")
    rig = bpy.data.objects.new(f"{name} rig", armature)
    collection.objects.link(rig)
    rig.matrix_world = STAND
    rig.data.display_type = "STICK"
    _add_bones(context, rig, head, head.joints(take.shape), _hidden(take, head))
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
    hidden = armature.collections.new("Strength")
    hidden.is_visible = False
    for name in _hidden(take, head):
        hidden.assign(armature.bones[name])
    return rig


def _hidden(take: Take, head: HeadModel) -> dict[str, str]:
    """Names of the hidden bones, and the joint beside which each stands."""
    turned = {companion(joint): joint for joint in JOINTS if joint in head.joint_names}
    moved = {name: joint for joint in shifted_joints(take, head) for name in (shift_bone(joint), place_bone(joint))}
    return turned | moved


def _add_bones(
    context: bpy.types.Context,
    rig: bpy.types.Object,
    head: HeadModel,
    joints: NDArray[np.float64],
    hidden: dict[str, str],
) -> None:
    """Bones can be made in edit mode only."""
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones = []
    for joint, parent, centre in zip(head.joint_names, head.parents, joints, strict=True):
        bone = rig.data.edit_bones.new(joint)
        bone.head = centre
        bone.tail = np.add(centre, (0, LENGTHS.get(joint, EYE_LENGTH), 0))
        bone.roll = 0
        bone.parent = bones[parent] if parent >= 0 else None
        bones.append(bone)
    for name, joint in hidden.items():
        _add_hidden(rig.data.edit_bones, name, bones[head.joint_names.index(joint)])
    bpy.ops.object.mode_set(mode="OBJECT")


def _add_hidden(bones: bpy.types.ArmatureEditBones, name: str, beside: bpy.types.EditBone) -> None:
    """A bone with the rest of another one, which moves no skin."""
    bone = bones.new(name)
    bone.head, bone.tail, bone.roll = beside.head, beside.tail, beside.roll
    bone.parent, bone.use_deform = beside.parent, False
