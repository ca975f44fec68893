# SPDX-License-Identifier: GPL-3.0-or-later
"""The scorer: figures that follow from how the mesh was made, and those of the project's shared script."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from microface.tests.bench.score import score
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

FRAMES, APEX = 12, 6
META = {"width": 200, "height": 160, "onset": 3, "apex": APEX, "offset": 9, "amp_px": 2.0}
CAMERA = np.array([[400.0, 0, 100], [0, 400, 80], [0, 0, 1]])


def dome(half: float, side: int = 25) -> np.ndarray:
    """(side * side, 3) m, a bowed patch half a metre away."""
    x, y = np.meshgrid(*[np.linspace(-half, half, side)] * 2)
    return np.stack([x, y, 0.5 + 6 * (x**2 + y**2)], -1).reshape(-1, 3)


def bump(points: np.ndarray) -> np.ndarray:
    """(FRAMES, N, 3) m, a swelling that goes left and nearer between onset and offset."""
    course = np.interp(np.arange(FRAMES), [META["onset"], APEX, META["offset"]], [0, 1, 0])
    place = np.exp(-((points[:, :2] - [0.02, 0.01]) ** 2).sum(1) / 0.015**2)
    return course[:, None, None] * place[:, None] * [-0.002, 0, -0.001]


FACE = dome(0.05)
MESH = dome(0.06, 41)  # another topology, a little beyond the face
FACES = Delaunay(MESH[:, :2]).simplices


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    np.savez(tmp_path / "truth.npz", vertices=FACE + bump(FACE), K=CAMERA)
    (tmp_path / "meta.json").write_text(json.dumps(META))
    return tmp_path


def write(path: Path, vertices: np.ndarray, faces: np.ndarray, camera: np.ndarray = CAMERA) -> Path:
    np.savez(path, vertices=vertices.astype(np.float32), faces=faces.astype(np.int32), K=camera)
    return path


def test_the_truth_itself_has_no_error_whatever_its_unit_and_pose(clip: Path) -> None:
    vertices = MESH + bump(MESH)
    turns = Rotation.from_rotvec(np.arange(FRAMES)[:, None] * [0.002, 0.004, -0.001]).as_matrix()
    moved = np.einsum("tij,tnj->tni", turns, vertices) + 0.001 * np.arange(FRAMES)[:, None, None]
    figures = score(clip, write(clip / "mesh.npz", 1000 * moved, FACES))
    assert figures["coverage"] > 0.99
    assert figures["err3d"] < 0.05  # a true point is tied to the nearest pixel
    assert figures["gain"] == pytest.approx(1, abs=0.01)
    assert figures["apex_err"] == 0


def test_half_the_motion_is_half_an_error(clip: Path) -> None:
    figures = score(clip, write(clip / "mesh.npz", MESH + 0.5 * bump(MESH), FACES))
    for name in ("err2d", "err3d", "errz", "gain"):
        assert figures[name] == pytest.approx(0.5, abs=0.01), name
    assert figures["floor_px"] < 1e-3
    assert figures["depth_share"] == pytest.approx(0.2, abs=0.05)  # (-2, -1) mm, less what a rigid motion takes


def test_motion_outside_the_event_and_a_late_apex_are_seen(clip: Path) -> None:
    figures = score(clip, write(clip / "mesh.npz", MESH + np.roll(bump(MESH), 2, axis=0), FACES))
    assert figures["apex_err"] == 2
    assert figures["floor_px"] > 0.03


def test_a_mesh_that_misses_the_face_or_frames_is_refused(clip: Path) -> None:
    with pytest.raises(ValueError, match="covers"):
        score(clip, write(clip / "part.npz", MESH + bump(MESH), FACES[:900]))
    with pytest.raises(ValueError, match="11 of 12 frames"):
        score(clip, write(clip / "short.npz", (MESH + bump(MESH))[1:], FACES))


def test_same_figures_as_the_shared_script(shared: Path, tmp_path: Path) -> None:
    """On a true clip, of a mesh with errors of every kind and holes at its rim."""
    folder = shared / "bench" / "dev" / "d1_smile_2px"
    with np.load(folder / "truth.npz") as truth:
        vertices, camera = truth["vertices"].astype(float), truth["K"]
    flat = vertices[0, :, :2] / vertices[0, :, 2:]
    inner = np.flatnonzero(np.linalg.norm(flat - flat.mean(0), axis=1) < 0.97 * np.ptp(flat[:, 1]) / 2)
    claimed = vertices[0] + 0.7 * np.roll(vertices - vertices[0], 1, axis=0)
    claimed += 0.01 * np.random.default_rng(1).standard_normal((len(vertices), 1, 3)) * np.sin(9 * vertices[0])
    faces = Delaunay(flat[inner]).simplices
    path = write(tmp_path / "mesh.npz", claimed[:, inner], faces, camera)
    command = [sys.executable, str(shared / "bench" / "score.py"), str(folder), str(path)]
    theirs = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout)
    ours = score(folder, path)
    assert theirs.keys() == ours.keys()
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, abs=1.5e-4), name
