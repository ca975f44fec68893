# SPDX-License-Identifier: GPL-3.0-or-later
"""Identity, camera and poses from the landmarks of a head that is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from microface.backend.form import form_offset
from microface.backend.head_fit import fit_head
from microface.backend.rest import rest_candidates, rest_frames
from microface.backend.types import HeadFit, Tracks
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT, FOV_DEG, FRAMES = 640, 480, 42.0, 24
SMILES = slice(8, 14)
SMILE = ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight")


@dataclass(frozen=True)
class Known:
    shape: np.ndarray
    turn: np.ndarray
    translation: np.ndarray
    focal: float
    tracks: Tracks


def camera_of(focal: float) -> np.ndarray:
    return np.array([[focal, 0, (WIDTH - 1) / 2], [0, focal, (HEIGHT - 1) / 2], [0, 0, 1.0]])


@pytest.fixture(scope="module")
def known(generic_head: HeadModel) -> Known:
    """A person who turns about by 10 to 15 degrees and smiles for six frames."""
    return acting(generic_head, dict.fromkeys(SMILE, 0.8))


def acting(head: HeadModel, units: dict[str, float]) -> Known:
    """A person who turns about and for six frames shows these units."""
    random = np.random.default_rng(4)
    shape = random.normal(0, 0.4, len(head.identity))
    focal = WIDTH / 2 / np.tan(np.radians(FOV_DEG) / 2)
    phase = np.linspace(0, 2 * np.pi, FRAMES)
    turn = np.stack([0.12 * np.sin(phase), 0.25 * np.sin(2 * phase + 1), 0.1 * np.cos(phase)], 1)
    translation = np.stack([0.02 * np.sin(phase), 0.01 + 0 * phase, 0.6 + 0.03 * np.cos(phase)], 1)
    landmarks = np.full((FRAMES, 478, 3), 0.0, np.float32)
    for n in range(FRAMES):
        expression, pose = np.zeros(len(head.expression)), np.zeros((len(head.joint_names), 3))
        if n in range(*SMILES.indices(FRAMES)):
            for name, strength in units.items():
                expression[head.expression_names.index(name)] = strength
        pose[0] = turn[n]
        points = head.landmark_points(head.vertices(shape, expression, pose, translation[n]))
        image = project(points, camera_of(focal))
        depth = (points[:, 2:] - points[:, 2].mean()) * focal / points[:, 2].mean()
        landmarks[n] = np.r_[image[:, :2].mean(0), 0]  # those the head does not carry
        landmarks[n, head.landmark_index] = np.c_[image[:, :2], depth]
    ones = np.ones(FRAMES, np.float32)
    tracks = Tracks(np.arange(FRAMES) * 2, landmarks, ones, np.zeros(FRAMES, np.int64), np.zeros(0, np.int64))
    return Known(shape, turn, translation, focal, tracks)


@pytest.fixture(scope="module")
def fit(generic_head: HeadModel, known: Known) -> HeadFit:
    return fit_head(generic_head, known.tracks, WIDTH, HEIGHT, FOV_DEG)


def degrees_off(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return np.degrees((Rotation.from_rotvec(found) * Rotation.from_rotvec(truth).inv()).magnitude())


def test_the_landmarks_of_a_known_head_are_refitted(fit: HeadFit) -> None:
    assert fit.residual_px < 0.3


def test_poses_of_a_known_head_are_found(fit: HeadFit, known: Known) -> None:
    # A form that leans back and a head that pitches forward look alike: one small turn, the same in all frames, is free.
    away = Rotation.from_rotvec(fit.pose) * Rotation.from_rotvec(known.turn).inv()
    assert np.degrees((away * away.mean().inv()).magnitude()).max() < 0.5
    assert np.degrees(away.magnitude()).max() < 1.5
    neutral = np.delete(np.arange(FRAMES), np.r_[SMILES])
    # A head a little larger and farther away looks the same: distance is known up to the size of the person.
    scale = fit.translation[neutral, 2] / known.translation[neutral, 2]
    assert np.ptp(scale) < 0.01
    assert scale.mean() == pytest.approx(1, abs=0.05)


def test_a_given_field_of_view_is_kept(fit: HeadFit, known: Known) -> None:
    assert np.allclose(fit.camera, camera_of(known.focal), rtol=2e-3)


def test_without_a_field_of_view_the_focal_length_is_near(generic_head: HeadModel, known: Known) -> None:
    free = fit_head(generic_head, known.tracks, WIDTH, HEIGHT)
    assert free.camera[0, 0] == pytest.approx(known.focal, rel=0.2)
    assert free.residual_px < 0.3
    assert degrees_off(free.pose, known.turn).max() < 1.5


def test_the_face_has_the_persons_form(fit: HeadFit, known: Known, generic_head: HeadModel) -> None:
    mask = generic_head.face_mask
    found, truth = generic_head.neutral(fit.shape)[mask], generic_head.neutral(known.shape)[mask]
    mean = generic_head.template[mask]
    for points in (found, truth, mean):
        points -= points.mean(0)
    scale = (found * truth).sum() / (found**2).sum()
    rms = lambda a: float(np.sqrt((a**2).sum(1).mean()))  # noqa: E731
    assert rms(scale * found - truth) < 1.5e-3
    assert rms(scale * found - truth) < 0.6 * rms(mean * (mean * truth).sum() / (mean**2).sum() - truth)


def test_smiling_frames_are_not_rest(fit: HeadFit, known: Known) -> None:
    rest = rest_candidates(known.tracks, fit, None)
    assert len(rest) >= 6
    assert not set(rest) & set(range(*SMILES.indices(FRAMES)))
    chosen = rest_frames(known.tracks, rest)
    assert chosen[0] == known.tracks.frame[rest[0]]
    assert len(np.unique(chosen)) == len(chosen)
    assert not set(chosen) & set(range(2 * SMILES.start, 2 * SMILES.stop - 1))


def mean_change(head: HeadModel, fit: HeadFit) -> dict[str, float]:
    return dict(zip(head.expression_names, fit.change[SMILES].mean(0), strict=True))


def test_a_smile_is_a_smile_left_and_right_alike_and_rest_is_rest(fit: HeadFit, generic_head: HeadModel) -> None:
    change = mean_change(generic_head, fit)
    assert change["mouthSmileLeft"] == pytest.approx(0.8, abs=0.12)
    assert change["cheekSquintLeft"] == pytest.approx(0.8, abs=0.25)
    assert change["mouthSmileLeft"] == change["mouthSmileRight"]
    assert change["mouthUpperUpLeft"] < 0.1
    assert np.abs(np.delete(fit.change, np.r_[SMILES], axis=0)).max() < 0.1


def test_an_upper_lip_that_rises_with_the_corners_is_a_smiles_and_by_itself_it_is_not(generic_head: HeadModel) -> None:
    lip = {"mouthUpperUpLeft": 0.5, "mouthUpperUpRight": 0.5}
    smile = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7}
    both, alone = (
        mean_change(generic_head, fit_head(generic_head, acting(generic_head, units).tracks, WIDTH, HEIGHT, FOV_DEG))
        for units in (smile | lip, lip)
    )
    assert both["mouthSmileLeft"] > 2.5 * both["mouthUpperUpLeft"]
    assert both["cheekSquintLeft"] > 0.05
    assert alone["mouthUpperUpLeft"] > 4 * alone["mouthSmileLeft"]


def test_the_user_may_name_the_neutral_frames(fit: HeadFit, known: Known) -> None:
    rest = rest_candidates(known.tracks, fit, (30, 38))
    assert sorted(known.tracks.frame[rest]) == [30, 32, 34, 36]


def test_lost_frames_stay_unknown(generic_head: HeadModel, known: Known) -> None:
    landmarks = known.tracks.landmarks.copy()
    landmarks[3:5] = np.nan
    tracks = Tracks(known.tracks.frame, landmarks, known.tracks.confidence, known.tracks.shot, known.tracks.cut_frames)
    fit = fit_head(generic_head, tracks, WIDTH, HEIGHT, FOV_DEG)
    assert np.flatnonzero(np.isnan(fit.pose[:, 0])).tolist() == [3, 4]
    assert np.flatnonzero(np.isnan(fit.expression[:, 0])).tolist() == [3, 4]


def test_the_form_offset_brings_landmarks_into_place(fit: HeadFit, known: Known, generic_head: HeadModel) -> None:
    """Landmarks of one region all shifted: the identity modes cannot follow, the offset must."""
    landmarks = known.tracks.landmarks.copy()
    index, at = generic_head.landmark_index, generic_head.landmark_points(generic_head.template)
    nose = index[np.abs(at - at[list(index).index(1)]).max(1) < 0.02]
    landmarks[:, nose, 0] += 3
    tracks = Tracks(known.tracks.frame, landmarks, known.tracks.confidence, known.tracks.shot, known.tracks.cut_frames)
    frame = 0
    offset = form_offset(generic_head, fit, tracks, np.array([frame]))
    pose = np.zeros((len(generic_head.joint_names), 3))
    pose[0] = fit.pose[frame]
    none = np.zeros(len(generic_head.expression))
    keep = index < 468

    def error(shift: np.ndarray | None) -> float:
        points = generic_head.landmark_points(
            generic_head.vertices(fit.shape, none, pose, fit.translation[frame], shift)
        )
        off = project(points, fit.camera)[keep, :2] - landmarks[frame, index[keep], :2]
        return float(np.sqrt((off**2).sum(1).mean()))

    assert error(offset) < 0.5 * error(None)
    assert np.linalg.norm(offset, axis=1).max() < 0.01
