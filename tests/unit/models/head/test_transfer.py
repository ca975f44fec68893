# SPDX-License-Identifier: GPL-3.0-or-later
"""Named units on another head: themselves on a copy, and on FLAME's template where FLAME's own vertices say."""

from dataclasses import replace

import numpy as np
import pytest
from microface.models.head.model import fingerprint
from microface.models.head.mouth import Mouth
from microface.models.head.read.recognise import read_any_head
from microface.models.head.transfer import with_named_units
from microface.models.head.units import UNIT_NAMES, measured, mirrored
from scipy.spatial.transform import Rotation

#: The tracker's points at the same place as Multi-PIE's points 17 to 67.
PLACES = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 40, 37, 0, 267, 270, 291, 321, 405, 17, 181, 91, 78, 81, 13, 311, 308, 402, 14, 178,
)  # fmt: skip


BENT, WAVE = 3e-3, 20.0  # m, per m


@pytest.fixture(scope="module")
def picked(shared):
    path = shared / "data" / "flame" / "flame2023_open_partial.npz"
    if not path.is_file():
        pytest.skip("no real FLAME template")
    return np.load(path)["landmarks68_vertex"]


@pytest.fixture(scope="module")
def flame(picked, flame_arrays, tmp_path_factory):
    """FLAME with the picked vertices for landmarks."""
    path = tmp_path_factory.mktemp("flame") / "flame.npz"
    np.savez(path, **flame_arrays | {"shapedirs": flame_arrays["shapedirs"][..., 290:310]})
    head = read_any_head(path)
    order = np.argsort(PLACES)
    corner = np.array([np.argwhere(head.faces == vertex)[0] for vertex in picked[17:]])[order]
    return replace(
        head, landmark_index=np.array(PLACES, np.int32)[order], landmark_triangle=corner[:, 0].astype(np.int32),
        landmark_weight=np.eye(3)[corner[:, 1]],
    )  # fmt: skip


@pytest.fixture(scope="module")
def named(flame, generic):
    """FLAME with the generic head's units: takes a minute."""
    return with_named_units(flame, generic)


@pytest.fixture(scope="module")
def found(flame, named):
    """(52, V, 3) m the generic head's units on FLAME."""
    return named.expression[len(flame.expression) :]


def transferred(head, source):
    """The source's units on a head, (E, V, 3)."""
    return with_named_units(head, source).expression[len(head.expression) :]


def test_a_turned_and_larger_copy_gets_turned_and_larger_units(generic):
    turn = Rotation.from_rotvec([0.1, -0.2, 0.05]).as_matrix() * 1.1
    copy = replace(
        generic, template=generic.template @ turn.T + 0.02, joint_template=generic.joint_template @ turn.T + 0.02,
        expression=generic.expression[:0], expression_names=(),
    )  # fmt: skip
    copy = replace(copy, weights=np.eye(5)[np.ones(len(copy.template), int)])  # a jaw would open about other axes
    some = {"eyeBlinkLeft", "mouthShrugLower", "mouthRollLower"}  # all would take minutes
    names = sorted({*UNIT_NAMES[1::8], *some})
    units = generic.expression[[UNIT_NAMES.index(name) for name in names]]
    source = replace(generic, weights=copy.weights, expression=units, expression_names=tuple(names))
    skin, lips = np.unique(skin_faces(generic)), np.unique(Mouth.of(copy).faces)
    found, true = transferred(copy, source), units @ turn.T
    error, beside = (errors(found[:, rows], true[:, rows]) for rows in (skin, np.setdiff1d(skin, lips)))
    for share, bound in ((beside, 0.05), (error, 0.20)):  # lips that overlap part a little
        unlike = {name for name, each in zip(names, share, strict=True) if each > bound}
        assert unlike == {"eyeBlinkLeft", "eyeBlinkRight"}  # these end where the lids meet
    assert np.median(beside) < 0.012, beside


