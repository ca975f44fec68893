# SPDX-License-Identifier: GPL-3.0-or-later
"""A draft looks at every n-th frame; all that the user says stays in frames of the footage."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.motion.paint import Paint
from microface.backend.pipeline import reconstruct
from microface.backend.types import Clip, Pin, Settings
from microface.backend.video import frames, open_clip
from microface.backend.wanted import drafted, wanted_frames
from microface.tests.bench.clips.encoder import write_video
from microface.tests.bench.demo_clip import make

COUNT = 100
SHADES = [(37 * k) % 200 + 20 for k in range(COUNT)]


def clip_of(fps: float) -> Clip:
    return Clip(Path("fast.mp4"), 640, 480, np.arange(COUNT) / fps, fps, 8, "")


def draft(fps: float = 200.0, **settings: object) -> tuple[Clip, Settings]:
    return drafted(clip_of(fps), Settings(quality="draft", **settings))


@pytest.mark.parametrize(("fps", "step"), [(25, 1), (44, 1), (50, 2), (100, 3), (200, 7)])
def test_about_thirty_frames_a_second_are_looked_at(fps: float, step: int) -> None:
    clip, _ = draft(fps)
    assert clip.step == step
    assert clip.time_s.tolist() == [k / fps for k in range(0, COUNT, step)]
    assert clip.fps == pytest.approx(1 / np.diff(clip.time_s).mean())


def test_full_quality_looks_at_every_frame_and_changes_no_setting() -> None:
    clip, settings = clip_of(200), Settings(range=(5, 50), neutral=(5, 9))
    assert drafted(clip, settings) == (clip, settings)


def test_frames_that_the_user_names_are_those_of_the_footage() -> None:
    """Brute force: of frames 0, 7, 14 ... those that lie in the user's spans."""
    clip, settings = draft(range=(10, 90), neutral=(15, 40), exclude=((28, 43), (44, 48)), pins=(Pin(46, 3, 1.0, 2.0),))
    kept = [frame for frame in range(0, COUNT, 7) if 10 <= frame < 90]
    assert [clip.step * frame for frame in wanted_frames(clip, settings)] == kept
    assert settings.neutral is not None
    assert [7 * frame for frame in range(*settings.neutral)] == [21, 28, 35]
    left_out = settings.leaves_out(np.arange(len(clip.time_s)))
    assert (np.flatnonzero(left_out) * 7).tolist() == [28, 35, 42]
    assert settings.pins == (Pin(7, 3, 1.0, 2.0),)  # 49 is the nearest


def test_a_span_between_two_frames_of_a_draft_is_the_next_one() -> None:
    _, settings = draft(range=(0, 60), neutral=(8, 12))
    assert settings.neutral == (2, 3)
    _, settings = draft(range=(99, 100))
    assert settings.range == (14, 15)  # frame 98, the last that is looked at


def test_a_range_beyond_the_end_is_refused_in_frames_of_the_footage() -> None:
    with pytest.raises(MicrofaceError, match=r"no frames 100:120 in .* has 100") as refused:
        draft(range=(100, 120))
    assert refused.value.code == "bad_range"


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_the_pictures_of_a_draft_are_those_of_its_frames(kind: str, tmp_path: Path) -> None:
    source = shaded(kind, tmp_path)
    clip, _ = drafted(open_clip(source), Settings(quality="draft"))
    whole = list(frames(open_clip(source)))
    seen = list(frames(clip, 2, 9))
    step = clip.step
    assert step == (7 if kind == "video" else 1)
    assert [frame.index for frame in seen] == list(range(2, 9))
    for frame in seen:
        same = whole[step * frame.index]
        assert frame.time_s == same.time_s
        assert np.array_equal(frame.luma, same.luma)


def test_a_mask_has_a_picture_for_every_frame_of_the_footage(tmp_path: Path) -> None:
    source = shaded("video", tmp_path)
    clip, _ = drafted(open_clip(source), Settings(quality="draft"))
    masks = tmp_path / "masks"
    masks.mkdir()
    for number in range(COUNT):
        picture = np.zeros((48, 64), np.uint8)
        picture[:, number % 64] = 255
        cv2.imwrite(str(masks / f"{number:03d}.png"), picture)
    paint = Paint(masks, clip)
    for row in (0, 3, 8):
        assert np.flatnonzero(paint.picture(row).any(0)).tolist() == [7 * row % 64]
    (masks / "099.png").unlink()
    (masks / "098.png").unlink()
    with pytest.raises(MicrofaceError) as refused:
        Paint(masks, clip)
    assert refused.value.code == "bad_mask"


@pytest.mark.usefixtures("built")
def test_a_draft_of_fast_footage_is_a_take_at_its_own_frames(tmp_path: Path) -> None:
    """0.6 s of 200 frames a second: smiling and lifting the brows by 1.5 px, for a quarter of a second."""
    make(tmp_path, frames=120, onset=50, apex=70, offset=95)
    source = tmp_path / "clip.mp4"
    footage = open_clip(source)
    settings = Settings(device="cpu", quality="draft", range=(14, 120), neutral=(14, 45))
    take = reconstruct(source, settings, lambda stage, share: None)
    assert take.footage_frames.tolist() == list(range(14, 120, 7))
    assert np.allclose(take.time_s, footage.time_s[take.footage_frames])
    assert take.settings["range"] == (14, 120)
    assert take.settings["neutral"] == (14, 45)
    assert take.source["fps"] == pytest.approx(200 / 7)
    assert (take.footage_frames[take.template_frames] < 50).all()
    assert len(take.events) >= 1
    event = max(take.events, key=lambda one: one.peak_px)
    assert abs(event.apex_s - 70 / 200) <= 7 / 200
    assert event.peak_px == pytest.approx(1.5, abs=0.5)


def shaded(kind: str, folder: Path) -> Path:
    """100 grey pictures, each of its own shade."""
    pictures = [np.full((48, 64, 3), shade, np.uint8) for shade in SHADES]
    if kind == "video":
        write_video(folder / "fast.mp4", iter(pictures), 200, 0)
        return folder / "fast.mp4"
    (folder / "pictures").mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / "pictures" / f"{number:03d}.png"), picture)
    return folder / "pictures"
