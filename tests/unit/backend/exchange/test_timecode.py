# SPDX-License-Identifier: GPL-3.0-or-later
"""Timecodes against what SMPTE 12M says of them."""

import numpy as np
import pytest
from microface.backend.exchange import timecode
from microface.backend.exchange.timecode import nominal_rate, parse, seconds, write


def times(*texts: str, rate: float) -> np.ndarray:
    codes = [parse(text) for text in texts]
    assert all(codes)
    found = seconds(codes, rate)
    return found - found[0]


def test_frames_and_their_fractions() -> None:
    assert times("01:00:00:00.000", "01:00:00:15.250", "01:00:01:00", rate=30) == pytest.approx([0, 15.25 / 30, 1])


def test_whole_numbers_at_an_ntsc_rate_count_on() -> None:
    """59.94 without dropping: 60 numbers take 1.001 s."""
    assert times("00:00:00:00", "00:00:01:00", "00:01:00:00", rate=60 / 1.001) == pytest.approx([0, 1.001, 60.06])


def test_dropped_numbers_are_no_time() -> None:
    step = 1.001 / 30
    assert times("00:00:59;29", "00:01:00;02", rate=30)[1] == pytest.approx(step)
    assert times("00:09:59;29", "00:10:00;00", rate=29.97)[1] == pytest.approx(step)
    assert times("00:00:00;00", "00:10:00;00", rate=30)[1] == pytest.approx(17982 * step)
    assert times("00:00:59;59", "00:01:00;04", rate=60)[1] == pytest.approx(step / 2)


def test_a_recording_may_run_past_midnight() -> None:
    assert times("23:59:59:59.5", "00:00:00:00.5", "00:00:01:00.5", rate=60) == pytest.approx([0, 1 / 60, 61 / 60])


def test_the_rate_shows_where_the_seconds_change() -> None:
    """Recorded on every second frame of 60, as the app does at 30 pictures a second; 25 frame by frame."""
    sixty = [parse(f"12:00:{s:02}:{f:02}.169") for s in (5, 6, 7) for f in range(1, 60, 2)]
    assert nominal_rate(sixty) == 60
    assert nominal_rate([parse(f"00:00:{s:02}:{f:02}.000") for s in (0, 1) for f in range(25)]) == 25
    assert nominal_rate(sixty[:20]) is None
    assert nominal_rate(sixty[:1]) is None


@pytest.mark.parametrize("text", ["", "12:00:00", "12:61:00:00", "a:b:c:d", "12.00.00.00.1", "1:2:3:4:5"])
def test_what_is_no_timecode(text: str) -> None:
    assert parse(text) is None


def test_what_is_written_is_read_to_nine_nanoseconds() -> None:
    moments = np.r_[np.random.default_rng(1).uniform(0, 86399, 500), 0, 59.99999999, 3599.999999999]
    read = [seconds([parse(write(moment))], timecode.DEFAULT_RATE)[0] for moment in moments]
    np.testing.assert_allclose(read, moments, rtol=0, atol=9e-9)
    assert write(3599.9999999999) == "01:00:00:00.000000"
    assert write(0.04) == "00:00:00:02.400000"
