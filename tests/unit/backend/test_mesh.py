# SPDX-License-Identifier: GPL-3.0-or-later
"""The evaluated mesh: equal to the head's formula, written in constant memory, refused when too large."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.mesh import refuse_large, write_mesh
from microface.backend.types import FLIP, Take
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return read_head(asset_path("generic_head.npz"))


def still(stage: str, value: float) -> None:
    """Progress that nobody watches."""


def take_of(head: HeadModel, frames: int) -> Take:
    """A take with every part in motion; frame 1 shows no face."""
    rng = np.random.default_rng(0)
    vertices, units, joints = len(head.template), len(head.expression_names), len(head.joint_names)

    def f4(scale: float, *shape: int) -> np.ndarray:
        return (scale * rng.normal(size=shape)).astype(np.float32)

    valid = np.zeros(frames, np.uint8)
    valid[1] = 2
    take = Take(
        time_s=np.arange(frames) / 25,
        valid=valid,
        shape=f4(0.5, len(head.identity)),
        shape_std=f4(0, len(head.identity)),
        shape_offset=f4(1e-3, vertices, 3),
        expression_names=head.expression_names,
        expression=np.abs(f4(0.3, frames, units)),
        expression_std=f4(0, frames, units),
        expression_factor=f4(0, frames, units, 1),
        joint_names=head.joint_names,
        pose=f4(0.1, frames, joints, 3),
        pose_std=f4(0, frames, joints, 3),
        translation=rng.normal(size=(frames, 3)) * 0.01 + [0, 0, 0.6],
        translation_std=f4(0, frames, 3),
        detail_basis=f4(1e-3, 2, vertices, 3),
        detail=f4(1, frames, 2),
        detail_std=f4(0, frames, 2),
        depth_std=f4(0, frames),
        camera=np.array([[500.0, 0, 160], [0, 500, 160], [0, 0, 1]]),
        size=(320, 320),
        landmark_frames=np.zeros(0, np.int64),
        landmarks=np.zeros((0, 478, 2), np.float32),
        confidence=np.ones(frames, np.float32),
        seen=np.ones((frames, len(head.expression_names)), np.float32),
        patch=np.full(len(head.template), -1, np.int32),
        covered=np.zeros((frames, 0), np.uint8),
        noise_px={},
        noise_reason="noise",
        template_frames=np.zeros(1, np.int64),
        events=(),
        head={"name": head.name, "sha256": head.sha256},
        source={"first_frame": 0},
        settings={},
    )
    for name in ("expression", "pose", "translation", "detail"):
        getattr(take, name)[1] = np.nan
    return take


def test_vertices_follow_the_formula(tmp_path: Path, head: HeadModel) -> None:
    """Against the formula's parts, put together here, and the camera convention of `types`."""
    take = take_of(head, 4)
    write_mesh(tmp_path / "m.npz", take, head, still)
    with np.load(tmp_path / "m.npz", allow_pickle=False) as mesh:
        vertices, faces, camera = mesh["vertices"], mesh["faces"], mesh["K"]
    assert vertices.shape == (4, len(head.template), 3) and vertices.dtype == np.float32
    assert np.array_equal(faces, head.faces) and np.array_equal(camera, take.camera)
    assert np.isnan(vertices[1]).all()
    for index in (0, 2, 3):
        rest = head.neutral(take.shape) + take.shape_offset
        rest = rest + np.tensordot(take.expression[index], head.expression, 1)
        rest = rest + np.tensordot(take.detail[index], take.detail_basis, 1)
        posed = head.pose(rest, head.joints(take.shape), take.pose[index]) @ FLIP + take.translation[index]
        np.testing.assert_allclose(vertices[index], posed, atol=1e-6)


def test_more_than_four_gigabytes_are_refused(tmp_path: Path, head: HeadModel) -> None:
    most = 4 * 10**9 // (12 * len(head.template))
    refuse_large(most, len(head.template))
    with pytest.raises(MicrofaceError, match=f"at most {most} frames with --range") as caught:
        refuse_large(most + 1, len(head.template))
    assert caught.value.code == "mesh_too_large"


@pytest.mark.parametrize(
    "change",
    [
        {"shape_offset": np.zeros((7, 3), np.float32)},
        {"head": {"name": "FLAME 2020", "sha256": "0" * 64}},  # same sizes and names, other coefficients
        {"head": {}},
    ],
    ids=["sizes", "hash", "unknown"],
)
def test_another_head_is_refused(change: dict[str, Any], tmp_path: Path, head: HeadModel) -> None:
    take = replace(take_of(head, 2), **change)
    with pytest.raises(MicrofaceError, match="another head") as caught:
        write_mesh(tmp_path / "m.npz", take, head, still)
    assert caught.value.code == "other_head"
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_mesh_leaves_nothing(tmp_path: Path, head: HeadModel) -> None:
    def stop(stage: str, value: float) -> None:
        if value > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_mesh(tmp_path / "m.npz", take_of(head, 5), head, stop)
    assert list(tmp_path.iterdir()) == []


PEAK = """
import resource, sys
sys.path[:0] = [{tests!r}, {here!r}]
import conftest
import test_mesh
from microface.backend.mesh import write_mesh
from microface.models.assets import asset_path
from microface.models.head.model import read_head
head = read_head(asset_path("generic_head.npz"))
take = test_mesh.take_of(head, int(sys.argv[1]))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_mesh(sys.argv[2], take, head, test_mesh.still)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(os.name == "nt", reason="peak memory is read the POSIX way")
def test_memory_does_not_grow_with_the_mesh(tmp_path: Path) -> None:
    """400 frames are a file of 40 MB."""
    path = tmp_path / "m.npz"
    code = PEAK.format(tests=str(ROOT / "tests"), here=str(Path(__file__).parent))
    command = [sys.executable, "-c", code, "400", str(path)]
    grown_mb = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert path.stat().st_size > 30e6
    assert grown_mb < 15
