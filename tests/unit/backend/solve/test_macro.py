# SPDX-License-Identifier: GPL-3.0-or-later
"""Large expressions from landmarks, and the temporal basis."""

import numpy as np
import pytest
from microface.backend.solve.causes import JAW_LIMIT
from microface.backend.solve.macro import macro_expression, without_blinks
from microface.backend.solve.temporal import (
    BANDWIDTH_HZ,
    SLOW_FIRST,
    SLOW_MOST,
    SLOW_SHARE,
    error_spectrum,
    slow_power,
    smooth_covariance,
    time_basis,
)
from microface.backend.types import HeadFit
from scipy.fft import dct

TRACKED = np.arange(0, 120, 2)


def large(stage, unit: str, size: float, jitter: float) -> np.ndarray:
    """(120, X) px, of a unit that rises to `size` between the tracked frames 20 and 40 under the landmarks' jitter."""
    head = stage.surface.reference.head
    names = (unit, unit[:-4] + "Right") if unit.endswith("Left") and not unit.startswith("jaw") else (unit,)
    expression = np.abs(np.random.default_rng(0).normal(0, jitter, (len(TRACKED), len(head.expression))))
    for name in names:
        expression[20:40, head.expression_names.index(name)] += size
    none = np.zeros((len(TRACKED), 3))
    fit = HeadFit(
        stage.surface.reference.shape, np.zeros(0), np.eye(3), none, none, np.zeros_like(expression), 0.0, expression
    )
    return macro_expression(stage.surface, fit, TRACKED, np.arange(120))


def test_what_is_small_or_jitter_is_exactly_nothing(stage) -> None:
    assert np.abs(large(stage, "mouthSmileLeft", 0.1, 0.02)).max() == 0
    assert np.abs(large(stage, "mouthSmileLeft", 0.0, 0.05)).max() == 0


def test_a_large_smile_is_nearly_all_there(stage) -> None:
    surface = stage.surface
    found = large(stage, "mouthSmileLeft", 0.8, 0.01) @ surface.causes.mixing().T
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        column = found[:, surface.causes.unit_names.index(name)]
        assert column[50:70].mean() == pytest.approx(0.8, rel=0.12)
        assert np.abs(column[:30]).max() == np.abs(column[90:]).max() == 0
    others = [k for k, name in enumerate(surface.causes.unit_names) if not name.startswith("mouthSmile")]
    assert np.abs(found[:, others]).max() < 0.01


def test_what_comes_with_a_large_expression_is_believed(stage) -> None:
    """A slight cheek raise is nothing by itself, and part of a smile; a frown of the brows is no part of it."""
    surface, names = stage.surface, stage.surface.reference.head.expression_names
    change = np.zeros((len(TRACKED), len(names)))
    change[:, names.index("cheekSquintLeft")] = 0.15
    change[:, names.index("browDownLeft")] = 0.15
    change[30:, names.index("mouthSmileLeft")] = 0.8
    none = np.zeros((len(TRACKED), 3))
    fit = HeadFit(surface.reference.shape, np.zeros(0), np.eye(3), none, none, np.zeros_like(change), 0.0, change)
    found = macro_expression(surface, fit, TRACKED, np.arange(120)) @ surface.causes.mixing().T
    assert np.abs(found[:40]).max() == 0
    assert found[80:, surface.causes.unit_names.index("cheekSquintLeft")] == pytest.approx(0.15, abs=1e-6)
    assert np.abs(found[:, surface.causes.unit_names.index("browDownLeft")]).max() == 0


def test_a_blink_is_no_large_expression(stage) -> None:
    """It leaves the mouth, and what the eyes do before and after, as they are."""
    surface = stage.surface
    shut = np.zeros(120, bool)
    shut[30:90] = True
    blink = without_blinks(large(stage, "eyeBlinkLeft", 0.8, 0.01), surface, shut)
    assert np.abs(blink).max() == 0
    smile = large(stage, "mouthSmileLeft", 0.8, 0.01)
    assert (without_blinks(smile, surface, shut) == smile).all()
    squint = np.zeros_like(smile)
    column = surface.causes.unit_names.index("eyeSquintLeft")
    squint[:, column] = np.arange(120.0) ** 2
    assert without_blinks(squint, surface, shut)[60, column] == pytest.approx(29**2 + 31 / 61 * (90**2 - 29**2))


