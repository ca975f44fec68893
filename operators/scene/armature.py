# SPDX-License-Identifier: GPL-3.0-or-later
"""The rig: one bone per joint of the head, and a hidden one beside each whose turns have a strength."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ...backend.types import Take
from ...models.head.model import HeadModel
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
    _add_bones(context, rig, head, head.joints(take.shape))
    for bone in rig.pose.bones:
        bone.rotation_mode = "QUATERNION"
    _hide_companions(armature)
    return rig


def _add_bones(context: bpy.types.Context, rig: bpy.types.Object, head: HeadModel, joints: NDArray[np.float64]) -> None:
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
    for bone in bones:
        if bone.name in JOINTS:
            _add_companion(rig.data.edit_bones, bone)
    bpy.ops.object.mode_set(mode="OBJECT")


def _add_companion(bones: bpy.types.ArmatureEditBones, bone: bpy.types.EditBone) -> None:
    """The bone that turns `strength` times as far (strength.py), with the same rest."""
    stronger = bones.new(companion(bone.name))
    stronger.head, stronger.tail, stronger.roll = bone.head, bone.tail, bone.roll
    stronger.parent, stronger.use_deform = bone.parent, False


def _hide_companions(armature: bpy.types.Armature) -> None:
    hidden = armature.collections.new("Strength")
    hidden.is_visible = False
    for joint in JOINTS:
        if companion(joint) in armature.bones:
            hidden.assign(armature.bones[companion(joint)])
