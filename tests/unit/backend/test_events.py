# SPDX-License-Identifier: GPL-3.0-or-later
"""The event detector on simulated motion whose events are known."""

from __future__ import annotations

import numpy as np
import pytest
from microface.backend.events import detect
from microface.backend.types import Event
from scipy.ndimage import gaussian_filter1d

NAMES = ("eyeBlinkLeft", "eyeBlinkRight", "eyeLookInLeft", "eye_left_x", *(f"unit{i}" for i in range(16)))
SMILE, CHEEK, BROW = 5, 6, 12  # columns
STD = 0.05  # px


def bump(time: np.ndarray, onset: float, apex: float, offset: float) -> np.ndarray:
    """Raised cosine, 0 at onset and offset, 1 at the apex."""
    rise = np.clip((time - onset) / (apex - onset), 0, 1)
    fall = np.clip((time - apex) / (offset - apex), 0, 1)
    return (1 - np.cos(np.pi * rise)) / 2 * (1 + np.cos(np.pi * fall)) / 2


def noise(frames: int, fps: float, seed: int, smooth_s: float = 0.0, units: int = len(NAMES)) -> np.ndarray:
    z = np.random.default_rng(seed).normal(size=(frames, units))
    if smooth_s:
        z = gaussian_filter1d(z, smooth_s * fps, axis=0, mode="wrap")
    return STD * z / z.std()


def found(time: np.ndarray, motion: np.ndarray, valid: np.ndarray | None = None) -> tuple[Event, ...]:
    std = np.full_like(motion, STD)
    return detect(time, motion, std, NAMES, np.zeros(len(time)) if valid is None else valid)


def coloured(frames: int, fps: float, seed: int, drift: float, units: int = len(NAMES)) -> np.ndarray:
    """White noise of STD, and `drift` times as much that is white up to 0.1 Hz and falls as 1 / f beyond: a solve wanders so."""
    rng = np.random.default_rng(seed)
    frequency = np.fft.rfftfreq(frames, 1 / fps)[:, None]
    slow = np.fft.irfft(
        np.fft.rfft(rng.normal(size=(frames, units)), axis=0) / np.hypot(1, frequency / 0.1), frames, axis=0
    )
    return STD * (rng.normal(size=(frames, units)) + drift * slow / slow.std(0))


@pytest.mark.parametrize("smooth_s", [0.0, 0.02])
@pytest.mark.parametrize("fps", [30, 100])
def test_noise_gives_less_than_one_event_in_two_minutes(fps: int, smooth_s: float) -> None:
    """Four minutes in one piece, and two minutes in pieces of two seconds, which must not be worse."""
    time = np.arange(240 * fps) / fps
    motion = noise(len(time), fps, 1, smooth_s)
    assert len(found(time, motion)) <= 2
    short = 2 * fps
    assert sum(len(found(time[:short], motion[i : i + short])) for i in range(0, 120 * fps, short)) <= 1


@pytest.mark.parametrize("drift", [1.0, 5.0])
def test_slow_drift_gives_less_than_one_event_in_two_minutes(drift: float) -> None:
    """Ten minutes of noise of known spectrum, up to five times what is claimed, in pieces of a minute."""
    time = np.arange(60 * 30) / 30
    events = [event for seed in range(10) for event in found(time, coloured(len(time), 30, seed, drift))]
    assert len(events) <= 5


def test_events_in_drift_are_found_where_they_are() -> None:
    """0.6 px in 0.05 px of white noise and 0.1 px of drift, every 6 s, of 0.2 to 0.45 s: IoU at least 0.5, nothing else."""
    time = np.arange(60 * 30) / 30
    hits = shown = 0
    for seed in range(3):
        motion, true = coloured(len(time), 30, seed, 2.0), []
        for number in range(9):
            onset, rise = 3 + 6 * number + 0.37 * seed, 0.08 + 0.01 * number
            true.append((onset, onset + 2.5 * rise))
            motion[:, [SMILE, CHEEK]] += 0.6 * bump(time, onset, onset + rise, onset + 2.5 * rise)[:, None]
        events = found(time, motion)
        shown += len(events)
        for begin, end in true:
            both = [min(e.offset_s, end) - max(e.onset_s, begin) for e in events]
            either = [max(e.offset_s, end) - min(e.onset_s, begin) for e in events]
            hits += max(a / b for a, b in zip(both, either, strict=True)) >= 0.5
    assert hits >= 25
    assert shown <= 28


