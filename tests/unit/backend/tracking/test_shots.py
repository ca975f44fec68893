# SPDX-License-Identifier: GPL-3.0-or-later
"""Cuts are found to the frame; flicker, flashes, motion and noise are no cuts."""

import numpy as np
import skimage.data
from microface.backend.tracking.shots import with_shots
from microface.backend.video import frames, open_clip


def shots(images, as_frames):
    return [shot for _, shot in with_shots(as_frames(images))]


def steady(image, count, seed=0):
    """A still shot with noise and 5 % flicker."""
    rng = np.random.default_rng(seed)
    gains = rng.uniform(0.95, 1.05, count)
    return [np.clip(image * gain + rng.normal(0, 3, image.shape), 0, 255).astype(np.uint8) for gain in gains]


def half(image):
    return image[::2, ::2][:150, :220]


def test_cuts_to_the_frame(as_frames):
    images = steady(half(skimage.data.astronaut()), 7) + steady(half(skimage.data.coffee()), 5)
    images += steady(half(skimage.data.chelsea()), 1) + steady(half(skimage.data.rocket()), 4)
    assert shots(images, as_frames) == [0] * 7 + [1] * 5 + [2] + [3] * 4


def test_a_cut_on_the_last_frame(as_frames):
    images = [*steady(half(skimage.data.astronaut()), 3), half(skimage.data.coffee())]
    assert shots(images, as_frames) == [0, 0, 0, 1]


def test_a_change_of_exposure_is_no_cut(as_frames):
    image = half(skimage.data.astronaut())
    assert shots([image] * 4 + [image // 2] * 4 + [image // 4 + 60] * 4, as_frames) == [0] * 12


def test_a_flash_is_no_cut(as_frames):
    image = half(skimage.data.astronaut())
    flash = np.full_like(image, 255)
    assert shots([image] * 4 + [flash] + [image] * 4, as_frames) == [0] * 9


def test_a_pan_is_no_cut(as_frames):
    wide = skimage.data.astronaut()
    assert set(shots([wide[100:300, x : x + 240] for x in range(0, 240, 8)], as_frames)) == {0}


def test_black_frames_are_one_shot(as_frames):
    rng = np.random.default_rng(0)
    black = [rng.integers(0, 3, (120, 160, 3), dtype=np.uint8) for _ in range(8)]
    assert set(shots(black, as_frames)) == {0}


def test_one_frame_and_none(as_frames):
    assert shots([half(skimage.data.coffee())], as_frames) == [0]
    assert shots([], as_frames) == []


def test_real_footage(shared):
    """A face, one black frame, a title; and talkers without a cut."""
    folder = shared / "data" / "video"
    found = [(frame.index, shot) for frame, shot in with_shots(frames(open_clip(folder / "face_noface.mov")))]
    assert [index for (index, shot), (_, before) in zip(found[1:], found, strict=False) if shot > before] == [72, 73]
    for name in ("WolfgangLanger_Pexels.mp4", "single_face.mp4", "lrwp9a.mpg"):
        assert {shot for _, shot in with_shots(frames(open_clip(folder / name)))} == {0}
