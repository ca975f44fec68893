# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve of a block, on motion that the head model made from known causes."""

import numpy as np
import pytest
from microface.backend.motion.window import BLUR
from microface.backend.solve import block, posterior
from microface.backend.solve.block import Block, BlockResult, evidence_variance, solve_block
from microface.backend.solve.causes import JAW_LIMIT
from microface.backend.solve.columns import Columns
from microface.backend.solve.hidden import carried
from microface.backend.solve.leftover import Leftover
from microface.backend.solve.posterior import error_variance
from microface.backend.solve.temporal import BANDWIDTH_HZ, SLOW_FIRST
from scipy.fft import dct, idct

from .conftest import Played, rigid_of

NOISE = 2.0
RESIDUAL = NOISE**2 / (2 * np.pi * BLUR**2)  # that leaves in a picture
FRAMES, FPS = 48, 30.0
PULSES = {"mouthSmileLeft": (0.15, 0.6, 0.1), "browInnerUp": (0.15, 1.0, 0.1)}


def solve(
    columns: Columns, stage, played: Played, noise: float = NOISE, depth: np.ndarray | None = None, **given
) -> BlockResult:
    """Solve a noisy measurement, or one that is given."""
    frames = len(played.motion)
    nothing = {"macro": np.zeros((frames, columns.layout.expressions)), "hidden": np.zeros(frames, bool)}
    nothing["masked"] = np.zeros(played.motion.shape, np.float32)
    measured = {"motion": stage.noisy(played.motion, noise, 0), "coarse": played.coarse}
    return solve_block(columns, Block(**{**nothing, **measured, **given}), played.fps, RESIDUAL, depth)


def of(result: BlockResult, stage, name: str) -> np.ndarray:
    return result.units[:, stage.surface.causes.unit_names.index(name)]


def gain(found: np.ndarray, truth: np.ndarray) -> float:
    return float(found @ truth / (truth @ truth))


def truth_of(stage, played: Played) -> tuple[np.ndarray, np.ndarray]:
    """Turns (T, 3, 3) and places (T, 3) of the face's centre."""
    rigid = rigid_of(stage, played.turn, played.translation)
    return rigid.turn, rigid.turn @ stage.surface.centre + rigid.shift