def test_a_step_a_slope_and_a_drift_to_the_end_are_no_events() -> None:
    """What does not return was not seen to be an expression, but for one that is held longer than half a second."""
    time = np.arange(1800) / 30
    motion = noise(len(time), 30, 14)
    motion[:, SMILE] += 0.3 / (1 + np.exp(-(time - 20) / 0.5)) + 0.01 * time
    motion[:, BROW] += 0.5 * np.clip(time - 59.7, 0, None)
    full = np.full(len(NAMES), 10.0)
    assert detect(time, motion, np.full_like(motion, STD), NAMES, np.zeros(len(time)), full) == ()


def test_noise_larger_than_claimed_and_noise_shared_by_all_units() -> None:
    time = np.arange(180 * 100) / 100
    loud = 2.5 * noise(len(time), 100, 1)
    shared = noise(len(time), 100, 2, units=2) @ np.random.default_rng(0).normal(size=(2, len(NAMES)))
    assert len(found(time, loud)) <= 3
    assert len(found(time, shared)) <= 3


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("fps", [30, 100, 200])
def test_a_clear_event_is_timed_to_a_frame(fps: int, sign: int) -> None:
    """1 px over 200 ms: apex to a frame, onset and offset where the course passes 10 % (5 ms grid of tolerance)."""
    time = np.arange(4 * fps) / fps
    for seed in range(5):
        motion = noise(len(time), fps, seed)
        motion[:, SMILE] += sign * bump(time, 1.5, 1.6, 1.7)
        motion[:, CHEEK] += sign * 0.6 * bump(time, 1.5, 1.6, 1.7)
        (event,) = found(time, motion)
        assert event.kind == "micro"
        assert event.units[:2] == (("unit1", "unit2") if sign > 0 else ("-unit1", "-unit2"))
        assert abs(event.apex_s - 1.6) <= 1.01 / fps
        edge = 0.1 * np.arccos(0.8) / np.pi  # s after the onset at which a raised cosine passes 10 %
        assert abs(event.onset_s - 1.5 - edge) <= 2 / fps + 0.005
        assert abs(event.offset_s - 1.7 + edge) <= 2 / fps + 0.005
        assert event.peak_px == pytest.approx(1, abs=4 * STD)
        assert event.peak_std_px == pytest.approx(STD)
        assert event.confidence > 0.999


def test_a_fast_onset_does_not_pull_the_apex() -> None:
    """60 ms up, 160 ms down, at 200 fps, as in real micro-expressions."""
    time = np.arange(800) / 200
    errors = []
    for seed in range(10):
        motion = noise(len(time), 200, seed)
        motion[:, SMILE] += bump(time, 1.5, 1.56, 1.72)
        errors.append(found(time, motion)[0].apex_s - 1.56)
    assert np.sqrt(np.mean(np.square(errors))) * 200 < 2.5


def test_weak_long_events_are_found_below_the_noise_of_a_frame() -> None:
    """0.4 px over 300 ms at 200 fps with 0.1 px of noise in each frame, 0.05 px of it claimed."""
    time = np.arange(800) / 200
    hits = 0
    for seed in range(10):
        motion = 2 * noise(len(time), 200, seed)
        motion[:, SMILE] += 8 * STD * bump(time, 1.5, 1.65, 1.8)
        hits += any(abs(event.apex_s - 1.65) < 0.05 and "unit1" in event.units for event in found(time, motion))
    assert hits >= 8


def test_units_that_overlap_make_one_event_and_others_stay_apart() -> None:
    time = np.arange(600) / 100
    motion = noise(len(time), 100, 3)
    motion[:, SMILE] += bump(time, 1.0, 1.2, 1.4)
    motion[:, BROW] -= 0.7 * bump(time, 1.05, 1.25, 1.45)
    motion[:, BROW] += 0.8 * bump(time, 3.0, 3.1, 3.2)
    motion[:, SMILE] += bump(time, 3.3, 3.4, 3.5)
    events = found(time, motion)
    assert [event.units for event in events] == [("unit1", "-unit8"), ("unit8",), ("unit1",)]
    assert [event.apex_s for event in events] == pytest.approx([1.22, 3.1, 3.4], abs=0.025)


def test_two_beats_of_one_unit_are_two_events() -> None:
    time = np.arange(400) / 100
    motion = noise(len(time), 100, 4)
    motion[:, SMILE] += bump(time, 1.0, 1.15, 1.35) + 0.7 * bump(time, 1.3, 1.45, 1.6)
    first, second = found(time, motion)
    assert first.apex_s == pytest.approx(1.15, abs=0.02)
    assert second.apex_s == pytest.approx(1.45, abs=0.02)
    assert first.offset_s <= second.onset_s + 0.03


