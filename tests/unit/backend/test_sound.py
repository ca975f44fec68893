# SPDX-License-Identifier: GPL-3.0-or-later
"""Sound of footage: a beep is heard when it was recorded, whatever part is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.video import open_clip, write_video
from microface.backend.video.sound import RATE, sound, sound_start

CLOSE_S = 0.004  # what AAC smears


def blank(count: int) -> list[np.ndarray]:
    return [np.full((32, 32, 3), shade % 255, np.uint8) for shade in range(count)]


@pytest.fixture(scope="module", params=["on time.mp4", "late.mp4", "late.mkv", "on time.mpg"])
def footage(request: pytest.FixtureRequest, clapper: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds that beep at 2.0 s; sound begins with the pictures or 0.5 s after them."""
    path = tmp_path_factory.mktemp("sound") / request.param
    made: Path = clapper.film(path, blank(75), 25, 2.0, 0.5 if "late" in request.param else 0.0)
    return made


def heard(footage: Path, start_s: float, end_s: float) -> np.ndarray:
    """From and to seconds after the first picture: a program stream's clock begins anywhere."""
    first = float(open_clip(footage).time_s[0])
    return np.concatenate(list(sound(footage, first + start_s, first + end_s)), axis=1)


@pytest.mark.parametrize(("start", "end"), [(0.0, 3.0), (1.4, 2.6), (-1.0, 5.0), (2.03, 2.3)])
def test_the_beep_is_where_it_was_recorded(clapper: Any, footage: Path, start: float, end: float) -> None:
    samples = heard(footage, start, end)
    assert samples.shape == (2, round((end - start) * RATE))
    begins, ends = clapper.loud(start + np.arange(samples.shape[1]) / RATE, np.abs(samples[0]))
    assert begins == pytest.approx(max(2.0, start), abs=CLOSE_S)
    assert ends == pytest.approx(2.1, abs=CLOSE_S)


def test_where_sound_begins(footage: Path) -> None:
    due = open_clip(footage).time_s[0] + (0.5 if "late" in footage.name else 0.0)
    assert sound_start(footage) == pytest.approx(due, abs=0.025)  # one AAC frame


def test_without_sound(tmp_path: Path) -> None:
    write_video(tmp_path / "silent.mp4", blank(5), 25)
    for path in (tmp_path / "silent.mp4", tmp_path, tmp_path / "gone.mp4"):
        assert sound_start(path) is None
    assert not heard(tmp_path / "silent.mp4", 0, 0.2).any()


def test_damaged_sound_is_silent(footage: Path, tmp_path: Path) -> None:
    """It must not cost the preview: there is silence where nothing can be decoded."""
    content, damaged = bytearray(footage.read_bytes()), tmp_path / footage.name
    content[len(content) // 3 : -2000] = bytes(len(content[len(content) // 3 : -2000]))
    damaged.write_bytes(content)
    assert np.concatenate(list(sound(damaged, 0, 3)), axis=1).shape == (2, 3 * RATE)


def test_written_sound_keeps_its_place(clapper: Any, footage: Path, tmp_path: Path) -> None:
    """From 0.6 s of the footage on, the beep comes at 1.4 s."""
    copy = tmp_path / "copy.mp4"
    first = float(open_clip(footage).time_s[0])
    write_video(copy, blank(60), 25, sound=sound(footage, first + 0.6, first + 3.0))
    begins, ends = clapper.beep_of(copy)
    assert (begins, ends) == (pytest.approx(1.4, abs=CLOSE_S), pytest.approx(1.5, abs=CLOSE_S))
