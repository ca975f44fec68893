# SPDX-License-Identifier: GPL-3.0-or-later
"""Occluders in the residual of a random texture: found where they are, not where skin folds, lids close or noise is."""

import json
from pathlib import Path

import numpy as np
import pytest
from microface.backend.motion.field import MotionField, Template
from microface.backend.motion.mask import LINGER, WATCHED, Doubt, OccluderMask, lingering
from microface.backend.motion.region import EYES, INNER_LIPS
from microface.backend.motion.sheet import SplineSheet
from microface.backend.motion.uncover import uncovered

SIZE, SPACING, NOISE = 240, 12.0, 0.5
LANDMARKS = Path(__file__).resolve().parents[1] / "tracking" / "astronaut_landmarks.json"
RANDOM = np.random.default_rng(4)


@pytest.fixture(scope="module")
def landmarks() -> np.ndarray:
    found = np.array(json.loads(LANDMARKS.read_text(encoding="utf-8"))["landmarks"])[:, :2]
    return (found - found.min(0)) / np.ptp(found[:, 0]) * SIZE


@pytest.fixture(scope="module")
def field() -> MotionField:
    y, x = np.mgrid[: int(1.2 * SIZE) : 2, :SIZE:2]
    points = np.stack([x.ravel(), y.ravel()], 1).astype(float)
    value, slope = RANDOM.normal(0, 10, len(points)), RANDOM.normal(0, 5, (len(points), 2))
    template = Template(points, value, slope, np.ones((len(points), 1)), np.ones(len(points)))
    return MotionField(template, SplineSheet(points.min(0) - 1, points.max(0) + 1, SPACING), 0.25)


@pytest.fixture(scope="module")
def mask(field: MotionField, landmarks: np.ndarray) -> OccluderMask:
    return OccluderMask(field, landmarks)


def residual(field: MotionField, *spots: tuple[np.ndarray, float]) -> np.ndarray:
    """(1, M) noise, and the whole texture missing around places px, to some distance."""
    out = RANDOM.normal(0, NOISE, len(field.template.points))
    for place, reach in spots:
        near = np.abs(field.template.points - place).max(1) < reach
        out[near] = field.template.value[near] - RANDOM.normal(0, 10, near.sum())
    return out[None]


def test_a_hand_on_the_cheek_is_found_where_it_is(field: MotionField, mask: OccluderMask) -> None:
    place = np.array([60.0, 190.0])
    hidden = mask.find(residual(field, (place, 25)), np.zeros((1, len(mask.cell))))
    pixels, away = mask.pixels(hidden)[0], np.abs(field.template.points - place).max(1)
    assert pixels[away < 25].all()
    assert not pixels[away > 25 + 4 * SPACING].any()
    nodes = mask.nodes(hidden)[0].reshape(2, -1)[0][: len(field.sheet.nodes)]
    far = np.abs(field.sheet.nodes - place).max(1)
    assert nodes[far < 25].min() > 0.99 and nodes[far > 25 + 6 * SPACING].max() == 0
    fine = mask.revised(residual(field, (place, 25)), hidden)
    narrow, around = mask.pixels(fine)[0], mask.pixels(mask.beside(fine))[0]
    assert narrow[away < 25].all() and not narrow[away > 25 + SPACING].any()
    assert around[away < 25 + SPACING].all() and not around[away > 25 + 2 * SPACING].any()


def test_a_residual_beside_large_motion_is_an_expression(field: MotionField, mask: OccluderMask) -> None:
    place = np.array([60.0, 190.0])
    left = residual(field, (place, 25))
    moved = np.where(np.abs(field.template.points - place).max(1) < 15, 12.0, 0.0)[None]
    assert not mask.find(left, moved).any()
    assert mask.find(left, moved / 12).any()


def test_lids_lips_specks_and_noise_hide_nothing(field: MotionField, mask: OccluderMask, landmarks: np.ndarray) -> None:
    openings = [(landmarks[list(outline)].mean(0), 10.0) for outline in (*EYES, INNER_LIPS)]
    speck = (np.array([60.0, 190.0]), 5.0)
    still = np.zeros((1, len(mask.cell)))
    assert not mask.find(residual(field, *openings, speck), still).any()