def test_long_events_are_macro_even_when_the_clip_ends_in_them() -> None:
    time = np.arange(240) / 100
    motion = noise(len(time), 100, 5)
    motion[:, SMILE] += 1 / (1 + np.exp(-(time - 1.2) / 0.06))  # a smile that stays
    (event,) = found(time, motion)
    assert event.kind == "macro"
    assert event.onset_s == pytest.approx(1.2 + 0.06 * np.log(0.1 / 0.9), abs=0.05)
    assert event.offset_s == pytest.approx(time[-1])


def test_blinks_and_gaze_are_named_and_kept_apart() -> None:
    time = np.arange(400) / 100
    motion = noise(len(time), 100, 6)
    motion[:, :2] += 4 * bump(time, 1.0, 1.1, 1.25)[:, None]
    motion[:, 2:4] += bump(time, 2.05, 2.2, 2.4)[:, None]
    motion[:, SMILE] += bump(time, 1.0, 1.15, 1.3)
    events = found(time, motion)
    units = {event.kind: set(event.units) for event in events}
    assert len(events) == 3
    assert units == {"blink": set(NAMES[:2]), "gaze": set(NAMES[2:4]), "micro": {"unit1"}}


def test_a_gap_splits_an_event_and_hides_what_is_in_it() -> None:
    time = np.arange(400) / 100
    motion = noise(len(time), 100, 17)
    motion[:, SMILE] += bump(time, 0.7, 1.5, 2.3)
    valid = np.zeros(len(time), np.uint8)
    valid[140:160] = 2
    motion[140:160] = np.nan
    before, after = found(time, motion, valid)
    assert before.offset_s == pytest.approx(1.39) and after.onset_s == pytest.approx(1.6)
    valid[:] = 2
    assert found(time, motion, valid) == ()


def test_bridged_frames_do_not_split() -> None:
    time = np.arange(400) / 100
    motion = noise(len(time), 100, 8)
    motion[:, SMILE] += bump(time, 1.0, 1.2, 1.4)
    valid = np.zeros(len(time), np.uint8)
    valid[115:125] = 1
    assert len(found(time, motion, valid)) == 1


def test_a_variable_rate_clip_has_events_at_its_own_times() -> None:
    time = np.cumsum(np.random.default_rng(0).uniform(0.005, 0.015, 400))
    motion = noise(len(time), 100, 9)
    motion[:, SMILE] += bump(time, 2.0, 2.1, 2.2)
    (event,) = found(time, motion)
    assert {event.onset_s, event.apex_s, event.offset_s} <= set(time.tolist())
    assert event.apex_s == pytest.approx(2.1, abs=0.02)


def test_a_clip_that_is_mostly_event() -> None:
    """A third of rest is enough, and a solver that claims more noise where there is more motion does not hide it."""
    time = np.arange(72) / 30
    smile = 1 / (1 + np.exp(-(time - 0.8) / 0.06))
    motion = noise(len(time), 30, 11)
    motion[:, SMILE] += 3 * smile
    std = np.full_like(motion, STD)
    std[:, SMILE] += 0.8 * smile
    (event,) = detect(time, motion, std, NAMES, np.zeros(len(time)))
    assert event.kind == "macro" and event.units == ("unit1",)
    assert event.onset_s == pytest.approx(0.8 + 0.06 * np.log(0.1 / 0.9), abs=0.07)
    assert event.offset_s == pytest.approx(time[-1])


def test_a_slow_drift_does_not_stretch_an_event() -> None:
    """The rest before the event is 0.2 px above the rest after it, where the baseline is."""
    time = np.arange(200) / 200
    motion = noise(len(time), 200, 12)
    motion[:, SMILE] += bump(time, 0.3, 0.4, 0.5) + 0.2 * (1 - np.clip((time - 0.4) / 0.1, 0, 1))
    event = next(event for event in found(time, motion) if event.apex_s > 0.3)
    assert event.onset_s == pytest.approx(0.32, abs=0.03)
    assert event.apex_s == pytest.approx(0.4, abs=0.015)
    assert event.offset_s == pytest.approx(0.48, abs=0.03)


def test_what_is_below_its_own_deviation_is_no_event() -> None:
    """The course is clean, but the solver says that it hardly knows this unit."""
    time = np.arange(400) / 100
    motion = 0.02 * noise(len(time), 100, 10)
    motion[:, SMILE] += 1.0 * STD * bump(time, 1.0, 1.2, 1.4)
    assert found(time, motion) == ()


