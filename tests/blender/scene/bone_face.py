# SPDX-License-Identifier: GPL-3.0-or-later
"""The generic head on a face of bones named as a rig maker names them, with bones between that nobody is to move."""

from dataclasses import dataclass
from itertools import pairwise

import bpy
import numpy as np
from microface.models.head.model import HeadModel
from microface.tests.blender.scene.rigify_face import to_blender
from scipy.spatial.transform import Rotation

REACH = 0.016  # m: over which the skin follows a bone
#: places on the subject's left, as the tracker numbers them; on the right of 0, 17 and 199 there is none
PLACES = {
    "brow inner": 336, "brow middle": 334, "brow outer": 276, "lid upper": 386, "lid lower": 374, "lip corner": 291,
    "lip upper": 0, "lip lower": 17, "cheek": 280, "nose wing": 327, "chin": 199,
}  # fmt: skip
RIGHT = {336: 107, 334: 105, 276: 46, 386: 159, 374: 145, 291: 61, 280: 50, 327: 98}


@dataclass(frozen=True)
class Names:
    """Bones by a maker's names; `{}` stands for the side."""

    sides: tuple[str, str]  #: left, right
    places: dict[str, str]  #: of PLACES
    jaw: str
    eye: str
    head: str
    passive: tuple[str, ...]  #: bones that carry skin along, between the head and the face
    more: tuple[str, ...]  #: others that such a rig has


ARP = Names(
    (".l", ".r"),
    {
        "brow inner": "c_eyebrow_01{}", "brow middle": "c_eyebrow_02{}", "brow outer": "c_eyebrow_03{}",
        "lid upper": "c_eyelid_top{}", "lid lower": "c_eyelid_bot{}", "lip corner": "c_lips_smile{}",
        "lip upper": "c_lips_top.x", "lip lower": "c_lips_bot.x", "cheek": "c_cheek_smile{}",
        "nose wing": "c_nose_01{}", "chin": "c_chin_01.x",
    },
    "c_jawbone.x", "c_eye{}", "c_head.x", ("head.x", "skull_ref.x"), ("c_traj", "c_pos", "c_p_head.x"),
)  # fmt: skip
METAHUMAN = Names(
    ("L", "R"),
    {
        "brow inner": "FACIAL_{}_ForeheadIn", "brow middle": "FACIAL_{}_ForeheadMid", "brow outer": "FACIAL_{}_ForeheadOut",
        "lid upper": "FACIAL_{}_EyelidUpperA", "lid lower": "FACIAL_{}_EyelidLowerA", "lip corner": "FACIAL_{}_LipCorner",
        "lip upper": "FACIAL_C_LipUpper", "lip lower": "FACIAL_C_LipLower", "cheek": "FACIAL_{}_CheekInner",
        "nose wing": "FACIAL_{}_Nostril", "chin": "FACIAL_C_Chin",
    },
    "FACIAL_C_Jaw", "FACIAL_{}_Eye", "head", ("FACIAL_C_FacialRoot", "FACIAL_C_12IPV_NoseTip1"), ("neck_01", "spine_05"),
)  # fmt: skip


def bone_face(head: HeadModel, names: Names) -> bpy.types.Object:
    """Make the character; returns its armature."""
    at, weights = _bones(head, names)
    rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    mesh = bpy.data.meshes.new("Face")
    mesh.from_pydata(to_blender(head.template).tolist(), [], head.faces.tolist())
    face = bpy.data.objects.new("Face", mesh)
    for thing in (rig, face):
        bpy.context.scene.collection.objects.link(thing)
    _armature(rig, names, at)
    for name, column in weights.items():
        group = face.vertex_groups.new(name=name)
        for row in np.flatnonzero(column > 1e-4):
            group.add([int(row)], float(column[row]), "REPLACE")
    face.parent = rig
    face.modifiers.new("Armature", "ARMATURE").object = rig
    bpy.context.view_layer.update()
    return rig


def _armature(rig: bpy.types.Object, names: Names, at: dict[str, np.ndarray]) -> None:
    """Bones in their places, each turned otherwise, all of the face below the passive ones."""
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    bones, turns = rig.data.edit_bones, Rotation.random(len(at), random_state=3).as_matrix()
    for (name, place), turn in zip(at.items(), turns, strict=True):
        bone = bones.new(name)
        bone.head = to_blender(place)
        bone.tail = to_blender(place + 0.02 * turn[0])
    chain = (*names.more, names.head, *names.passive)
    for above, below in pairwise(chain):
        bones[below].parent = bones[above]
    for name in at:
        if name not in chain:
            bones[name].parent = bones[chain[-1]]
    bpy.ops.object.mode_set(mode="OBJECT")


def _bones(head: HeadModel, names: Names) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Where the bones lie (3,), and the weights (V,) of those that hold skin."""
    known = dict(zip(head.landmark_index.tolist(), head.landmark_points(head.template), strict=True))
    joint = dict(zip(head.joint_names, range(len(head.joint_names)), strict=True))
    at = dict.fromkeys((*names.more, names.head, *names.passive), head.joint_template[joint["neck"]])
    weights = {names.jaw: head.weights[:, joint["jaw"]]}
    at[names.jaw] = head.joint_template[joint["jaw"]]
    for side, own in zip(("left", "right"), names.sides, strict=True):
        at[names.eye.format(own)] = head.joint_template[joint[f"eye_{side}"]]
        weights[names.eye.format(own)] = head.weights[:, joint[f"eye_{side}"]]
        for place, name in names.places.items():
            number = PLACES[place] if side == "left" else RIGHT.get(PLACES[place], PLACES[place])
            at[name.format(own)] = known[number]
            away = np.linalg.norm(head.template - known[number], axis=1) / REACH
            ball = weights[names.eye.format(own)]
            weights[name.format(own)] = np.exp(-(away**2)) * (ball < 0.5)
    weights[names.passive[-1]] = np.maximum(1 - sum(weights.values()), 0)
    total = sum(weights.values())
    return at, {name: column / total for name, column in weights.items()}