def test_frames_before_and_after_are_doubted(field: MotionField, mask: OccluderMask) -> None:
    """Two specks that are none by themselves, before and after the frame in which the hand is there, and WATCHED frames beyond."""
    place, reaches = np.array([60.0, 190.0]), (*[0] * 9, 8, 25, 8, *[0] * 9)
    frames = np.concatenate([residual(field, (place, reach)) for reach in reaches])
    still = np.zeros(frames.shape)
    hidden, doubt = mask.find(frames, still), mask.grown(mask.signs(frames, still))
    assert np.flatnonzero(doubt.cells.any(1)).tolist() == [*range(9 - WATCHED, 12 + WATCHED)]
    assert np.flatnonzero(hidden.any(1)).tolist() == [*range(9 - LINGER, 12 + LINGER)]
    assert (doubt.watched == doubt.cells.any(1) & ~hidden.any(1)).all()
    assert not mask.find(frames[:10], np.zeros((10, frames.shape[1]))).any()
    assert not mask.revised(frames[:1], hidden[10:11]).any()  # where it shows nothing it is let go


def test_a_little_that_does_not_fit_hides_nothing(field: MotionField, mask: OccluderMask) -> None:
    """Half of the texture of one cell, or of six in two places; the sheet that nothing holds there is that far off."""
    fine = np.floor((field.template.points - field.sheet.low) / (SPACING / 2)).astype(int)
    doubted = np.ones((1, len(mask.texture)), bool)

    def shown(*places: tuple[int, int]) -> np.ndarray:
        there = np.any([(fine == place).all(1) for place in places], axis=0)
        return mask.pixels(mask.revised(np.where(there, np.sqrt(0.5) * field.template.value, 0)[None], doubted))[0]

    far = [(4, 30), (5, 30), (6, 30), (30, 20), (30, 21), (30, 22)]
    assert not shown((4, 30)).any()
    kept = shown(*far)
    assert all(kept[(fine == place).all(1)].all() for place in far) and kept.mean() < 0.04


def test_what_hides_does_not_end_with_a_chunk(field: MotionField, mask: OccluderMask) -> None:
    place, cut = np.array([60.0, 190.0]), 6
    frames = np.concatenate([residual(field, (place, reach)) for reach in (0, 0, 8, 8, 8, 25, 8, 8, 8, 0, 0)])
    still = np.zeros(frames.shape)
    whole, first, last = (mask.signs(frames[part], still[part]) for part in (slice(None), slice(cut), slice(cut, None)))
    before, after = mask.grown(first.between([], [last])), mask.grown(last.between([first], []))
    parts = Doubt(*(np.concatenate([a[:cut], b[cut:]]) for a, b in zip(before, after, strict=True)))
    assert mask.grown(whole).cells.any(1).sum() > 7 and not mask.grown(last).cells.any()
    assert all((a == b).all() for a, b in zip(parts, mask.grown(whole), strict=True))


def test_a_fold_in_smooth_skin_is_no_occluder(field: MotionField, mask: OccluderMask) -> None:
    """What fails to show in four cells is less than the texture of four; of something else there is twice as much."""
    still, place = np.zeros((1, len(mask.cell))), np.array([50.0, 210.0])
    cell = np.floor((field.template.points - field.sheet.low) / SPACING)
    beyond = cell - np.floor((place - field.sheet.low) / SPACING)
    four = ((beyond == 0) | (beyond == 1)).all(1)
    assert not mask.find(np.where(four, np.sqrt(0.8) * field.template.value, 0)[None], still).any()
    assert mask.find(np.where(four, np.sqrt(1.6) * field.template.value, 0)[None], still).any()


def test_what_hides_lingers_for_a_moment() -> None:
    hidden = np.zeros((20, 2), bool)
    hidden[6, 0] = hidden[10, 1] = True
    kept = lingering(hidden)
    assert np.flatnonzero(kept[:, 0]).tolist() == [*range(6 - LINGER, 9)]
    assert np.flatnonzero(kept[:, 1]).tolist() == [*range(9, 11 + LINGER)]
    assert not lingering(hidden[:6]).any()


@pytest.mark.parametrize("alone", [False, True])
def test_a_face_is_laid_where_something_hides_it(alone: bool) -> None:
    """The reference shifted by 3 px and 20 % darker; a white square in front of it is gone, and one beside it, if asked for."""
    y, x = np.mgrid[:80, :90].astype(np.float32)
    reference = (100 + 20 * np.sin(x / 5) + 20 * np.cos(y / 7)).astype(np.float32)
    face = (0.8 * (100 + 20 * np.sin((x - 3) / 5) + 20 * np.cos(y / 7))).astype(np.float32)
    frame = face.copy()
    frame[30:50, 40:60] = 255
    frame[30:50, 84:90] = 255
    home = np.stack([x[5:75:2, 5:75:2].ravel(), y[5:75:2, 5:75:2].ravel()], 1)
    at = home + np.array([3, 0])
    inside = ((at > [36, 26]) & (at < [64, 54])).all(1)
    back = uncovered(frame, reference, at, home, ~inside, alone=alone)
    assert np.abs(back - face)[8:72, 10:78].max() < 1.5
    assert (np.abs(back - face)[30:50, 84:88].max() < 1.5) == alone