def test_nothing_to_look_at() -> None:
    assert detect(np.zeros(0), np.zeros((0, 2)), np.zeros((0, 2)), ("a", "b"), np.zeros(0)) == ()
    assert detect(np.zeros(1), np.zeros((1, 2)), np.ones((1, 2)), ("a", "b"), np.zeros(1)) == ()
    still = detect(np.arange(50) / 25, np.zeros((50, 2)), np.zeros((50, 2)), ("a", "b"), np.zeros(50))
    assert still == ()


def test_a_held_expression_that_wavers_is_one_event() -> None:
    """Slow, in the same part of the face and below a quarter, however clear; brows and what is short stay apart."""
    names = ("mouthSmileLeft", "mouthSmileRight", "mouthLowerDownLeft", "browInnerUp", *NAMES[4:])
    time = np.arange(1500) / 100
    std = np.where(np.arange(len(names)) // 2 == 1, 0.1, 1.0) * np.full((len(time), len(names)), STD)
    motion = noise(len(time), 100, 3, units=len(names)) * std / STD
    motion[:, :2] += 10 * (np.clip((time - 1) / 0.3, 0, 1) * np.clip((8 - time) / 0.3, 0, 1))[:, None]

    def events(unit: int, onset: float, apex: float, offset: float) -> list[str]:
        shown = motion.copy()
        shown[:, unit] += 2 * bump(time, onset, apex, offset)
        full = np.full(len(names), 10.0)
        return [event.kind for event in detect(time, shown, std, names, np.zeros(len(time)), full)]

    assert events(2, 3.0, 4.0, 5.0) == ["macro"]
    assert events(2, 3.0, 3.15, 3.3) == ["macro", "micro"]
    assert events(3, 3.0, 4.0, 5.0) == ["macro", "macro"]


def test_brows_that_rise_are_named_by_what_raises_them() -> None:
    """A frown that runs backwards is named only where nothing pulls the other way."""
    names = ("browDownLeft", "browOuterUpLeft", "browInnerUp", "mouthPucker")
    time = np.arange(400) / 100
    motion = noise(len(time), 100, 3, units=4)
    motion[:, 0] -= bump(time, 1.0, 1.2, 1.4)

    def units() -> tuple[str, ...]:
        (event,) = detect(time, motion, np.full_like(motion, STD), names, np.zeros(len(time)))
        return event.units

    motion[:, 1] += 0.4 * bump(time, 1.0, 1.2, 1.4)
    motion[:, 2] -= 0.2 * bump(time, 1.0, 1.2, 1.4)
    assert "browOuterUpLeft" in units()
    assert "-browDownLeft" not in units()
    motion[:, 1] -= 0.8 * bump(time, 1.0, 1.2, 1.4)
    assert units()[0] == "-browDownLeft"


def acted(time: np.ndarray, courses: dict[str, np.ndarray], full: float | None = None) -> tuple[Event, ...]:
    """Events of named units with noise; `full` px at full strength."""
    names = (*courses, *(f"unit{i}" for i in range(8)))
    motion = noise(len(time), 1 / (time[1] - time[0]), 3, units=len(names))
    motion[:, : len(courses)] += np.stack(list(courses.values()), 1)
    sizes = None if full is None else np.full(len(names), full)
    return detect(time, motion, np.full_like(motion, STD), names, np.zeros(len(time)), sizes)


def test_what_eyes_and_brows_do_in_a_blink_is_the_blink() -> None:
    """Beside it, and around the mouth, they are expressions."""
    time = np.arange(600) / 100
    blink, later, mouth = bump(time, 1.0, 1.1, 1.25), bump(time, 3.0, 3.15, 3.3), bump(time, 1.0, 1.12, 1.27)
    courses = {
        "eyeBlinkLeft": 4 * blink, "eyeBlinkRight": 4 * blink, "eyeSquintLeft": 2 * blink,
        "browDownLeft": -blink + later, "mouthFrownLeft": mouth,
    }  # fmt: skip
    found = {(event.kind, frozenset(event.units)): event.apex_s for event in acted(time, courses, 8.0)}
    lids = frozenset({"eyeBlinkLeft", "eyeBlinkRight"})
    mouth_alone, brow = ("micro", frozenset({"mouthFrownLeft"})), ("micro", frozenset({"browDownLeft"}))
    assert set(found) == {("blink", lids), mouth_alone, brow}
    assert found[brow] == pytest.approx(3.15, abs=0.035)


def test_lids_beside_a_blink_are_its_own() -> None:
    """A solve that thinks of motion as slow lets them rise before and after it."""
    time = np.arange(600) / 100
    blink = bump(time, 2.0, 2.1, 2.25)
    rise = bump(time, 1.2, 1.7, 2.05) + bump(time, 2.2, 2.4, 2.9) + bump(time, 4.0, 4.2, 4.4)
    events = acted(time, {"eyeBlinkLeft": 5 * blink, "eyeBlinkRight": 5 * blink, "eyeWideLeft": rise}, 8.0)
    assert [event.kind for event in events] == ["blink", "micro"]
    assert events[1].apex_s == pytest.approx(4.2, abs=0.03)


def test_lids_that_hardly_move_are_no_blink() -> None:
    """A smile narrows the eyes."""
    time = np.arange(600) / 100
    lids = 0.5 * bump(time, 1.02, 1.12, 1.25) + 0.6 * bump(time, 4.0, 4.15, 4.3)
    smile = bump(time, 1.0, 1.12, 1.27)
    courses = {"eyeBlinkLeft": lids, "eyeBlinkRight": lids, "mouthSmileLeft": smile}
    (event,) = acted(time, courses, 8.0)
    assert (event.kind, event.units) == ("micro", ("mouthSmileLeft",))
    assert sorted(event.kind for event in acted(time, courses)) == ["blink", "blink", "micro"]


def test_lids_that_go_down_and_up_again_are_one_blink() -> None:
    """A closed eye looks like none in between: the picture is at rest for a moment."""
    time = np.arange(400) / 100
    lids = 4 * bump(time, 1.0, 1.06, 1.13) - 3 * bump(time, 1.15, 1.22, 1.3)
    (event,) = acted(time, {"eyeBlinkLeft": lids, "eyeBlinkRight": lids}, 8.0)
    assert event.kind == "blink"
    assert (event.onset_s, event.offset_s) == pytest.approx((1.02, 1.29), abs=0.03)


def test_a_mouth_that_talks_is_one_event() -> None:
    """Four syllables a second for two seconds; three twitches 1.3 s apart are three events."""
    time = np.arange(900) / 100
    talk = sum(2 * bump(time, 1 + k / 4, 1.1 + k / 4, 1.23 + k / 4) for k in range(8))
    twitch = sum(2 * bump(time, 5 + k, 5.1 + k, 5.2 + k) for k in (0, 1.3, 2.6))
    events = acted(time, {"jawOpen": talk + twitch})
    assert [event.kind for event in events] == ["speech", "micro", "micro", "micro"]
    assert (events[0].onset_s, events[0].offset_s) == pytest.approx((1.03, 2.95), abs=0.05)


def lips(time: np.ndarray, beats: list[tuple[float, int]]) -> dict[str, np.ndarray]:
    """Lips that go one way or the other about some moments, 0.16 s each."""
    course = sum(way * bump(time, at - 0.08, at, at + 0.08) for at, way in beats)
    return {"mouthUpperUpLeft": 0.8 * course, "mouthPucker": -course, "browInnerUp": bump(time, 2.0, 2.15, 2.35)}


def test_lips_that_go_to_and_fro_as_in_speech_talk_though_the_jaw_rests() -> None:
    """Four to five syllables a second; brows that rise meanwhile are an expression."""
    time = np.arange(500) / 100
    forth = [(1.0 + 0.22 * k, 1) for k in range(8)]
    events = acted(time, lips(time, forth))
    assert [event.kind for event in events] == ["speech", "micro"]
    assert (events[0].onset_s, events[0].offset_s) == pytest.approx((0.94, 2.62), abs=0.06)
    assert events[1].units == ("browInnerUp",)
    to_and_fro = [(1.0 + 0.16 * k, (-1) ** k) for k in range(5)]
    assert [event.kind for event in acted(time, lips(time, to_and_fro))] == ["speech", "micro"]


def test_lips_that_move_once_or_twice_do_not_talk() -> None:
    """Nor when a solve of limited bandwidth lets them overshoot before and after."""
    time = np.arange(500) / 100
    twice = acted(time, lips(time, [(1.0, 1), (1.3, 1)]))
    assert [event.kind for event in twice] == ["micro"] * 3
    course = bump(time, 0.95, 1.05, 1.15) - 0.5 * (bump(time, 0.85, 0.92, 0.99) + bump(time, 1.11, 1.18, 1.25))
    assert "speech" not in [event.kind for event in acted(time, {"mouthUpperUpLeft": course, "mouthPucker": -course})]


def looks(time: np.ndarray, spans: list[tuple[float, float, float]]) -> np.ndarray:
    """Both eyes jump within 50 ms, stay (from, to, px) and jump back."""
    return sum((px * np.clip(np.minimum((time - a) / 0.05, (b - time) / 0.05), 0, 1) for a, b, px in spans), 0 * time)


@pytest.mark.parametrize("fps", [30, 100])
def test_glances_are_told_though_they_fill_most_of_a_clip(fps: int) -> None:
    time = np.arange(fps) / fps
    course = looks(time, [(0.05, 0.4, 2.0), (0.5, 0.9, -3.0)])
    events = acted(time, {"eyeLookOutLeft": course, "eyeLookInRight": course}, 20.0)
    assert [(event.kind, set(event.units)) for event in events] == [
        ("gaze", {"eyeLookOutLeft", "eyeLookInRight"}), ("gaze", {"eyeLookInLeft", "eyeLookOutRight"}),
    ]  # fmt: skip
    assert [event.onset_s for event in events] == pytest.approx([0.05, 0.5], abs=1.5 / fps)
    assert [event.offset_s for event in events] == pytest.approx([0.4, 0.9], abs=1.5 / fps)


def test_eyes_that_stay_where_they_look_or_follow_something_slow_give_no_glance() -> None:
    """A head that turns drags the tracked irises along, and back."""
    time = np.arange(600) / 100
    step, dragged = 3.0 * (time > 2), 3.0 * bump(time, 3.0, 4.0, 5.0)
    assert acted(time, {"eyeLookOutLeft": step, "eyeLookInRight": step}, 20.0) == ()
    assert acted(time, {"eyeLookOutLeft": dragged, "eyeLookInRight": dragged}, 20.0) == ()


def test_a_glance_that_ends_in_a_blink_is_told_and_one_eye_alone_is_mistracked() -> None:
    time = np.arange(600) / 100
    lids, away = 6 * bump(time, 2.3, 2.4, 2.6), looks(time, [(2.0, 2.4, 2.0)])
    mistracked = 5 * bump(time, 2.34, 2.45, 2.55)  # nothing is seen of a covered iris
    lone = looks(time, [(4.0, 4.4, 1.2)])
    courses = {
        "eyeBlinkLeft": lids, "eyeBlinkRight": lids, "eyeLookOutLeft": away + mistracked + lone,
        "eyeLookInRight": away - mistracked - lone,
    }  # fmt: skip
    gaze = [event for event in acted(time, courses, 15.0) if event.kind == "gaze"]
    assert len(gaze) == 1
    assert gaze[0].onset_s == pytest.approx(2.0, abs=0.03) and 2.25 < gaze[0].offset_s < 2.7


def test_a_look_is_named_by_its_way_and_a_wandering_iris_is_none() -> None:
    time = np.arange(600) / 100
    look = -2 * np.clip(np.minimum((time - 1) / 0.05, (1.5 - time) / 0.05), 0, 1)
    wander = 0.5 * bump(time, 3.0, 3.5, 4.0)
    (event,) = acted(time, {"eyeLookOutLeft": look + wander, "eyeLookInRight": look + wander}, 20.0)
    assert event.kind == "gaze"
    assert set(event.units) == {"eyeLookInLeft", "eyeLookOutRight"}
    assert (event.onset_s, event.offset_s) == pytest.approx((1.0, 1.5), abs=0.05)


def test_behind_what_hides_a_unit_there_is_no_event_and_none_at_its_edges() -> None:
    """Two expressions, one of them hidden; and a level that is nonsense while another unit is hidden."""
    time = np.arange(0, 6, 1 / 60)
    motion = noise(len(time), 60, 9)
    motion[:, SMILE] += bump(time, 1.0, 1.2, 1.6)
    motion[:, BROW] += bump(time, 3.0, 3.2, 3.6)
    hidden = np.zeros(motion.shape, bool)
    hidden[(time > 2.8) & (time < 3.8), BROW] = hidden[(time > 4.2) & (time < 5.0), CHEEK] = True
    motion[hidden[:, CHEEK], CHEEK] += 3
    std, valid = np.full_like(motion, STD), np.zeros(len(time))
    assert len(detect(time, motion, std, NAMES, valid)) > 2
    (event,) = detect(time, motion, std, NAMES, valid, hidden=hidden)
    assert event.units == (NAMES[SMILE],)
