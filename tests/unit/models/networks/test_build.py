# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversion: repeatable, checked, and true to what the networks themselves say."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from microface.models.errors import MicrofaceError
from microface.models.networks import build as networks
from microface.models.networks.tflite import read_tflite

ROOT = Path(__file__).resolve().parents[4]
DATA = json.loads((ROOT / "models" / "data" / "face_mesh.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def wheel():
    found = sorted((ROOT / ".envs" / "wheels").glob("mediapipe-0.10.21-*.whl"))
    if not found:
        pytest.skip("no mediapipe wheel in .envs/wheels: `python3 dev.py test` fetches it")
    return found[0]


@pytest.fixture(scope="module")
def mesh_network(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return read_tflite(archive.read(networks._MESH), archive.read(networks._SCHEMA))


def test_the_same_wheel_gives_the_same_bytes(wheel, tmp_path):
    first, second = networks.build(wheel, tmp_path / "a"), networks.build(wheel, tmp_path / "b")
    names = [path.relative_to(tmp_path / "a").as_posix() for path in first]
    assert names == ["face_detection.onnx", "face_mesh.onnx", "licences/mediapipe-LICENSE.txt"]
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(first, second, strict=True))
    assert "Apache License" in first[2].read_text(encoding="utf-8")
    assert not list(tmp_path.rglob("*.part"))


def test_another_wheel_is_refused(tmp_path):
    path = tmp_path / "mediapipe-0.10.20.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in networks._SHA256:
            archive.writestr(name, b"something else")
    with pytest.raises(MicrofaceError, match=r"is not the one of mediapipe 0\.10\.21"):
        networks.build(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("content", [None, b"", b"no zip"])
def test_a_damaged_wheel_is_refused(tmp_path, content):
    path = tmp_path / "mediapipe.whl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MicrofaceError, match="is not the mediapipe"):
        networks.build(path, tmp_path / "out")


def test_our_index_lists_are_the_networks_own(mesh_network):
    """The net cuts its patches around the landmarks that it then refines: the same lists, from another source."""
    cuts = [op.custom["subset_idxs"] for op in mesh_network.operators if op.kind == "Landmarks2TransformMatrix"]
    assert [part["landmarks"] for part in DATA["refinement"][:3]] == cuts
    sizes = {mesh_network.tensors[i].name: mesh_network.tensors[i].shape[-1] for i in mesh_network.outputs}
    assert all(2 * len(part["landmarks"]) == sizes[part["output"]] for part in DATA["refinement"])


def test_the_irises_complete_the_478_landmarks():
    irises = [index for part in DATA["refinement"][3:] for index in part["landmarks"]]
    assert irises == list(range(468, 478))
    assert all(
        set(iris["depth_from"]) <= set(eye["landmarks"])
        for eye, iris in zip(DATA["refinement"][1:3], DATA["refinement"][3:], strict=True)
    )


def test_the_canonical_face_is_symmetric_closed_and_of_human_size():
    vertices, triangles = np.array(DATA["vertices"]), np.array(DATA["triangles"])
    assert vertices.shape == (468, 3)
    assert np.array(DATA["uv"]).shape == (468, 2)
    assert triangles.shape == (898, 3)
    assert set(triangles.ravel()) == set(range(468))
    mirrored = vertices * [-1, 1, 1]
    assert np.abs(mirrored[:, None] - vertices).sum(-1).min(1).max() < 1e-6
    assert 12 < np.ptp(vertices[:, 0]) < 18  # cm
    assert vertices[263, 0] > 0 > vertices[33, 0]  # the left eye is on the left


def test_anchors_are_the_centres_of_the_cells():
    anchors = networks._anchors()
    assert anchors.shape == (896, 16)
    assert np.allclose(anchors[[0, 1, 2], :2], [[1 / 32, 1 / 32], [1 / 32, 1 / 32], [3 / 32, 1 / 32]])
    assert np.allclose(anchors[512, :2], 1 / 16)
    assert (anchors[:, 2:4] == 0).all()
    assert np.array_equal(anchors[:, 4:6], anchors[:, :2])
