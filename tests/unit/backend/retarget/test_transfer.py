# SPDX-License-Identifier: GPL-3.0-or-later
"""From one head to another, where the truth is known: another person on the same mesh, a copy of another size."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.heads import portrait_tracker
from microface.backend.retarget.canvas import find_face
from microface.backend.retarget.correspondence import correspond
from microface.backend.retarget.mapping import proposed
from microface.backend.retarget.rig import Rig
from microface.backend.retarget.source import at_rest, surface_motion
from microface.backend.retarget.transfer import by_names, lay, perform, retarget
from microface.backend.types import NO_FACE, Take
from microface.models.head.model import FLIP, HeadModel
from microface.models.head.rotation import rotation_matrix

SIZE = 3.7  # units of the other rig per metre
PLACE = np.array([5.0, -2.0, 40.0])
TURN = rotation_matrix(np.array([0, np.pi / 2, 0]))  # it looks to the side
UNITS = ("browInnerUp", "mouthSmileLeft", "eyeBlinkRight", "noseSneerLeft", "mouthPucker")


def person(head: HeadModel, seed: int) -> HeadModel:
    shape = np.random.default_rng(seed).normal(0, 0.7, len(head.identity))
    return replace(head, template=head.neutral(shape), joint_template=head.joints(shape))


@pytest.fixture(scope="module")
def rig(generic_head: HeadModel) -> Rig:
    """The generic head elsewhere, turned and larger; its units are keys, and a neck nods."""
    head, count = generic_head, len(UNITS) + 1
    basis = head.expression[[head.expression_names.index(name) for name in UNITS]]
    nod = np.cross([1, 0, 0], head.template - head.joint_template[1]) * (head.template[:, 1:2] > -0.1)
    moved = np.concatenate([basis, nod[None]])
    return Rig(
        vertices=SIZE * head.template @ TURN.T + PLACE, faces=head.faces, names=(*UNITS, "nod"), kinds=("key",) * count,
        low=np.zeros(count), high=np.ones(count), basis=(SIZE * moved @ TURN.T).astype(np.float32),
    )  # fmt: skip


def curves(frames: int) -> np.ndarray:
    """(T, 5) of a tenth of full strength, each on its own course."""
    phase = np.linspace(0, 2 * np.pi, frames)[:, None]
    return 0.05 - 0.05 * np.cos(phase * np.arange(1, len(UNITS) + 1))


@pytest.fixture(scope="module")
def take(generic_head: HeadModel, acting: Callable[..., Take]) -> Take:
    expression = np.zeros((50, len(generic_head.expression_names)))
    expression[:, [generic_head.expression_names.index(name) for name in UNITS]] = curves(50)
    pose = np.zeros((50, 5, 3), np.float32)
    pose[:, 0] = np.linspace(0, 0.5, 50)[:, None] * [0.2, 1, 0.1]  # the head turns, which is none of the face's doing
    pose[:, 3:, 1] = 0.1
    return acting(generic_head, expression, pose=pose)


def test_motion_is_the_skins_own(generic_head: HeadModel, take: Take) -> None:
    """Against the head's formula: the posed face minus the posed face at rest, turned back."""
    rows = np.flatnonzero(generic_head.face_mask)[::7]
    found = surface_motion(take, generic_head, rows)
    for frame in (0, 20, 49):
        pose, place = take.pose[frame].astype(float), take.translation[frame]
        still = np.where(np.arange(5)[:, None] == 0, pose, 0)
        acted = generic_head.vertices(take.shape, take.expression[frame], pose, place)
        rest = generic_head.vertices(take.shape, 0 * take.expression[frame], still, place)
        truth = (acted - rest)[rows] @ FLIP @ rotation_matrix(pose[0])
        np.testing.assert_allclose(found.motion[frame], truth, atol=1e-9)