def test_an_open_mouth_is_the_jaws_turn(stage) -> None:
    surface = stage.surface
    found = (large(stage, "jawOpen", 0.8, 0.01) @ surface.causes.mixing().T)[50:70].mean(0)
    head = surface.reference.head
    turn = found[surface.causes.unit_names.index("jaw_pitch")] * JAW_LIMIT
    # The chin drops as far as the unit would drop it.
    landmark = list(head.landmark_index).index(200)
    pose, none = np.zeros((len(head.joint_names), 3)), np.zeros(len(head.expression))
    pose[head.joint_names.index("jaw"), 0] = turn
    unit = 0.8 * np.eye(len(none))[head.expression_names.index("jawOpen")]

    def chin(*given: np.ndarray) -> float:
        return float(head.landmark_points(head.vertices(surface.reference.shape, *given, np.zeros(3)))[landmark, 1])

    rest = chin(none, pose * 0)
    assert chin(none, pose) - rest == pytest.approx(chin(unit, pose * 0) - rest, rel=0.25)


def test_the_temporal_covariance_is_that_of_band_limited_motion() -> None:
    fps, frames = 200.0, 128
    basis = time_basis(smooth_covariance(frames, fps), fps, 9.0)
    frequency = np.arange(frames) * fps / (2 * frames)
    expected = 1 / (1 + (frequency / BANDWIDTH_HZ) ** 4) / error_spectrum(frames, fps, 9.0)
    assert np.allclose(basis.variance, np.sort(expected)[::-1], rtol=1e-3, atol=1e-5)
    live = basis.level >= 0
    assert (basis.variance[live] > 0.02).all()
    assert (basis.variance[~live] <= 0.02).all()
    assert np.abs(np.log(basis.level_variance[basis.level[live]] / basis.variance[live])).max() < 0.5


def test_the_modes_read_off_and_give_back_a_course_and_their_errors_are_independent() -> None:
    fps, frames = 100.0, 96
    rng = np.random.default_rng(0)
    event = np.exp(-(((np.arange(frames) - 40) / 9) ** 2))
    basis = time_basis(smooth_covariance(frames, fps) + 30 * np.outer(event, event), fps, 9.0)
    course = rng.normal(size=(5, frames))
    assert np.allclose(course @ basis.modes.T @ basis.back, course)
    spectrum = error_spectrum(frames, fps, 9.0)
    assert spectrum[0] == pytest.approx(10)
    assert spectrum[-1] == pytest.approx(1, abs=0.001)
    cosine = dct(np.eye(frames), axis=0, norm="ortho")
    error = cosine.T @ (spectrum[:, None] * cosine)
    assert np.allclose(basis.modes @ error @ basis.modes.T, np.eye(frames), atol=1e-9)


@pytest.mark.parametrize("slow", [0.0, 60.0, 240.0])
def test_how_slow_the_error_is_is_measured(slow: float) -> None:
    """Of many courses with the spectrum white x (1 + slow x slow_spectrum), on any scale."""
    frames, fps = 256, 100.0
    course = np.random.default_rng(0).normal(size=(frames, 400)) * np.sqrt(error_spectrum(frames, fps, slow))[:, None]
    assert slow_power(0.3 * (course**2).mean(1), fps) == pytest.approx(SLOW_SHARE * slow, rel=0.1, abs=0.05)


def test_an_error_is_not_slower_than_a_codecs_and_a_few_frames_do_not_tell() -> None:
    assert slow_power(error_spectrum(256, 100.0, 5000.0), 100.0) == SLOW_MOST
    assert slow_power(np.ones(5), 100.0) == SLOW_FIRST


def test_the_frequency_of_a_mode_is_that_of_its_cosine() -> None:
    frames, fps = 64, 50.0
    basis = time_basis(smooth_covariance(frames, fps), fps, 9.0)
    course = np.asarray(dct(basis.modes, axis=1, norm="ortho"))
    strongest = np.abs(course).argmax(1) * fps / (2 * frames)
    assert np.abs(basis.frequency - strongest)[basis.variance > 1e-3].max() < fps / frames
