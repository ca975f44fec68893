# SPDX-License-Identifier: GPL-3.0-or-later
"""FLAME's files in every layout in use become the same head; files that only look like FLAME are told what they are."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from microface.models.errors import MicrofaceError
from microface.models.head.model import JOINT_NAMES, fingerprint, read_head, write_head
from microface.models.head.read.editions import FLAME, FLAME_2020, FLAME_2023, FLAME_2023_NO_JAW, FLAME_OPEN
from microface.models.head.read.flame import edition_of
from microface.models.head.read.recognise import read_any_head


@pytest.fixture(scope="module")
def head(flame_arrays, published, tmp_path_factory):
    path = tmp_path_factory.mktemp("flame") / "flame2023_Open.pkl"
    path.write_bytes(published.python2_pickle(published.flame_open(flame_arrays)))
    return read_any_head(path)


@pytest.fixture(scope="module")
def small(flame_arrays):
    """Twenty of the 400 directions: quicker to write."""
    return flame_arrays | {"shapedirs": flame_arrays["shapedirs"][..., 290:310]}


def test_flame_2023_open(head, flame_arrays):
    template, directions = flame_arrays["v_template"], flame_arrays["shapedirs"]
    np.testing.assert_array_equal(head.template, template)
    np.testing.assert_array_equal(head.faces, flame_arrays["f"])
    np.testing.assert_array_equal(head.identity, np.moveaxis(directions[..., :300], 2, 0))
    np.testing.assert_array_equal(head.expression, np.moveaxis(directions[..., 300:], 2, 0))
    np.testing.assert_array_equal(head.pose_correctives, np.moveaxis(flame_arrays["posedirs"], 2, 0))
    np.testing.assert_allclose(head.weights, flame_arrays["weights"], atol=1e-6)
    regressor = flame_arrays["J_regressor"]
    np.testing.assert_allclose(head.joint_template, regressor @ template, atol=1e-12)
    for basis, moved in ((head.identity, head.joint_identity), (head.expression, head.joint_expression)):
        np.testing.assert_allclose(moved[7], regressor @ basis[7], atol=1e-12)
    assert head.expression_names[0] == "expression_000" and head.expression_names[-1] == "expression_099"
    assert head.joint_names == JOINT_NAMES and head.parents == (-1, 0, 1, 1, 1)
    assert (head.name, head.licence, head.citation) == (FLAME_OPEN.name, FLAME_OPEN.licence, FLAME_OPEN.citation)
    assert "CC-BY-4.0" in head.licence and "ACM Transactions on Graphics 36(6)" in head.citation


def test_eyes_have_irises_and_pupils_in_front(head):
    names = np.array(head.part_names)[head.face_part]
    for side, joint in ((1, 3), (-1, 4)):
        centre, middle = head.joint_template[joint], head.template[head.faces].mean(1)
        own = side * middle[:, 0] > 0
        assert (np.isin(names, ("eye", "iris", "pupil")) & own).sum() == (head.weights[head.faces, joint] > 0.5).all(
            1
        ).sum()
        for name, reach in (("pupil", 3.5e-3), ("iris", 7e-3)):
            place = middle[(names == name) & own] - centre
            assert len(place) >= 4
            assert np.hypot(place[:, 0], place[:, 1]).max() < reach
            assert (place[:, 2] > 9e-3).all()


def test_pupils_and_irises_of_the_real_eyes_are_round(head, shared):
    """Their outlines are rings of vertices; cut through triangles they would be stars."""
    if not (shared / "data" / "flame" / "flame2023_open_partial.npz").is_file():
        pytest.skip("no real FLAME template")
    names = np.array(head.part_names)[head.face_part]
    for side, joint in ((1, 3), (-1, 4)):
        own = side * head.template[head.faces].mean(1)[:, 0] > 0
        for inner, radius in ((("pupil",), 3.3e-3), (("pupil", "iris"), 6.0e-3)):
            faces = head.faces[np.isin(names, inner) & own]
            edges, count = np.unique(
                np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), 1), axis=0, return_counts=True
            )
            outline = head.template[np.unique(edges[count == 1])] - head.joint_template[joint]
            np.testing.assert_allclose(np.hypot(outline[:, 0], outline[:, 1]), radius, atol=0.1e-3)


def test_the_face_is_skin_in_front(head):
    face = head.template[head.face_mask]
    eyes = head.joint_template[3:].mean(0)
    assert 300 < len(face) < 3500
    assert (head.weights[head.face_mask, 3:] < 0.5).all()
    assert np.abs(face[:, 0].mean()) < 3e-3 and face[:, 2].min() > head.template[:, 2].min() + 0.04
    assert 0.07 < eyes[1] - face[:, 1].min() < 0.14 and 0.04 < face[:, 1].max() - eyes[1] < 0.09


def test_uvs_run_round_the_head_once(head):
    size = np.ptp(head.uv[:, :3], axis=1)  # of every triangle
    assert (size[:, 0] <= 0.5).mean() > 0.999  # but for triangles on the axis
    low, high = head.uv[:, :3].min((0, 1)), head.uv[:, :3].max((0, 1))
    assert (low >= -1e-6).all() and high[0] < 1.5 and high[1] <= 1 + 1e-6
    middle = head.uv[:, :3].mean(1)
    left = head.template[head.faces].mean(1)[:, 0] > 0.05
    assert (middle[left, 0] > 0.5).all()  # the face is at 0.5, the subject's left to its right


def _sparse(arrays):
    from scipy.sparse import csc_matrix

    return arrays | {"J_regressor": csc_matrix(arrays["J_regressor"])}


def _smplx_buffers(arrays):
    """As FLAME_PyTorch and smplx keep them in a module's state."""
    names = {"f": "faces_tensor", "weights": "lbs_weights"}
    renamed = {names.get(name, name): value for name, value in arrays.items() if name != "kintree_table"}
    return renamed | {"posedirs": arrays["posedirs"].reshape(-1, 36).T.copy(), "parents": np.array([-1, 0, 1, 1, 1])}