def test_eyes_and_head_turn_as_in_the_take(generic_head: HeadModel, acting: Callable[..., Take]) -> None:
    """The head from where it mostly is, whatever that is; nothing in a frame without a face."""
    pose = np.zeros((9, len(generic_head.joint_names), 3), np.float32)
    pose[:, 0, 1], pose[6:8, 1, 1], pose[:, 3, 0] = 0.3, 0.1, 0.05  # root, neck, eye_left
    valid = np.array([0] * 8 + [NO_FACE], np.uint8)
    take = acting(generic_head, np.zeros((9, len(generic_head.expression_names))), pose=pose, valid=valid)
    turns = surface_motion(take, generic_head, np.arange(5)).turns
    np.testing.assert_allclose(turns["head"][:, 1], [0] * 6 + [0.1, 0.1, 0], atol=1e-6)
    np.testing.assert_allclose(turns["eye_left"][:, 0], [0.05] * 8 + [0], atol=1e-7)


def test_covered_skin_and_lost_frames_count_less(generic_head: HeadModel, take: Take) -> None:
    patch = np.where(generic_head.template[:, 0] > 0, 1, 0).astype(np.int32)
    covered = np.zeros((50, 2), np.uint8)
    covered[10:20, 1] = 1
    valid = np.where(np.arange(50) == 30, NO_FACE, 0).astype(np.uint8)
    rows = np.flatnonzero(generic_head.face_mask)[::7]
    found = surface_motion(replace(take, patch=patch, covered=covered, valid=valid), generic_head, rows)
    assert found.trust[30] == 0
    assert (np.delete(found.trust, 30) == 1).all()
    open_, shut = found.certainty[found.state[0]], found.certainty[found.state[15]]
    left = patch[rows] == 1
    assert (shut[left] < 0.02 * open_[left]).all()
    np.testing.assert_array_equal(shut[~left], open_[~left])


def test_uncertain_skin_counts_less(generic_head: HeadModel, take: Take) -> None:
    std = np.zeros_like(take.expression_std)
    std[:, generic_head.expression_names.index("jawOpen")] = 0
    std[:, generic_head.expression_names.index("mouthPucker")] = 0.2
    rows = np.flatnonzero(generic_head.face_mask)
    found = surface_motion(replace(take, expression_std=std), generic_head, rows)
    moved = np.linalg.norm(generic_head.expression[generic_head.expression_names.index("mouthPucker")], axis=1)[rows]
    assert np.median(found.certainty[0][moved > 4e-3]) < 0.3 * np.median(found.certainty[0][moved < 1e-4])


def test_takes_that_know_no_deviations_count_alike(generic_head: HeadModel, take: Take) -> None:
    names = ("expression_std", "expression_factor", "pose_std", "translation_std", "depth_std")
    unknown = replace(take, **{name: np.full_like(getattr(take, name), np.nan) for name in names})
    found = surface_motion(unknown, generic_head, np.flatnonzero(generic_head.face_mask)[::7])
    np.testing.assert_allclose(found.certainty, 1)


def test_places_are_the_same_on_other_people(generic_head: HeadModel) -> None:
    """One mesh: a vertex's place on the other person is the vertex itself."""
    one, other = person(generic_head, 1), person(generic_head, 2)
    match = correspond(one, other)
    place = np.einsum("nk,nkc->nc", match.share, one.template[match.corner])
    gap = 1000 * np.linalg.norm(place - one.template[match.rows], axis=1)
    assert len(match.rows) > 800
    assert np.median(gap) < 1.0
    assert np.quantile(gap, 0.95) < 4.0
    lower = generic_head.expression[generic_head.expression_names.index("mouthLowerDownLeft")]
    lip = np.linalg.norm(lower, axis=1) > 2e-3
    upper = (
        np.linalg.norm(generic_head.expression[generic_head.expression_names.index("mouthUpperUpLeft")], axis=1) > 2e-3
    )
    wrong = (lip & ~upper)[match.rows] & (upper & ~lip)[match.corner].all(1)
    assert not wrong.any()


def test_a_larger_face_moves_in_proportion(generic_head: HeadModel) -> None:
    turn = rotation_matrix(np.array([0.1, -0.2, 0.3]))
    larger = replace(generic_head, template=SIZE * generic_head.template @ turn.T + PLACE)
    match = correspond(generic_head, replace(larger, template=larger.template / SIZE))
    np.testing.assert_allclose(match.turn, turn, atol=1e-6)
    motion = generic_head.expression[:2]
    truth = (motion @ turn.T)[:, match.rows]
    assert np.linalg.norm(match.carried(motion) - truth, axis=2).max() < 0.03 * np.abs(truth).max()


