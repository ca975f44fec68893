# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage longer than a block."""

import tempfile
from collections.abc import Iterator

import numpy as np
import pytest
from microface.backend.anchor import at_rest
from microface.backend.motion.footage import DenseMotion
from microface.backend.motion.mask import OccluderMask
from microface.backend.motion.window import Window
from microface.backend.neutral import Neutral
from microface.backend.solve.clip import Solved, solve_clip
from microface.backend.solve.piece import OVERLAP, blocks
from microface.backend.spans import spans_of
from microface.backend.types import HeadFit

from .conftest import rigid_of

FRAMES, FPS, NOISE = 700, 50.0, 2.0

UNSEEN_PX = 0.05  #: of the peak of a unit: below what one frame shows


@pytest.fixture(scope="module")
def footage(stage, play) -> tuple:
    """A long clip in which the head sways and, in the overlap of two blocks and outside, a brow rises."""
    played = play(FRAMES, FPS, {"browInnerUp": (0.15, 4.4, 0.1), "mouthSmileLeft": (0.12, 9.0, 0.1)})
    measured = stage.noisy(played.motion, NOISE, 0)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the tests
    measured.astype(np.float32).tofile(file)
    nothing = np.zeros((FRAMES, len(OccluderMask(stage.field, np.zeros((478, 2))).texture)), bool)
    motion = DenseMotion(0, np.full(FRAMES, NOISE**2), nothing, played.coarse, measured.shape[1], file)
    tracked = np.arange(0, FRAMES, 10)
    none = np.zeros((len(tracked), len(stage.surface.reference.head.expression)))
    poses = played.turn[tracked], played.translation[tracked]
    fit = HeadFit(stage.surface.reference.shape, np.zeros(0), np.eye(3), *poses, none, 0.0)
    window = Window(0, 0, 200, 240, 1, 150 / 240)
    frames = np.arange(20)
    neutral = Neutral(
        window,
        np.zeros((240, 200), np.float32),
        stage.surface,
        stage.field,
        stage.field,
        stage.surface.points,
        np.zeros((478, 2)),
        frames,
        NOISE**2,
    )
    return played, neutral, motion, fit, tracked


def solve_alone(neutral: Neutral, motion: DenseMotion, fit: HeadFit, tracked: np.ndarray) -> Iterator:
    """One template serves all frames."""
    spans = spans_of(np.zeros(len(motion.residual), int), FPS)
    awake = np.zeros(len(motion.residual), bool)
    return solve_clip([at_rest(neutral)], spans, [motion], fit, tracked, FPS, awake)


@pytest.fixture(scope="module")
def solved(footage) -> Solved:
    _, neutral, motion, fit, tracked = footage
    for share, result in solve_alone(neutral, motion, fit, tracked):  # noqa: B007
        pass
    assert share == 1
    return result


def test_a_long_clip_solved_in_blocks_has_no_seam(footage, solved: Solved, stage) -> None:
    played = footage[0]
    names, unit_names = stage.surface.reference.head.expression_names, stage.surface.causes.unit_names
    truth = np.zeros_like(solved.units)
    for name in ("browInnerUp", "mouthSmileLeft"):
        truth[:, unit_names.index(name)] = played.expression[:, names.index(name)]
    rigid = rigid_of(stage, played.turn, played.translation)
    place = rigid.turn @ stage.surface.centre + rigid.shift
    ends = np.unique([edge for part in blocks(0, FRAMES) for edge in part])[1:-1]
    assert len(ends) == 6
    head_errors = solved.place - place, (solved.turn - rigid.turn).reshape(FRAMES, 9)
    for error in (solved.units - truth, *head_errors):
        step = np.abs(np.diff(error, axis=0)).max(1)
        assert max(step[max(0, end - 2) : end + 2].max() for end in ends) < 1.5 * np.quantile(step, 0.99)

    def largest_level(error: np.ndarray) -> float:  # of one block as a whole against the next
        return max(np.abs(error[b - OVERLAP : b].mean(0) - error[b : b + OVERLAP].mean(0)).max() for b in ends[1::2])

    still_px = (solved.units / stage.surface.causes.unit_scale[: len(unit_names)])[:, truth.max(0) == 0]
    assert largest_level(still_px) < UNSEEN_PX
    face = stage.surface.points[::50] - stage.surface.centre
    shown = (face @ (solved.turn - rigid.turn).transpose(0, 2, 1) + (solved.place - place)[:, None])[..., :2]
    assert largest_level((shown * stage.surface.px_per_m).reshape(FRAMES, -1)) < UNSEEN_PX


def test_a_long_clip_keeps_its_events(footage, solved: Solved, stage) -> None:
    played = footage[0]
    names, unit_names = stage.surface.reference.head.expression_names, stage.surface.causes.unit_names
    for name in ("browInnerUp", "mouthSmileLeft"):
        truth, found = played.expression[:, names.index(name)], solved.units[:, unit_names.index(name)]
        assert np.corrcoef(truth, found)[0, 1] > 0.98
        assert 0.7 < found @ truth / (truth @ truth) < 1.2  # the prior shrinks a small motion
    assert np.isfinite(solved.units).all()


def test_frames_without_a_face_stay_unknown(footage, stage) -> None:
    _, neutral, motion, fit, tracked = footage
    residual = np.full(60, NOISE**2)
    residual[20:30] = np.nan
    residual[45:47] = 1e4  # something hides the face
    short = DenseMotion(0, residual, motion.hidden[:60], motion.coarse[slice(60)], motion.size, motion._file)
    *_, (_, result) = solve_alone(neutral, short, fit, tracked)
    lost = np.zeros(60, bool)
    lost[20:30] = True
    for values in (result.units, result.place, result.turn, result.pose_std, result.factor, result.detail):
        assert (np.isnan(values).reshape(60, -1).all(1) == lost).all()
        assert (np.isnan(values).reshape(60, -1).any(1) == lost).all()
    assert np.flatnonzero(result.hidden).tolist() == [45, 46]
