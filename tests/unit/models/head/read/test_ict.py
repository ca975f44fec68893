# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder of meshes as ICT-FaceKit publishes them: its sizes, its names, centimetres."""

from itertools import pairwise

import numpy as np
import pytest
from microface.models.errors import MicrofaceError
from microface.models.head.model import JOINT_NAMES
from microface.models.head.read.editions import ICT
from microface.models.head.read.ict import PIECES, POLYGONS, VERTICES, arkit_name
from microface.models.head.read.recognise import read_any_head
from scipy.spatial import cKDTree

UNITS = ("browInnerUp_L", "browInnerUp_R", "eyeBlink_L", "jawOpen", "mouthLeft", "cheekRaiser_L", "PupilDilate_R")
HINGE = np.array([0.0, 1.0, 2.5])  # cm
OPENING = 0.2  # rad


def _kit():
    """Vertices (cm) and quads: eyeballs where ICT's are, the rest of the pieces spread over an egg."""
    rng = np.random.default_rng(0)
    direction = rng.normal(0, 1, (VERTICES, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    points = direction * [7.5, 11, 9] + [0, 0, 2]
    quads = np.zeros((POLYGONS, 4), np.int64)
    for (first, face, name), (end, last, _) in pairwise(PIECES):
        if name.startswith("eye_"):
            side = 1 if name.endswith("left") else -1
            points[first:end] = 1.25 * direction[first:end] + [side * 3.25, 2.8, 8.5]
        near = cKDTree(points[first:end]).query(points[rng.integers(first, end, last - face)], 4)[1]
        quads[face:last] = first + near
    quads[100, 3] = -1
    return points, quads


def _write(path, points, quads):
    lines = [f"v {x:.9f} {y:.9f} {z:.9f}" for x, y, z in points]
    lines += ["vt 0 0", *("f " + " ".join(f"{c + 1}/1" for c in quad if c >= 0) for quad in quads)]
    path.write_text("mtllib a.mtl\n" + "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    """The folder, and its offsets in cm."""
    root = tmp_path_factory.mktemp("ICT-FaceKit")
    folder = root / "FaceXModel"
    folder.mkdir()
    points, quads = _kit()
    _write(folder / "generic_neutral_mesh.obj", points, quads)
    rng = np.random.default_rng(1)
    offsets = {name: rng.normal(0, 0.1, points.shape) for name in ("identity000", "identity001", *UNITS)}
    lower = np.clip(-points[:, 1:2] / 4, 0, 1)  # a jaw that carries the more the lower
    lower[19247:21451] = 1  # the lower teeth
    offsets["jawOpen"] = np.cross([OPENING, 0, 0], points - HINGE) * lower
    for name, offset in offsets.items():
        _write(folder / f"{name}.obj", points + offset, quads[:5])
    return root, points, quads, offsets


@pytest.fixture(scope="module")
def head(kit):
    return read_any_head(kit[0])


def test_meshes_become_offsets_in_metres_under_arkits_names(head, kit):
    _, points, quads, offsets = kit
    np.testing.assert_allclose(head.template, points * 0.01, atol=1e-10)
    np.testing.assert_array_equal(head.polygons, quads)
    np.testing.assert_allclose(head.identity[1], offsets["identity001"] * 0.01, atol=1e-10)
    assert head.expression_names == ("browInnerUp", "eyeBlinkLeft", "jawOpen", "mouthLeft")
    both = offsets["browInnerUp_L"] + offsets["browInnerUp_R"]
    np.testing.assert_allclose(head.expression[0], both * 0.01, atol=1e-10)
    np.testing.assert_allclose(head.expression[1], offsets["eyeBlink_L"] * 0.01, atol=1e-10)
    assert (head.name, head.licence) == (ICT.name, ICT.licence) and head.licence.startswith("MIT")


def test_eyes_turn_about_their_centres(head):
    for side, joint in ((1, 3), (-1, 4)):
        np.testing.assert_allclose(head.joint_template[joint], [side * 0.0325, 0.028, 0.085], atol=1e-6)
        ball = slice(21451, 23021) if side > 0 else slice(23021, 24591)
        assert (head.weights[ball, joint] == 1).all()
        np.testing.assert_allclose(head.joint_identity[0, joint], head.identity[0, ball].mean(0), atol=1e-12)
    names = np.array(head.part_names)[head.part]
    assert set(names[21496:24692]) == {"eye", "iris", "pupil"} and set(names[17006:21496]) == {"teeth"}


def test_the_jaw_carries_what_opens_with_it(head):
    jaw = JOINT_NAMES.index("jaw")
    assert np.median(head.weights[19247:21451, jaw]) == pytest.approx(1, abs=0.02)
    assert head.weights[21451:24591, jaw].max() == 0
    high = head.template[:11248, 1] > 0.01
    assert head.weights[:11248, jaw][high].max() < 0.05
    np.testing.assert_allclose(head.weights.sum(1), 1)
    assert head.weights.min() >= -1e-12


def test_names_of_the_kit():
    assert [arkit_name(n) for n in ("mouthSmile_L", "cheekPuff_R", "mouthRight", "cheekRaiser_L", "identity000")] == [
        "mouthSmileLeft", "cheekPuff", "mouthRight", "", "",
    ]  # fmt: skip


def test_arrays_of_the_same_meshes_are_the_same_head(head, kit, tmp_path):
    _, points, quads, offsets = kit
    units = [n for n in UNITS if arkit_name(n)]
    np.savez(
        tmp_path / "ict.npz", neutral=points, polygons=quads, expression_names=np.array(units),
        identity=np.stack([offsets["identity000"], offsets["identity001"]]),
        expression=np.stack([offsets[n] for n in units]),
    )  # fmt: skip
    found = read_any_head(tmp_path / "ict.npz")
    assert found.expression_names == head.expression_names
    np.testing.assert_allclose(found.expression, head.expression, atol=1e-10)


def test_folders_that_are_not_whole(kit, tmp_path):
    root, points, quads, _ = kit
    folder = tmp_path / "FaceXModel"
    folder.mkdir()
    (folder / "generic_neutral_mesh.obj").write_bytes((root / "FaceXModel" / "generic_neutral_mesh.obj").read_bytes())
    with pytest.raises(MicrofaceError, match="identity or expression meshes are missing"):
        read_any_head(folder)
    _write(folder / "identity000.obj", points[:-1], quads[:2])
    _write(folder / "jawOpen.obj", points, quads[:2])
    with pytest.raises(MicrofaceError, match=r"identity000\.obj has 26718 vertices"):
        read_any_head(folder)
    (folder / "generic_neutral_mesh.obj").write_text("v 1 2\nv x y z\nf 1 2\n")
    with pytest.raises(MicrofaceError, match="not a head that can be read") as caught:
        read_any_head(folder)
    assert caught.value.code == "bad_head" and "\n" not in str(caught.value)