def angles(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(T, 3) rad, small rotation from truth to found."""
    away = found @ np.swapaxes(truth, 1, 2)
    return (
        np.stack([away[:, 2, 1] - away[:, 1, 2], away[:, 0, 2] - away[:, 2, 0], away[:, 1, 0] - away[:, 0, 1]], 1) / 2
    )


@pytest.mark.parametrize("known", [0.0, 0.8])
def test_known_pose_and_units_are_recovered(columns: Columns, stage, play, known: float) -> None:
    played = play(FRAMES, FPS, PULSES, known=known)
    result = solve(columns, stage, played)
    names = stage.surface.reference.head.expression_names
    for name in PULSES:
        truth = played.expression[:, names.index(name)]
        assert np.corrcoef(of(result, stage, name), truth)[0, 1] > 0.98
        assert 0.8 < gain(of(result, stage, name), truth) < 1.2
    others = [k for k, name in enumerate(stage.surface.causes.unit_names) if name not in PULSES]
    assert np.abs(result.units[:, others]).max() < 0.03
    turn, place = truth_of(stage, played)
    assert np.degrees(np.abs(angles(result.turn, turn))).max() < 0.15
    assert np.abs(result.place - place)[:, :2].max() < 1e-4
    assert np.abs(result.place - place)[:, 2].max() < 5e-4


def test_a_small_jaw_opening_is_the_jaws(columns: Columns, stage, play) -> None:
    played = play(FRAMES, FPS, {}, jaw=(0.04, 0.8, 0.12))
    found = of(solve(columns, stage, played), stage, "jaw_pitch") * JAW_LIMIT
    assert np.corrcoef(found, played.jaw)[0, 1] > 0.98
    assert 0.7 < gain(found, played.jaw) < 1.2


def test_no_evidence_gives_nothing(columns: Columns, stage, play) -> None:
    played = play(FRAMES, FPS, {}, sway=0.0)
    result = solve(columns, stage, played, noise=1e-9)
    assert np.abs(result.units).max() < 1e-4
    assert np.abs(result.detail).max() < 1e-4
    assert np.allclose(result.turn, np.eye(3), atol=1e-6)
    assert np.allclose(result.place, stage.surface.centre, atol=1e-6)


def test_noise_alone_is_not_an_expression(columns: Columns, stage, play) -> None:
    result = solve(columns, stage, play(FRAMES, FPS, {}, sway=0.0))
    assert np.abs(result.units).max() < 0.01


def test_hidden_frames_follow_from_their_neighbours(columns: Columns, stage, play) -> None:
    played = play(FRAMES, FPS, {"browInnerUp": (0.2, 0.8, 0.2)})
    hidden = np.zeros(FRAMES, bool)
    hidden[[26, 27]] = True
    garbage = stage.noisy(played.motion, NOISE, 0)
    garbage[hidden] = np.random.default_rng(1).normal(0, 5, garbage[hidden].shape)
    result = solve(columns, stage, played, motion=garbage, hidden=hidden)
    names = stage.surface.reference.head.expression_names
    truth = played.expression[:, names.index("browInnerUp")]
    error = np.abs(of(result, stage, "browInnerUp") - truth)
    assert error[hidden].max() < 0.25 * truth[hidden].max()
    assert error[~hidden].max() < 0.15 * truth.max()
    turn, place = truth_of(stage, played)
    assert np.degrees(np.abs(angles(result.turn, turn)[hidden])).max() < 0.5
    assert np.abs(result.place - place)[hidden].max() < 1e-3


def test_a_large_expression_starts_from_what_is_known_and_is_corrected(columns: Columns, stage, play) -> None:
    played = play(FRAMES, FPS, {"mouthSmileLeft": (0.7, 0.8, 0.2), "mouthSmileRight": (0.7, 0.8, 0.2)})
    surface = stage.surface
    names = surface.reference.head.expression_names
    macro = np.zeros((FRAMES, columns.layout.expressions))
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        column = surface.causes.unit_names.index(name)
        macro[:, column] = 0.85 * played.expression[:, names.index(name)] / surface.causes.unit_scale[column]
    result = solve(columns, stage, played, macro=macro)
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        assert gain(of(result, stage, name), played.expression[:, names.index(name)]) == pytest.approx(1, abs=0.06)


def test_deviations_are_those_of_the_errors(columns: Columns, stage, play) -> None:
    """The solve counts on more error than there is, some times over, to guard the mean; for what there is it must be calibrated.

    Faster than expressions move there is the picture's noise alone: that much of it the solve measures.
    The depth is given, as to every block but one: its own uncertainty is not in the deviations.
    """
    played = play(FRAMES, FPS, PULSES)
    names = stage.surface.reference.head.expression_names
    turn, place = truth_of(stage, played)
    picture = evidence_variance(RESIDUAL)
    error = dct(stage.noisy(np.zeros_like(played.motion), np.sqrt(error_variance(picture)), 3), axis=0, norm="ortho")
    error[np.arange(FRAMES) * FPS / (2 * FRAMES) > BANDWIDTH_HZ] *= np.sqrt(picture / error_variance(picture))
    measured = stage.noisy(played.motion, 0, 3) + idct(error, axis=0, norm="ortho")
    result = solve(columns, stage, played, motion=measured, depth=np.zeros(columns.layout.depths))
    guard = result.noise / np.sqrt(error_variance(picture))
    assert 1 < guard**2 < 8
    pose = np.concatenate([angles(result.turn, turn), result.place - place], 1) / result.pose_std * guard
    assert (np.sqrt((pose**2).mean(0)) > 0.4).all()
    assert (np.sqrt((pose**2).mean(0)) < 2).all()
    for name in PULSES:
        number = stage.surface.causes.unit_names.index(name)
        error = result.units[:, number] - played.expression[:, names.index(name)]
        error *= guard / result.units_std[:, number]
        assert 0.4 < error.std() < 2  # against the mean over the block, which slow error keeps from being known:
        assert -3 < error.mean() < 0.5  # a pulse that only rises is drawn towards rest
    assert result.factor.shape == (FRAMES, len(stage.surface.causes.unit_names), 4)
    assert ((result.factor**2).sum(2) <= result.units_std**2 * (1 + 1e-9)).all()


@pytest.mark.parametrize("frames", [1, 9])
def test_short_runs_are_solved_too(columns: Columns, stage, play, frames: int) -> None:
    played = play(frames, FPS, {})
    result = solve(columns, stage, played)
    turn, place = truth_of(stage, played)
    assert np.degrees(np.abs(angles(result.turn, turn))).max() < 0.15
    assert np.abs(result.units).max() < 0.02
    assert np.abs(result.place - place).max() < 1e-3


def test_a_hidden_mouth_disturbs_no_brow_and_claims_nothing(columns: Columns, stage, play) -> None:
    """A smile that comes and goes behind something is not seen; the brow that rises with it is as exact as ever."""
    sheet, surface = stage.field.sheet, stage.surface
    played = play(FRAMES, FPS, {"browInnerUp": (0.15, 0.85, 0.1), "mouthSmileLeft": (0.1, 0.85, 0.05)})
    clean = stage.noisy(played.motion, NOISE, 0)
    smile = surface.causes.basis[surface.causes.unit_names.index("mouthSmileLeft")]
    place = surface.project(surface.vertices[[np.argmax(np.linalg.norm(smile, axis=1))]])
    near = np.linalg.norm(sheet.nodes - place, axis=1) < 6 * sheet.spacing
    hidden = np.zeros(sheet.size, bool)
    hidden[: len(near)] = hidden[sheet.second] = near
    frames, both = slice(14, 38), np.tile(hidden, 2)
    motion, masked = clean.copy(), np.zeros(clean.shape, np.float32)
    masked[frames] = both
    motion[frames] = [stage.field.bridged(row, both) for row in clean[frames]]
    seen, covered = (
        solve(columns, stage, played, motion=motion, masked=masked)
        for motion, masked in ((clean, 0 * masked), (motion, masked))
    )
    names = surface.reference.head.expression_names
    truth = played.expression[:, names.index("browInnerUp")]
    error, usual = (np.sqrt(((of(result, stage, "browInnerUp") - truth) ** 2).mean()) for result in (covered, seen))
    assert error < 1.1 * usual + 0.01 * truth.max()
    assert of(seen, stage, "mouthSmileLeft").max() > 0.07
    assert np.abs(of(covered, stage, "mouthSmileLeft")).max() < 0.03


@pytest.mark.parametrize("what", ["masked", "macro"])
def test_what_looks_like_expression_is_not_counted_on_beside_an_occluder_or_a_large_expression(
    columns: Columns, stage, play, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """There what is left over is no error of the footage: it must not make the solve believe less."""
    played = play(FRAMES, FPS, {})
    monkeypatch.setattr(block, "leftover", lambda *_: Leftover(0.0, SLOW_FIRST, 1e4))
    masked, macro = np.zeros(played.motion.shape, np.float32), np.zeros((FRAMES, columns.layout.expressions))
    usual = solve(columns, stage, played).noise
    masked[20:24, :40], macro[20:30, 0] = 1, 1
    beside = solve(columns, stage, played, **{what: {"masked": masked, "macro": macro}[what]}).noise
    assert usual > 3 * beside


def test_what_is_hidden_is_carried_over_from_where_it_is_seen() -> None:
    values = np.column_stack([np.arange(6.0), np.arange(6.0) ** 2, np.full(6, 7.0)])
    hidden = np.zeros((6, 3), bool)
    hidden[2:4, 1] = hidden[:, 2] = True
    values[2:4, 1] = 99
    out = carried(values, hidden)
    assert out[:, 0].tolist() == values[:, 0].tolist()
    assert out[:, 1] == pytest.approx([0, 1, 6, 11, 16, 25])
    assert (out[:, 2] == 7).all()


def test_the_answer_swings_to_that_of_a_solve_that_counts_on_a_quarter_of_the_error(
    columns: Columns, stage, play, monkeypatch
) -> None:
    """Two steps towards it, from where the first solve ended."""
    played = play(FRAMES, FPS, PULSES)
    ours = solve(columns, stage, played, noise=3 * NOISE)
    for name in ("PICTURE_ERROR", "STEADY_ERROR", "GUARDED"):
        monkeypatch.setattr(posterior, name, getattr(posterior, name) * block.RIVAL_ERROR)
    theirs = solve(columns, stage, played, noise=3 * NOISE)
    swing, apart = ours.detail_swing.ravel(), (theirs.detail - ours.detail).ravel()
    assert swing @ apart / np.linalg.norm(swing) / np.linalg.norm(apart) > 0.6
    assert 0.5 < np.linalg.norm(swing) / np.linalg.norm(apart) < 2


def test_what_is_clear_hardly_swings_and_noise_does(columns: Columns, stage, play) -> None:
    played = play(FRAMES, FPS, PULSES)
    clear, noisy = (solve(columns, stage, played, noise=share * NOISE) for share in (1, 3))
    assert np.linalg.norm(clear.units_swing) < 0.02 * np.linalg.norm(clear.units)
    assert np.linalg.norm(noisy.units_swing) > 10 * np.linalg.norm(clear.units_swing)