@pytest.mark.long
def test_a_bent_and_remeshed_copy_gets_its_own_units(generic):
    """Every quad of the skin becomes four triangles round its centre, and the head is bent by 3 mm."""
    skin = (np.array(generic.part_names)[generic.part] == "skin") & (generic.polygons[:, 3] >= 0)
    quads = generic.polygons[skin]
    middle = len(generic.template) + np.arange(len(quads))
    fans = np.concatenate([np.stack([quads[:, k - 1], quads[:, k], middle], 1) for k in range(4)])

    def finer(values):
        return np.concatenate([values, values[..., quads, :].mean(-2)], -2)

    flat = finer(generic.template)
    around = flat[:, [1, 2, 0]]
    true = finer(generic.expression)
    true = true + BENT * WAVE * np.cos(WAVE * around) * true[..., [1, 2, 0]]
    place, corner = np.unique(fans.ravel(), return_index=True)
    nearest = generic.faces[generic.landmark_triangle, generic.landmark_weight.argmax(1)]
    kept = np.isin(nearest, place)
    corner = corner[np.searchsorted(place, nearest[kept])]
    source = replace(
        generic, landmark_index=generic.landmark_index[kept], landmark_triangle=generic.landmark_triangle[kept],
        landmark_weight=np.eye(3)[generic.landmark_weight[kept].argmax(1)],
    )  # fmt: skip
    copy = replace(
        source, template=flat + BENT * np.sin(WAVE * around), faces=fans.astype(np.int32), part=np.zeros(len(fans), int),
        polygons=np.c_[fans, np.full(len(fans), -1)].astype(np.int32), weights=finer(generic.weights),
        expression=true[:0], expression_names=(), landmark_triangle=(corner // 3).astype(np.int32),
        landmark_weight=np.eye(3)[corner % 3],
    )  # fmt: skip
    found, lips = transferred(copy, source), np.unique(Mouth.of(copy).faces)
    error, beside = (errors(found[:, rows], true[:, rows]) for rows in (place, np.setdiff1d(place, lips)))
    blink = np.char.startswith(UNIT_NAMES, "eyeBlink")  # these end where the lids meet
    assert beside[~blink].max() < 0.06
    assert error[~blink].max() < 0.25  # lips that overlap part a little
    assert np.median(error) < 0.05


def skin_faces(head):
    return head.faces[np.array(head.part_names)[head.face_part] == "skin"]


def errors(found, true):
    """Share (E,) of each motion (E, V, 3) that is wrong."""
    size = np.linalg.norm(true, axis=(1, 2))
    return np.linalg.norm(found - true, axis=(1, 2)) / np.where(size > 1e-9, size, np.inf)


def test_flame_moves_at_its_own_landmarks_as_the_generic_head(found, flame, generic, picked):
    mine = {int(k): n for n, k in enumerate(generic.landmark_index)}
    order = [mine[k] for k in PLACES]
    wide = (
        np.ptp(flame.template[picked[17:]], axis=0)[0]
        / np.ptp(generic.landmark_points(generic.template)[order], axis=0)[0]
    )
    for name in ("mouthSmileLeft", "mouthSmileRight", "browInnerUp", "noseSneerLeft", "mouthPucker", "eyeBlinkLeft"):
        unit = generic.expression_names.index(name)
        there = generic.landmark_points(generic.expression[unit])[order]
        here = found[unit][picked[17:]]
        assert np.linalg.norm(here) == pytest.approx(wide * np.linalg.norm(there), rel=0.3)
        assert (here * there).sum() / np.linalg.norm(here) / np.linalg.norm(there) > 0.9


def test_a_lip_takes_its_own_lips_motion(found, flame, generic, picked):
    """The inner lips touch at rest: 61 to 63 are of the upper one, 65 to 67 of the lower one."""
    for name, own, other in (("mouthUpperUpLeft", 63, 65), ("mouthLowerDownRight", 67, 61)):
        unit = found[generic.expression_names.index(name)]
        moved, still = (np.linalg.norm(unit[picked[k]]) for k in (own, other))
        assert moved > 1e-3 and moved > 4 * still


def test_units_are_as_symmetric_as_flame(found, flame, generic):
    for name in ("mouthSmileLeft", "eyeBlinkLeft", "browDownLeft"):
        left, right = (found[generic.expression_names.index(n)] for n in (name, mirrored(name)))
        sizes = [np.linalg.norm(unit, axis=1).max() for unit in (left, right)]
        assert sizes[0] == pytest.approx(sizes[1], rel=0.2)
        centre = [
            (np.linalg.norm(u, axis=1) @ flame.template[:, 0]) / np.linalg.norm(u, axis=1).sum() for u in (left, right)
        ]
        assert centre[0] > 0.01 and centre[0] == pytest.approx(-centre[1], abs=4e-3)


def test_a_closed_mouth_on_an_open_jaw_is_as_closed_as_at_rest(found, flame, picked):
    unit = dict(zip(UNIT_NAMES, found, strict=True))
    for strength in (0.5, 1.0):
        jaw, close = strength * unit["jawOpen"], strength * unit["mouthClose"]
        rest, opened, closed = (
            (place[picked[61:64]] - place[picked[[67, 66, 65]]])[:, 1]
            for place in (flame.template, flame.template + jaw, flame.template + jaw + close)
        )
        assert (opened > strength * 0.02).all()
        np.testing.assert_allclose(closed, rest, atol=0.5e-3)


def test_the_eyes_turn_in_the_units_that_turn_eyes(found, flame, generic):
    """By the same angle as on the generic head, as far as a straight motion is a turn."""
    for joint in (3, 4):
        for name in ("eyeLookInLeft", "eyeLookInRight", "eyeLookUpLeft", "eyeLookDownRight"):
            turns = []
            for head, units in ((flame, found), (generic, generic.expression)):
                rows = head.weights[:, joint] > 0.5
                local, moved = head.template[rows] - head.joint_template[joint], units[UNIT_NAMES.index(name)][rows]
                linear = np.linalg.lstsq(np.c_[local, np.ones(len(local))], moved, rcond=None)[0][:3]
                turns.append((linear - linear.T)[[1, 2, 0], [2, 0, 1]] / 2)
            np.testing.assert_allclose(turns[0], turns[1], atol=0.02)


def test_eyes_and_the_back_of_the_head_stay_still(found, flame, generic):
    solved = [k for k, name in enumerate(generic.expression_names) if not name.startswith(("jaw", "eyeLook", "tongue"))]
    size = np.linalg.norm(found[solved], axis=-1).max(0)
    eye = flame.weights[:, 3:].sum(1) > 0.5
    assert not found[solved][:, eye].any()
    assert size[flame.template[:, 2] < -0.08].max() < 1e-4


def test_named_units_stand_behind_flames_own(flame, named, generic):
    head = named
    assert head.expression_names == (*flame.expression_names, *UNIT_NAMES)
    assert [head.expression_names[k] for k in measured(head.expression_names)] == list(UNIT_NAMES)
    assert measured(flame.expression_names) == list(range(len(flame.expression_names)))
    np.testing.assert_array_equal(head.joint_shift(np.eye(len(head.expression))[-52:]), 0)
    np.testing.assert_array_equal(head.joint_expression[:10], flame.joint_expression)
    assert head.sha256 != flame.sha256
    own = len(flame.expression)
    other = replace(head, expression=head.expression + 1e-6 * (np.arange(len(head.expression)) >= own)[:, None, None])
    assert fingerprint(other) == head.sha256  # another machine's last digits
    other = replace(head, expression=head.expression + 1e-6 * (np.arange(len(head.expression)) < own)[:, None, None])
    assert fingerprint(other) != head.sha256
    assert with_named_units(generic, generic) is generic


def test_a_head_without_a_jaw_gets_one(generic):
    jaw = 2
    weights = generic.weights.copy()
    weights[:, 1] += weights[:, jaw]
    weights[:, jaw] = 0
    away = generic.joint_template + np.eye(5)[jaw][:, None] * [0.0, 0.1, 0]
    bare = replace(
        generic, weights=weights, joint_template=away, expression=generic.expression[:0], expression_names=()
    )  # fmt: skip
    source = replace(generic, expression=generic.expression[:1], expression_names=generic.expression_names[:1])
    head = with_named_units(bare, source)
    skin = np.unique(generic.faces[np.array(generic.part_names)[generic.face_part] == "skin"])
    np.testing.assert_allclose(head.weights[skin, jaw], generic.weights[skin, jaw], atol=1e-6)
    assert head.weights.min() >= 0
    np.testing.assert_allclose(head.weights.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(head.joint_template, generic.joint_template, atol=1e-6)
    other = np.setdiff1d(np.arange(len(weights)), skin)
    np.testing.assert_array_equal(head.weights[other], weights[other])


def test_too_few_common_landmarks(flame, generic):
    few = replace(flame, landmark_index=flame.landmark_index[:5])
    with pytest.raises(ValueError, match="5 landmarks in common"):
        transferred(few, generic)