@pytest.fixture(scope="module")
def tracker(built: None) -> Callable[..., object]:
    """The tracker; what it said of a picture is remembered, for all tests draw the same rig."""
    track, seen = portrait_tracker(), {}

    def remembered(picture: np.ndarray) -> object:
        key = picture.tobytes()
        if key not in seen:
            seen[key] = track(picture)
        return seen[key]

    return remembered


def test_a_face_is_found_wherever_it_looks(generic_head: HeadModel, rig: Rig, tracker: Callable[..., object]) -> None:
    canvas = find_face(rig.vertices, rig.faces, tracker)
    apart = np.linalg.norm(generic_head.joint_template[3] - generic_head.joint_template[4])
    assert canvas.scale == pytest.approx(0.063 / (SIZE * apart), rel=0.1)  # of what people's eyes differ by
    np.testing.assert_allclose(canvas.turn, TURN.T, atol=1e-12)
    common = np.intersect1d(canvas.head.landmark_index, generic_head.landmark_index)
    found = canvas.head.landmark_points(generic_head.template)[np.searchsorted(canvas.head.landmark_index, common)]
    truth = generic_head.landmark_points(generic_head.template)[np.searchsorted(generic_head.landmark_index, common)]
    assert len(common) > 380
    assert np.median(np.linalg.norm(found - truth, axis=1)) < 1.5e-3


def test_controls_that_did_it_are_found(
    generic_head: HeadModel, rig: Rig, take: Take, tracker: Callable[..., object]
) -> None:
    found, table = retarget(take, generic_head, rig, tracker)
    assert [row.use for row in table] == [True] * len(UNITS) + [False]  # the nod moves the whole face
    error = np.sqrt(((found.values[:, :-1] - curves(50)) ** 2).mean(0) / (curves(50) ** 2).mean(0))
    assert error.max() < 0.05
    assert not found.values[:, -1].any()
    assert found.explained > 0.9
    assert found.keyed.all()


def test_a_table_excludes_limits_and_scales(
    generic_head: HeadModel, rig: Rig, take: Take, tracker: Callable[..., object]
) -> None:
    laid = lay(at_rest(take, generic_head), rig, tracker)
    source = surface_motion(take, generic_head, np.unique(laid.match.corner))
    rows = list(proposed(rig, np.arange(len(rig.names)) < len(UNITS)))
    rows[0], rows[1], rows[2] = replace(rows[0], use=False), replace(rows[1], high=0.04), replace(rows[2], strength=2.0)
    found = perform(laid, rig, source, tuple(rows))
    assert not found.values[:, 0].any()
    assert found.values[:, 1].max() == pytest.approx(0.04)
    np.testing.assert_allclose(found.values[:, 2], 2 * curves(50)[:, 2], atol=0.01)


def test_without_a_face_names_must_do(generic_head: HeadModel, rig: Rig, take: Take) -> None:
    def blind(_picture: object) -> None:
        return None

    found, table = retarget(take, generic_head, rig, blind)
    assert found.method == "names"
    np.testing.assert_allclose(found.values[:, :-1], curves(50), atol=1e-6)
    assert not found.values[:, -1].any()
    nameless = replace(rig, names=tuple(f"Key {k}" for k in range(len(rig.names))))
    with pytest.raises(MicrofaceError, match="No face was found on the rig"):
        retarget(take, generic_head, nameless, blind)
    np.testing.assert_array_equal(by_names(take, rig, table).values, found.values)
    with pytest.raises(MicrofaceError, match="bones or properties"):  # all controls are keys
        retarget(take, generic_head, rig, blind, "bones")
    with pytest.raises(MicrofaceError, match="another rig's"):
        retarget(take, generic_head, rig, blind, mapping=())


def test_what_cannot_be_retargeted_is_said(generic_head: HeadModel, rig: Rig, take: Take) -> None:
    def blind(_picture: object) -> None:
        return None

    with pytest.raises(MicrofaceError) as caught:
        retarget(replace(take, valid=np.full(50, NO_FACE, np.uint8)), generic_head, rig, blind)
    assert caught.value.code == "no_face"
    with pytest.raises(MicrofaceError) as caught:
        retarget(replace(take, head={"name": "x", "sha256": "y"}), generic_head, rig, blind)
    assert caught.value.code == "other_head"
