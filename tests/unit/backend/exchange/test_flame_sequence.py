# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME sequences under the names of each tracker, and hostile ones."""

import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.exchange.flame_sequence import (
    coefficients,
    flame_take,
    read_flame_sequence,
    write_flame_sequence,
)
from microface.backend.exchange.restated import onto_units
from microface.backend.mesh import vertices_at
from microface.backend.take import read_take, write_take
from microface.backend.types import FLIP, NO_FACE, Take
from microface.models.head.model import HeadModel
from microface.models.head.read.recognise import read_any_head
from scipy.spatial.transform import Rotation

RNG = np.random.default_rng(11)


def vhap(frames: int = 6, **changes: Any) -> dict[str, Any]:
    arrays = {
        "shape": RNG.standard_normal(4), "expr": RNG.standard_normal((frames, 6)),
        **{name: 0.2 * RNG.standard_normal((frames, width)) for name, width in
           (("rotation", 3), ("neck_pose", 3), ("jaw_pose", 3), ("eyes_pose", 6), ("translation", 3))},
        "static_offset": 0.001 * RNG.standard_normal((1, 30, 3)), "tex": np.zeros(3), "focal_length": np.ones(1),
    }  # fmt: skip
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def saved(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


def test_vhap_places_the_head_in_its_cameras_space(flame_head: HeadModel, tmp_path: Path) -> None:
    """World vertices R v + t of the file, seen by a camera 1 m along z with y up, are the take's vertices."""
    arrays = vhap()
    path = saved(tmp_path / "a.npz", **arrays)
    take = flame_take(read_flame_sequence(path, 25), flame_head, path)
    np.testing.assert_allclose(take.time_s, np.arange(6) / 25)
    np.testing.assert_array_equal(take.expression[:, :6], arrays["expr"].astype(np.float32))
    assert not take.expression[:, 6:].any()
    pose = np.concatenate([arrays["rotation"], arrays["neck_pose"], arrays["jaw_pose"], arrays["eyes_pose"]], 1)
    np.testing.assert_array_equal(take.pose.reshape(6, 15), pose.astype(np.float32))
    rest = flame_head.neutral(arrays["shape"]) + arrays["static_offset"][0]
    rest += np.tensordot(arrays["expr"][2], flame_head.expression[:6], 1)
    joints = flame_head.joints(arrays["shape"])
    world = flame_head.pose(rest, joints, pose[2].reshape(5, 3)) + arrays["translation"][2]
    found = flame_head.vertices(take.shape, take.expression[2], take.pose[2], take.translation[2], take.shape_offset)
    np.testing.assert_allclose(found, (world - [0, 0, 1]) @ FLIP, atol=1e-6)


def published_formula(arrays: dict[str, Any], betas: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """FLAME's vertices (V, 3) as its paper has them, from its file's own arrays; pose (5, 3) from the global turn on."""
    shaped = arrays["v_template"] + arrays["shapedirs"] @ betas
    joints = arrays["J_regressor"] @ shaped
    turns = Rotation.from_rotvec(pose).as_matrix()
    shaped = shaped + arrays["posedirs"] @ (turns[1:] - np.eye(3)).ravel()
    chain: list[np.ndarray] = []
    for turn, joint, parent in zip(turns, joints, (-1, 0, 1, 1, 1), strict=True):
        local = np.eye(4)
        local[:3, :3], local[:3, 3] = turn, joint - (joints[parent] if parent >= 0 else 0)
        chain.append(chain[parent] @ local if parent >= 0 else local)
    for matrix, joint in zip(chain, joints, strict=True):
        matrix[:3, 3] -= matrix[:3, :3] @ joint
    blended = np.einsum("vj,jab->vab", arrays["weights"], np.stack(chain))
    return np.einsum("vab,vb->va", blended[:, :3, :3], shaped) + blended[:, :3, 3]


def test_a_sequence_on_the_published_model_is_its_formula(
    published: Any, flame_arrays: dict[str, Any], tmp_path: Path
) -> None:
    """The real template, weights and correctives where they are there; through the model's pickle and the take's file."""
    model = tmp_path / "flame2023_Open.pkl"
    model.write_bytes(published.python2_pickle(published.flame_open(flame_arrays)))
    arrays = vhap(frames=3, shape=RNG.standard_normal(300), expr=RNG.standard_normal((3, 100)), static_offset=None)
    path = saved(tmp_path / "a.npz", **arrays)
    head = read_any_head(model)  # without the landmarks, whose finding takes seconds
    write_take(tmp_path / "take.npz", flame_take(read_flame_sequence(path, 25), head, path))
    take = read_take(tmp_path / "take.npz")
    for frame in range(3):
        parts = (arrays[name][frame] for name in ("rotation", "neck_pose", "jaw_pose", "eyes_pose"))
        betas = np.r_[arrays["shape"], arrays["expr"][frame]]
        world = published_formula(flame_arrays, betas, np.concatenate(list(parts)).reshape(5, 3))
        world = world + arrays["translation"][frame] - [0, 0, 1]
        np.testing.assert_allclose(vertices_at(take, head, frame), world @ FLIP, atol=1e-6)
    write_flame_sequence(tmp_path / "b.npz", take, head)
    with np.load(tmp_path / "b.npz") as back:
        for name in ("shape", "expr", "rotation", "neck_pose", "jaw_pose", "eyes_pose", "translation"):
            np.testing.assert_allclose(back[name], arrays[name], rtol=1e-6, atol=1e-7, err_msg=name)
            assert back[name].dtype == np.float32  # what other loaders keep
        assert str(back["model"]) == "FLAME 2023 Open"
        assert not back["dynamic_offset"].any()


def test_smirk_moves_the_lids(flame_head: HeadModel, tmp_path: Path) -> None:
    arrays = {"pose_params": 0.1 * RNG.standard_normal((4, 3)), "cam": np.ones((4, 3)), "shape_params": np.ones((4, 3)),
              "expression_params": RNG.standard_normal((4, 5)), "eyelid_params": RNG.random((4, 2)),
              "jaw_params": 0.1 * RNG.standard_normal((4, 3))}  # fmt: skip
    path = saved(tmp_path / "a.npz", **{name: array.astype(np.float32) for name, array in arrays.items()})
    take = flame_take(read_flame_sequence(path, 30), flame_head, path)
    np.testing.assert_allclose(
        take.expression, np.c_[arrays["expression_params"], np.zeros(4), arrays["eyelid_params"]], rtol=1e-6
    )
    np.testing.assert_allclose(take.pose[:, 0], arrays["pose_params"], rtol=1e-6)
    np.testing.assert_allclose(take.pose[:, 2], arrays["jaw_params"], rtol=1e-6)
    np.testing.assert_allclose(take.shape, [1, 1, 1, 0])
    face = flame_head.template.mean(0) @ FLIP + take.translation[0]
    np.testing.assert_allclose(face, [0, 0, 0.6], atol=1e-9)


def test_deca_keeps_head_and_jaw_in_one(flame_head: HeadModel, tmp_path: Path) -> None:
    arrays = {
        "shape": np.ones((4, 2)),
        "exp": np.ones((4, 5)),
        "pose": RNG.standard_normal((4, 6)),
        "cam": np.ones((4, 3)),
    }
    path = saved(tmp_path / "a.npz", **arrays)
    take = flame_take(read_flame_sequence(path, 30), flame_head, path)
    np.testing.assert_allclose(take.pose[:, [0, 2]].reshape(4, 6), arrays["pose"], rtol=1e-6)


def test_a_folder_of_frames_is_read_in_the_order_of_its_numbers(flame_head: HeadModel, tmp_path: Path) -> None:
    arrays = vhap(frames=12)
    for frame in range(12):
        row = {name: array[[frame]] if len(array) == 12 else array for name, array in arrays.items()}
        saved(tmp_path / f"{frame}.npz", **row)
    sequence = read_flame_sequence(tmp_path, 25)
    np.testing.assert_array_equal(sequence.expr, arrays["expr"])
    np.testing.assert_array_equal(sequence.translation, arrays["translation"])
    np.testing.assert_array_equal(sequence.shape, arrays["shape"])


def test_a_take_comes_back_with_its_times_and_gaps(
    flame_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    take = make_take(flame_head)
    take.expression[:, 6:] = np.where(take.valid[:, None] == 0, 0, np.nan)
    take.shape[:] = [1, -2, 0.5, 0]
    path = tmp_path / "a.npz"
    write_flame_sequence(path, take, flame_head)
    write_take(tmp_path / "b.npz", flame_take(read_flame_sequence(path), flame_head, path))
    back = read_take(tmp_path / "b.npz")
    np.testing.assert_array_equal(back.time_s, take.time_s)
    assert back.valid[5] == NO_FACE
    for name in ("expression", "pose", "shape", "shape_offset", "valid", "detail"):
        np.testing.assert_array_equal(getattr(back, name), getattr(take, name), err_msg=name)
    np.testing.assert_allclose(back.translation, take.translation, rtol=0, atol=1.2e-7)  # float32 of metres
    with pytest.raises(MicrofaceError, match="written on another head"):
        flame_take(read_flame_sequence(path), replace(flame_head, sha256="other"), path)


def test_what_moves_beside_the_coefficients_comes_back_as_detail(
    flame_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    """Named units are said in coefficients, by which joints move, and the rest with detail is an offset: the surface is
    the same, though the keys are not."""
    rng = np.random.default_rng(9)
    head = replace(
        flame_head, joint_expression=0.01 * rng.standard_normal((8, 5, 3)) * (np.arange(8) < 6)[:, None, None]
    )
    take = replace(
        make_take(head),
        detail_basis=(0.002 * rng.standard_normal((2, 30, 3))).astype(np.float32),
        detail=rng.standard_normal((40, 2)).astype(np.float32),
    )
    path = tmp_path / "a.npz"
    assert "named units in coefficients: " in write_flame_sequence(path, take, head)
    back = flame_take(read_flame_sequence(path), head, path)
    assert not np.nan_to_num(back.expression[:, 6:]).any()
    assert np.abs(np.nan_to_num(back.detail)).max() == pytest.approx(1)
    for index in (0, 4, 39):
        was, now = (vertices_at(one, head, index) for one in (take, back))
        np.testing.assert_allclose(now, was, atol=1e-6)


def test_a_unit_that_is_a_sum_of_coefficients_is_said_in_them(
    flame_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    """Both ways, with what is left: nothing."""
    mix = np.array([[1.0, 0, -0.5, 0, 0, 0.2], [0, 0.7, 0, 0, 0, 0]])
    own = flame_head.expression[:6]
    head = replace(flame_head, expression=np.concatenate([own, np.tensordot(mix, own, 1)]))
    take = make_take(head)
    take.expression[:, :6] = np.where(take.valid[:, None] == 0, 0, np.nan)
    text = write_flame_sequence(tmp_path / "a.npz", take, head)
    assert text.startswith("named units in coefficients: 0.00 of ")
    sequence = read_flame_sequence(tmp_path / "a.npz")
    np.testing.assert_allclose(sequence.expr, take.expression[:, 6:] @ mix, atol=1e-4)
    back, text = onto_units(flame_take(sequence, head, tmp_path / "a.npz"), head)
    assert text.startswith("coefficients in named units: 0.00 of ")
    np.testing.assert_allclose(back.expression, take.expression, atol=1e-4)
    assert onto_units(take, head) == (take, "")  # nothing to say


def test_coefficients_said_in_units_leave_the_surface_as_it_was(
    flame_head: HeadModel, make_take: Callable[..., Take]
) -> None:
    head = replace(flame_head, joint_expression=np.random.default_rng(2).normal(0, 0.01, (8, 5, 3)))
    head.joint_expression[6:] = 0
    take = make_take(head)
    back, text = onto_units(take, head)
    left, size = (float(word) for word in re.findall(r"\d+\.\d+", text))
    assert 0 < left < size
    assert not np.nan_to_num(back.expression[:, :6]).any() and np.isnan(back.expression[5]).all()
    for index in (0, 39):
        was, now = (vertices_at(one, head, index) for one in (take, back))
        np.testing.assert_allclose(now, was, atol=1e-6)


def test_coefficients_are_found_by_their_number() -> None:
    names = ("mouthSmileLeft", "expression_010", "expression_002", "expression_000", "expressive_001")
    assert coefficients(names) == [3, 2, 1]


class Bomb:
    def __reduce__(self) -> Any:
        return print, ("code ran",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"expr": None}, "no rows of coefficients"),
        ({"expr": np.zeros((0, 6))}, "no rows of coefficients"),
        ({"expr": np.zeros(6)}, "no rows of coefficients"),
        ({"jaw_pose": np.zeros((6, 4))}, r"'jaw_pose' has shape \(6, 4\), not \(6, 3\)"),
        ({"jaw_pose": np.zeros((5, 3))}, r"'jaw_pose' has shape \(5, 3\)"),
        ({"expr": np.array([["a"] * 6] * 6)}, "'expr' holds <U1, not numbers"),
        ({"expr": np.array([[Bomb()]])}, "Python objects"),
        ({"dynamic_offset": np.zeros((5, 30, 3))}, r"'dynamic_offset' has shape \(5, 30, 3\)"),
        ({"shape": np.array([np.nan] * 4)}, "'shape' holds NaN"),
        ({"time_s": np.zeros(6)}, "'time_s' holds no 6 rising times"),
        ({"time_s": np.arange(5.0)}, "'time_s' holds no 6 rising times"),
    ],
)
def test_bad_sequences(tmp_path: Path, capsys: pytest.CaptureFixture[str], changes: Any, words: str) -> None:
    path = saved(tmp_path / "a.npz", **vhap(**changes))
    with pytest.raises(MicrofaceError, match=words) as caught:
        read_flame_sequence(path, None if "time_s" in changes else 25)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""


def test_files_that_are_none(tmp_path: Path) -> None:
    whole = saved(tmp_path / "a.npz", **vhap()).read_bytes()
    for name, data, words in (
        ("cut.npz", whole[: len(whole) // 2], "damaged"),
        ("text.npz", b"hello", "damaged"),
        ("pickle.npz", pickle.dumps(Bomb()), "damaged"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(MicrofaceError, match=words):
            read_flame_sequence(tmp_path / name, 25)
    with pytest.raises(MicrofaceError, match="nothing of a FLAME sequence"):
        read_flame_sequence(saved(tmp_path / "other.npz", weights=np.ones(3)), 25)
    with pytest.raises(MicrofaceError, match="no file"):
        read_flame_sequence(tmp_path / "gone.npz", 25)
    with pytest.raises(MicrofaceError, match=r"frame rate.*--fps"):
        read_flame_sequence(tmp_path / "a.npz")
    (tmp_path / "empty").mkdir()
    with pytest.raises(MicrofaceError, match=r"no \.npz"):
        read_flame_sequence(tmp_path / "empty", 25)


def test_heads_that_do_not_fit(
    flame_head: HeadModel, named_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    path = saved(tmp_path / "a.npz", **vhap())
    with pytest.raises(MicrofaceError, match="6 expression coefficients; the head 'small' has 0"):
        flame_take(read_flame_sequence(path, 25), named_head, path)
    for changes, words in (
        ({"shape": np.ones(9)}, "9 shape coefficients"),
        ({"static_offset": np.zeros((1, 31, 3))}, "31 vertices"),
        ({"dynamic_offset": np.zeros((6, 29, 3))}, "29 vertices"),
    ):
        path = saved(tmp_path / "b.npz", **vhap(**changes))
        with pytest.raises(MicrofaceError, match=words):
            flame_take(read_flame_sequence(path, 25), flame_head, path)
    with pytest.raises(MicrofaceError, match="no coefficients of FLAME"):
        write_flame_sequence(tmp_path / "c.npz", make_take(named_head), named_head)
    with pytest.raises(MicrofaceError, match="another head"):
        write_flame_sequence(tmp_path / "c.npz", make_take(flame_head), named_head)
    assert not (tmp_path / "c.npz").exists()
