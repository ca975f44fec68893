# SPDX-License-Identifier: GPL-3.0-or-later
"""GNM's arrays, as its loader lists them, evaluate to GNM's formula."""

import numpy as np
import pytest
from microface.models.errors import MicrofaceError
from microface.models.head.read.editions import GNM
from microface.models.head.read.recognise import read_any_head
from scipy.spatial.transform import Rotation

GROUPS = ("skin", "left_eye", "right_eye", "pupils", "lower_teeth_and_gums", "tongue")
JOINTS = ("neck", "head", "left_eye", "right_eye")
PARENTS = (0, 0, 1, 1)


@pytest.fixture(scope="module")
def arrays(generic):
    """Every key of gnm_head.npz: quads of the generic head, random directions, GNM's four joints."""
    rng = np.random.default_rng(4)
    quads = generic.polygons[generic.polygons[:, 3] >= 0]
    v, names = len(generic.template), np.array(generic.part_names)[generic.part][generic.polygons[:, 3] >= 0]
    group = np.zeros((len(GROUPS), v), np.float32)
    for row, part in enumerate(("skin", "eye", "eye", "pupil", "teeth", "tongue")):
        group[row, quads[names == part]] = 1
    weights = generic.weights[:, [0, 1, 3, 4]].T.copy()
    weights[1] += generic.weights[:, 2]
    return {
        "version": np.array("3.0"), "variant": np.array("head"),
        "template_vertex_positions": generic.template.astype(np.float32),
        "template_joint_positions": generic.joint_template[[0, 1, 3, 4]].astype(np.float32),
        "vertex_identity_basis": rng.normal(0, 1e-3, (6, v, 3)).astype(np.float32),
        "joint_identity_basis": rng.normal(0, 1e-3, (6, 4, 3)).astype(np.float32),
        "expression_basis": rng.normal(0, 1e-3, (5, v, 3)).astype(np.float32),
        "identity_names": np.array([f"head_{k}" for k in range(6)]), "joint_names": np.array(JOINTS),
        "expression_names": np.array([f"lower_face_region_{k}" for k in range(5)]),
        "joint_parent_indices": np.array(PARENTS), "skinning_weights": weights.astype(np.float32),
        "quads": quads, "triangles": np.concatenate([quads[:, :3], quads[:, [2, 3, 0]]]),
        "quad_uvs": rng.random((len(quads), 4, 2)).astype(np.float32),
        "triangle_uvs": np.zeros((2 * len(quads), 3, 2), np.float32), "mesh_component_names": np.array(GROUPS[:1]),
        "mirror_indices": np.arange(v), "joint_regressor": np.zeros((4, v), np.float32),
        "pose_correctives_regressor": np.zeros((36, 3 * v), np.float32),
        "bone_aligned_template_joint_orientations": np.tile(np.eye(3, dtype=np.float32), (4, 1, 1)),
        "vertex_groups": group, "vertex_group_names": np.array(GROUPS),
    }  # fmt: skip


def _read(tmp_path, arrays):
    np.savez(tmp_path / "gnm_head.npz", **arrays)
    return read_any_head(tmp_path / "gnm_head.npz")


def _evaluated(arrays, identity, expression, rotations):
    """GNM's formula with homogeneous matrices (formal definition: blend shapes, pose correctives, then skinning)."""
    turns = [Rotation.from_rotvec(r).as_matrix() for r in rotations]
    feature = np.concatenate([(turn - np.eye(3)).ravel() for turn in turns])
    rest = arrays["template_vertex_positions"] + np.tensordot(
        identity, arrays["vertex_identity_basis"].astype(float), 1
    )
    rest = rest + np.tensordot(expression, arrays["expression_basis"].astype(float), 1)
    rest = rest + (feature @ arrays["pose_correctives_regressor"].astype(float)).reshape(-1, 3)
    joints = arrays["template_joint_positions"] + np.tensordot(
        identity, arrays["joint_identity_basis"].astype(float), 1
    )
    world, out = [], 0
    for joint, turn in enumerate(turns):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turn, joints[joint] - turn @ joints[joint]
        world.append(local if joint == 0 else world[PARENTS[joint]] @ local)
        share = arrays["skinning_weights"][joint].astype(float)[:, None]
        out = out + share * (rest @ world[joint][:3, :3].T + world[joint][:3, 3])
    return out


@pytest.mark.parametrize("correctives", [False, True])
def test_the_head_is_gnms_formula(correctives, arrays, tmp_path):
    rng = np.random.default_rng(1)
    if correctives:
        regressor = rng.normal(0, 1e-3, arrays["pose_correctives_regressor"].shape).astype(np.float32)
        regressor[:9] = 0  # of the root, which FLAME's formula has not
        arrays = arrays | {"pose_correctives_regressor": regressor}
    head = _read(tmp_path, arrays)
    assert (len(head.pose_correctives) > 0) == correctives
    identity, expression, rotations = rng.normal(0, 1, 6), rng.normal(0, 1, 5), rng.normal(0, 0.4, (4, 3))
    pose = np.zeros((5, 3))
    pose[[0, 1, 3, 4]] = rotations
    pose[2] = 0.3  # a jaw's turn moves nothing
    if correctives:
        pose[2] = 0
    found = head.vertices(identity, expression, pose, np.zeros(3)) * [1, -1, -1]
    np.testing.assert_allclose(found, _evaluated(arrays, identity, expression, rotations), atol=1e-6)


def test_names_parts_and_licence(arrays, tmp_path):
    head = _read(tmp_path, arrays)
    assert (head.name, head.licence) == (GNM.name, GNM.licence) and head.licence.startswith("Apache-2.0")
    assert head.expression_names == tuple(arrays["expression_names"])
    names = np.array(head.part_names)[head.part]
    for group, part in (("tongue", "tongue"), ("pupils", "pupil"), ("lower_teeth_and_gums", "teeth")):
        inside = arrays["vertex_groups"][GROUPS.index(group)][head.polygons].all(1)
        assert inside.any() and (names[inside] == part).all()
    np.testing.assert_array_equal(head.uv, arrays["quad_uvs"])
    assert 1000 < head.face_mask.sum() < 3000


@pytest.mark.parametrize(
    "change, words",
    [
        ({"joint_names": np.array(["a", "b", "c", "d"])}, "its joints are a, b, c, d"),
        ({"quad_uvs": None}, "no 'quad_uvs'"),
        ({"expression_basis": np.zeros((5, 7, 3), np.float32)}, "expression has shape"),
        ({"pose_correctives_regressor": "ones"}, "root's turns"),
    ],
)
def test_other_arrays_are_refused(change, words, arrays, tmp_path):
    changed = {k: v for k, v in (arrays | change).items() if v is not None}
    if isinstance(changed["pose_correctives_regressor"], str):
        changed["pose_correctives_regressor"] = np.ones_like(arrays["pose_correctives_regressor"])
    with pytest.raises(MicrofaceError, match=words) as caught:
        _read(tmp_path, changed)
    assert caught.value.code == "bad_head"
