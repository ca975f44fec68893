# SPDX-License-Identifier: GPL-3.0-or-later
"""A small head and a take of it, drawn from fixed random numbers and unlike anything symmetrical; a small character."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest
from microface.backend.types import Event, Take
from microface.models.head.model import HeadModel
from microface.tests.blender.scene.skin_and_lashes import skin_and_lashes

UNITS = ("browInnerUp", "eyeBlinkLeft", "jawOpen", "mouthSmileLeft", "mouthSmileRight")
RINGS, SECTORS = 16, 20
PARTS = ("skin", "eye", "cornea")


def _blob() -> tuple[np.ndarray, np.ndarray]:
    """Vertices and quads (triangles at the poles) of an egg of head size, outside counter-clockwise."""
    polar = np.pi * np.arange(1, RINGS) / RINGS
    round_ = 2 * np.pi * np.arange(SECTORS) / SECTORS
    ring = np.stack(
        [
            np.sin(polar)[:, None] * np.sin(round_),
            np.cos(polar)[:, None] + 0 * round_,
            np.sin(polar)[:, None] * np.cos(round_),
        ],
        -1,
    )
    points = np.concatenate([ring.reshape(-1, 3), [[0, 1, 0], [0, -1, 0]]]) * (0.075, 0.11, 0.09)
    top, bottom = len(points) - 2, len(points) - 1
    polygons = []
    for s in range(SECTORS):
        n = (s + 1) % SECTORS
        polygons.append((top, s, n, -1))
        polygons += [
            (r * SECTORS + s, (r + 1) * SECTORS + s, (r + 1) * SECTORS + n, r * SECTORS + n) for r in range(RINGS - 2)
        ]
        polygons.append(((RINGS - 2) * SECTORS + s, bottom, (RINGS - 2) * SECTORS + n, -1))
    return points, np.array(polygons, np.int32)


@pytest.fixture(scope="session")
def head() -> HeadModel:
    """302 vertices, five joints, two identity modes, pose correctives."""
    rng = np.random.default_rng(1)
    template, polygons = _blob()
    v = len(template)
    triangles = [t for a, b, c, d in polygons.tolist() for t in ([(a, b, c)] if d < 0 else [(a, b, c), (a, c, d)])]
    weights = rng.dirichlet(np.full(5, 0.4), v)
    weights[weights < 0.05] = 0
    weights /= weights.sum(1, keepdims=True)
    return HeadModel(
        name="egg",
        licence="CC0-1.0",
        sha256="0" * 64,
        template=template,
        faces=np.array(triangles, np.int32),
        polygons=polygons,
        uv=rng.random((len(polygons), 4, 2)).astype(np.float32),
        part=rng.integers(0, len(PARTS), len(polygons)).astype(np.int8),
        part_names=PARTS,
        identity=0.004 * rng.standard_normal((2, v, 3)),
        expression=0.006 * rng.standard_normal((len(UNITS), v, 3)),
        expression_names=UNITS,
        joint_template=np.array(
            [[0, -0.1, -0.02], [0, -0.05, -0.01], [0, -0.02, 0.02], [0.03, 0.03, 0.06], [-0.03, 0.03, 0.06]]
        ),
        joint_identity=0.002 * rng.standard_normal((2, 5, 3)),
        weights=weights,
        pose_correctives=0.002 * rng.standard_normal((36, v, 3)),
        face_mask=template[:, 2] > 0,
        landmark_index=np.arange(3, dtype=np.int32),
        landmark_triangle=np.arange(3, dtype=np.int32),
        landmark_weight=np.full((3, 3), 1 / 3),
    )


@pytest.fixture(scope="session")
def make_take() -> Callable[..., Take]:
    """Factory `make_take(head, frames=40, fps=200.0, **changes)`: lively motion, large turns, values beyond 0..1."""

    def make(head: HeadModel, frames: int = 40, fps: float = 200.0, **changes: Any) -> Take:
        rng = np.random.default_rng(2)
        phase = np.linspace(0, 3, frames)[:, None]

        def waves(count: int, size: float) -> np.ndarray:
            return size * np.sin(phase + rng.uniform(0, 6, count))

        j, v, e = len(head.joint_names), len(head.template), len(head.expression_names)
        pose = waves(3 * j, 0.5).reshape(frames, j, 3)
        pose[:, 0] *= 2
        expression = waves(e, 0.6)
        expression[:, [n.startswith(("jaw", "eyeLook")) for n in head.expression_names]] = 0
        expression[:2, 0], expression[3:4, 1] = -0.26, 3.5
        take = Take(
            time_s=np.arange(frames) / fps,
            valid=np.zeros(frames, np.uint8),
            shape=rng.standard_normal(len(head.identity)).astype(np.float32),
            shape_std=np.ones(len(head.identity), np.float32),
            shape_offset=(0.001 * rng.standard_normal((v, 3))).astype(np.float32),
            expression_names=head.expression_names,
            expression=expression.astype(np.float32),
            expression_std=np.zeros((frames, e), np.float32),
            expression_factor=np.zeros((frames, e, 1), np.float32),
            joint_names=head.joint_names,
            pose=pose.astype(np.float32),
            pose_std=np.zeros((frames, j, 3), np.float32),
            translation=waves(3, 0.05) + np.array([0.02, -0.03, 0.6]),
            translation_std=np.zeros((frames, 3), np.float32),
            detail_basis=(0.001 * rng.standard_normal((2, v, 3))).astype(np.float32),
            detail=waves(2, 2.0).astype(np.float32),
            detail_std=np.zeros((frames, 2), np.float32),
            depth_std=np.zeros(frames, np.float32),
            camera=np.array([[900.0, 0, 300.0], [0, 900.0, 260.0], [0, 0, 1]]),
            size=(640, 480),
            landmark_frames=np.zeros(0, np.int64),
            landmarks=np.zeros((0, 478, 2), np.float32),
            confidence=np.ones(frames, np.float32),
            seen=np.ones((frames, len(head.expression_names)), np.float32),
            patch=np.full(len(head.template), -1, np.int32),
            covered=np.zeros((frames, 0), np.uint8),
            noise_px={},
            noise_reason="noise",
            template_frames=np.zeros(0, np.int64),
            events=(
                Event(0.05, 0.1, 0.15, "micro", ("mouthSmileRight", "mouthSmileLeft"), 1.0, 0.1, 0.9),
                Event(0.11, 0.12, 0.13, "blink", ("eyeBlinkLeft",), 1.0, 0.1, 0.9),
            ),
            head={"name": head.name, "sha256": head.sha256},
            source={"path": "clip.mp4", "sha256": "", "fps": fps, "first_frame": 0},
            settings={},
        )
        return replace(take, **changes)

    return make


@pytest.fixture
def rig(addon: ModuleType) -> bpy.types.Object:
    """Keys of both sides and one of none, on an armature with a mirrored pair of lids that stand askew."""
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, side in (("lid.L", 1), ("lid.R", -1)):
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail = (0.3 * side, 0.1, 0), (0.9 * side, -0.5, 0.4)
        bone.roll = 0.3 * side
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["lid.L"].rotation_mode = "XYZ"
    rng = np.random.default_rng(1)
    mesh = bpy.data.meshes.new("skin")
    mesh.from_pydata(rng.normal(0, 1, (20, 3)), [], [(k, k + 1, k + 2) for k in range(18)])
    skin = bpy.data.objects.new("skin", mesh)
    bpy.context.scene.collection.objects.link(skin)
    skin.parent = rig
    skin.modifiers.new("Armature", "ARMATURE").object = rig
    skin.shape_key_add(name="Basis", from_mix=False)
    for key in ("smile_L", "smile_R", "browUp"):
        block = skin.shape_key_add(name=key, from_mix=False)
        block.data.foreach_set("co", rng.normal(0, 1, 60).astype(np.float32))
        block.value = 0.0
    for bone, rows in (("lid.L", range(10, 15)), ("lid.R", range(15, 20))):
        skin.vertex_groups.new(name=bone).add(list(rows), 1.0, "REPLACE")
    skin.data.shape_keys.key_blocks["browUp"].value = 0.3  # a form that somebody dialled in
    bpy.context.scene.render.fps = 60
    bpy.context.view_layer.update()
    return rig


@pytest.fixture
def character() -> bpy.types.Object:
    """A skin and its lashes, on an armature."""
    return skin_and_lashes()