LAYOUTS = {
    "older pickle": ("flame2023_Open.pkl", lambda p, a: p.python2_pickle(p.flame_open(a), reconstructor=True)),
    "Python 3 pickle": ("flame2023_Open.pkl", lambda p, a: pickle.dumps(_sparse(a) | {"supr_expression_metadata": p.metadata(a)})),
    "plain pickle": ("flame/FLAME_NEUTRAL.pkl", lambda p, a: pickle.dumps(a | {"supr_expression_metadata": p.metadata(a)}, 2)),
    "npz": ("flame2023_Open.npz", lambda p, a: a | {"supr_expression_metadata": p.metadata(a)}),
    "npz with objects": ("FLAME_NEUTRAL.npz", lambda p, a: _sparse(a) | {"supr_expression_metadata": p.metadata(a)}),
    "npz, Fortran order": ("f.npz", lambda p, a: a | {
        "shapedirs": np.asfortranarray(a["shapedirs"]), "supr_expression_metadata": p.metadata(a)}),
    "smplx's buffers": ("flame.npz", lambda p, a: _smplx_buffers(a) | {"supr_expression_metadata": p.metadata(a)}),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_the_same_head(layout, small, published, tmp_path):
    name, made = LAYOUTS[layout]
    first = tmp_path / "first" / "flame2023_Open.pkl"
    first.parent.mkdir()
    first.write_bytes(published.python2_pickle(published.flame_open(small)))
    head = read_any_head(first)
    assert (len(head.identity), len(head.expression)) == (15, 5)
    path, content = tmp_path / "other" / name, made(published, small)
    path.parent.mkdir(parents=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.savez(path, **content)
    found = read_any_head(path)
    assert found.name == head.name
    assert found.sha256 == head.sha256
    np.testing.assert_array_equal(found.expression, head.expression)
    np.testing.assert_array_equal(found.pose_correctives, head.pose_correctives)
    np.testing.assert_allclose(found.joint_template, head.joint_template, rtol=0, atol=1e-15)  # sums in other orders
    if "flame2023" in name or "FLAME_" in name:  # a name that tells it from other files of its folder
        assert read_any_head(tmp_path / "other").sha256 == head.sha256


def test_a_flame_head_survives_microfaces_own_file(head, tmp_path):
    write_head(tmp_path / "head.npz", head)
    for back in (read_head(tmp_path / "head.npz"), read_any_head(tmp_path / "head.npz")):
        assert (back.sha256, back.citation) == (head.sha256, head.citation)
        np.testing.assert_allclose(back.joint_expression, head.joint_expression, atol=1e-8)


def test_other_coefficients_have_another_fingerprint(small, published, tmp_path):
    heads = []
    for name, step in (("2020", 0.0), ("2023", 1e-3)):
        changed = small | {"shapedirs": small["shapedirs"].copy()}
        changed["shapedirs"][100, 1, 15] += step  # one expression at one vertex
        path = tmp_path / f"flame{name}.pkl"
        path.write_bytes(published.python2_pickle(published.flame_2020(changed)))
        heads.append(read_any_head(path))
    assert heads[0].sha256 != heads[1].sha256
    assert heads[0].sha256 == fingerprint(replace(heads[0], name="renamed", licence="another"))


@pytest.mark.parametrize(
    "shapes, expressions, told",
    [(300, 100, False), (300, 50, False), (100, 100, False), (100, 50, False), (10, 10, False), (60, 30, True)],
)
def test_shape_and_expression_are_told_apart(shapes, expressions, told, flame_arrays, tmp_path):
    directions = flame_arrays["shapedirs"]
    kept = np.concatenate([directions[..., :shapes], directions[..., 300 : 300 + expressions]], 2)
    arrays = dict(flame_arrays, shapedirs=kept)
    if told:
        arrays["supr_expression_metadata"] = {"n_expr": expressions}
    np.savez(tmp_path / "flame.npz", **arrays)
    head = read_any_head(tmp_path / "flame.npz")
    assert (len(head.identity), len(head.expression)) == (shapes, expressions)
    np.testing.assert_array_equal(head.expression[0], directions[..., 300])
    np.testing.assert_array_equal(head.identity[-1], directions[..., shapes - 1])


@pytest.mark.parametrize(
    "file, edition",
    [
        ("a/generic_model.pkl", FLAME_2020), ("FLAME2020/female_model.pkl", FLAME_2020),
        ("FLAME2023/flame2023.pkl", FLAME_2023), ("flame2023_no_jaw.pkl", FLAME_2023_NO_JAW),
        ("FLAME2020\\FLAME_NEUTRAL.pkl", FLAME_2020), ("2020/old/mine.npz", FLAME), ("head.npz", FLAME),
    ],
)  # fmt: skip
def test_the_edition_of_a_file_that_does_not_say(file, edition):
    assert edition_of({}, np.zeros((4, 3)), file) is edition
    assert "not for commercial use" in edition.licence


def test_2023_open_is_known_by_its_metadata_or_its_template(flame_arrays, shared):
    assert edition_of({"supr_expression_metadata": None}, np.zeros((4, 3)), "generic_model.pkl") is FLAME_OPEN
    assert edition_of({}, flame_arrays["v_template"], "generic_model.pkl") is FLAME_OPEN
    assert edition_of({}, flame_arrays["v_template"] * 1.01, "generic_model.pkl") is FLAME_2020


WRONG = {
    "SMPL-X": (
        lambda a: {"v_template": np.zeros((10475, 3))},
        "body_model",
        "SMPL-X, a body model with 10475 vertices",
    ),
    "SMPL": (lambda a: {"v_template": np.zeros((6890, 3))}, "body_model", "SMPL, a body model"),
    "other counts": (lambda a: {"v_template": a["v_template"][:-1]}, "bad_head", "has 5022 vertices; FLAME has 5023"),
    "missing weights": (lambda a: {"weights": None}, "bad_head", "has no array 'weights'"),
    "text for weights": (lambda a: {"weights": np.array("a")}, "bad_head", "has no array 'weights'"),
    "missing triangles": (lambda a: {"f": None}, "bad_head", "has no array 'f'"),
    "identity only": (lambda a: {"shapedirs": a["shapedirs"][..., :6]}, "unknown_layout", "6 directions"),
    "all expression": (lambda a: {"supr_expression_metadata": {"n_expr": 20}}, "unknown_layout", "20 directions"),
    "flat directions": (lambda a: {"shapedirs": a["shapedirs"].reshape(-1, 20)}, "bad_head", "'shapedirs' has shape"),
    "other correctives": (lambda a: {"posedirs": a["posedirs"][..., :27]}, "bad_head", "'posedirs' has shape"),
    "other joints": (lambda a: {"kintree_table": np.array([[-1, 0, 1, 2, 3], range(5)])}, "bad_head", "has joints"),
    "other regressor": (lambda a: {"J_regressor": a["J_regressor"].T}, "bad_head", "'J_regressor' has shape"),
    "triangles outside": (lambda a: {"f": a["f"] + 1}, "bad_head", "points outside"),
    "no numbers": (lambda a: {"v_template": a["v_template"] * np.nan}, "bad_head", "not finite"),
    "millimetres": (lambda a: {"v_template": a["v_template"] * 1000}, "bad_head", "human eye distance"),
    "no weights": (lambda a: {"weights": a["weights"] * 0}, "bad_head", "do not sum to 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_flame_is_said_in_one_line(name, small, tmp_path):
    change, code, words = WRONG[name]
    arrays = {k: v for k, v in (small | change(small)).items() if v is not None}
    path = tmp_path / "flame.npz"
    np.savez(path, **arrays)
    with pytest.raises(MicrofaceError, match=words) as caught:
        read_any_head(path)
    assert caught.value.code == code
    assert "flame.npz" in str(caught.value) and "\n" not in str(caught.value) and len(caught.value.remedy) > 20
