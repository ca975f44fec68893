# SPDX-License-Identifier: GPL-3.0-or-later
"""A face through a clip: which frames, whose face, and what happens when it goes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.tracking import track
from microface.backend.tracking.choice import Choice, read_choice
from microface.backend.tracking.follower import Follower
from microface.backend.tracking.track import track_frames
from microface.backend.types import Clip, Settings
from microface.backend.video import open_clip

WIDTH, HEIGHT = 640, 360


def tracks_of(images, tracker, as_frames, choice=None, step=1, progress=lambda *_: None):
    follower = Follower(tracker, read_choice(choice))
    return track_frames(as_frames(images), range(len(images)), step, follower, progress, Path("clip.mp4"))


def mean_error(tracks, row, truth):
    return np.linalg.norm(tracks.landmarks[row, :, :2] - truth, axis=1).mean()


@pytest.fixture(scope="module")
def two_faces(scene):
    """A small face on the left, a large one on the right, and their landmarks."""
    image, small = scene(90, WIDTH, HEIGHT, (0.25, 0.5))
    image, large = scene(130, WIDTH, HEIGHT, (0.7, 0.5), onto=image)
    return image, small, large


def test_every_nth_frame_the_first_and_the_last(tracker, scene, as_frames):
    image, truth = scene(120, WIDTH, HEIGHT)
    tracks = tracks_of([image] * 12, tracker, as_frames, step=7)
    assert tracks.frame.tolist() == [0, 7, 11]
    assert tracks.landmarks.shape == (3, 478, 3)
    assert all(mean_error(tracks, row, truth) < 2 for row in range(3))
    assert np.array_equal(tracks.landmarks[1], tracks.landmarks[2])  # a still face in a still square
    assert tracks.cut_frames.size == 0


@pytest.mark.parametrize(("fps", "step"), [(24.0, 1), (30.0, 1), (60.0, 2), (200.0, 7)])
def test_footage_costs_about_thirty_tracks_a_second(tmp_path, scene, fps, step):
    image, _ = scene(120, WIDTH, HEIGHT)
    for i in range(16):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image[..., ::-1])
    clip = open_clip(tmp_path)
    timed = Clip(clip.path, clip.width, clip.height, np.arange(16) / fps, fps, 8, clip.sha256)
    tracks = track(timed, Settings(device="cpu"), lambda *_: None)
    assert tracks.frame.tolist() == sorted({*range(0, 16, step), 15})


def test_a_moving_face_is_followed(tracker, scene, as_frames):
    centres = np.linspace(0.25, 0.75, 20)
    made = [scene(100, WIDTH, HEIGHT, (x, 0.5)) for x in centres]
    tracks = tracks_of([image for image, _ in made], tracker, as_frames)
    assert max(mean_error(tracks, row, truth) for row, (_, truth) in enumerate(made)) < 2


def test_a_face_that_leaves_and_returns(tracker, scene, as_frames):
    """Gone for six frames, back elsewhere and too small for the whole frame's search: a gap, then the face again."""
    before, left = scene(60, 1280, 720, (0.2, 0.5))
    empty, _ = scene(60, 1280, 720)
    empty[:] = 90
    after, right = scene(60, 1280, 720, (0.8, 0.5))
    tracks = tracks_of([before] * 4 + [empty] * 6 + [after] * 4, tracker, as_frames)
    rows = np.flatnonzero(tracks.confidence == 0)
    assert rows.tolist() == list(range(4, 10))
    assert np.isnan(tracks.landmarks[rows]).all()
    assert mean_error(tracks, 3, left) < 2
    assert mean_error(tracks, 10, right) < 2


def test_a_face_that_comes_late_is_found(tracker, scene, as_frames):
    late, truth = scene(60, 1280, 720, (0.8, 0.5))
    tracks = tracks_of([np.full_like(late, 90)] * 3 + [late] * 8, tracker, as_frames)
    assert (tracks.confidence[:3] == 0).all()
    assert (tracks.confidence[7:] > 0.9).all()  # one finer scale is searched in each frame
    assert mean_error(tracks, 10, truth) < 2


def test_the_largest_face_is_taken(tracker, two_faces, as_frames):
    image, _, large = two_faces
    assert mean_error(tracks_of([image] * 2, tracker, as_frames), 1, large) < 3


@pytest.mark.parametrize("choice", ["1", "160,180"])
def test_the_face_asked_for_is_taken(tracker, two_faces, as_frames, choice):
    image, small, _ = two_faces
    assert mean_error(tracks_of([image] * 2, tracker, as_frames, choice), 1, small) < 2


def test_the_other_face_never_takes_over(tracker, two_faces, scene, as_frames):
    image, small, _ = two_faces
    alone, _ = scene(130, WIDTH, HEIGHT, (0.7, 0.5))
    tracks = tracks_of([image] * 2 + [alone] * 3 + [image] * 2, tracker, as_frames, "1")
    assert (tracks.confidence > 0).tolist() == [True] * 2 + [False] * 3 + [True] * 2
    assert mean_error(tracks, 6, small) < 2


def test_a_cut_begins_a_shot_with_its_own_face(tracker, scene, as_frames):
    first, _ = scene(110, WIDTH, HEIGHT, (0.3, 0.5))
    room = skimage.data.coffee()[20:380, :600]
    room = np.pad(room, ((0, 0), (0, WIDTH - 600), (0, 0)), mode="edge")
    second, truth = scene(90, WIDTH, HEIGHT, (0.7, 0.5), onto=room)
    tracks = tracks_of([first] * 5 + [second] * 5, tracker, as_frames, step=3)
    assert tracks.cut_frames.tolist() == [5]
    assert tracks.frame.tolist() == [0, 3, 5, 6, 9]
    assert tracks.shot.tolist() == [0, 0, 1, 1, 1]
    assert mean_error(tracks, 2, truth) < 2


def test_real_footage_with_a_face_in_half_of_it(shared):
    clip = open_clip(shared / "data" / "video" / "face_noface.mov")
    tracks = track(clip, Settings(device="cpu"), lambda *_: None)
    assert (tracks.confidence[tracks.frame < 72] > 0.9).all()
    assert (tracks.confidence[tracks.frame >= 72] == 0).all()
    assert tracks.cut_frames.tolist() == [72, 73]


def test_a_range_is_tracked_alone(shared):
    clip = open_clip(shared / "data" / "video" / "single_face.mp4")
    tracks = track(clip, Settings(device="cpu", range=(10, 15)), lambda *_: None)
    assert tracks.frame.tolist() == [10, 11, 12, 13, 14]


def test_no_face_says_so(tracker, as_frames):
    with pytest.raises(MicrofaceError, match=r"No face found in clip\.mp4 \(2 frames") as caught:
        tracks_of([np.full((360, 640, 3), 90, np.uint8)] * 2, tracker, as_frames)
    assert caught.value.code == "no_face"
    assert caught.value.remedy


def test_a_face_below_40_px_is_one_clear_error(tracker, scene, as_frames):
    image, _ = scene(32, WIDTH, HEIGHT)
    with pytest.raises(MicrofaceError, match=r"3\d px wide; at least 40 px are needed") as caught:
        tracks_of([image] * 3, tracker, as_frames)
    assert caught.value.code == "face_too_small"


def test_a_face_that_is_not_there_is_named(tracker, two_faces, as_frames):
    image, *_ = two_faces
    with pytest.raises(MicrofaceError, match="up to 2 were seen") as caught:
        tracks_of([image] * 2, tracker, as_frames, "4")
    assert caught.value.code == "no_such_face"


def test_progress_rises_to_one_and_can_cancel(tracker, scene, as_frames):
    image, _ = scene(120, WIDTH, HEIGHT)
    told = []
    tracks_of([image] * 5, tracker, as_frames, progress=lambda stage, part: told.append((stage, part)))
    assert told == [("tracking", pytest.approx((i + 1) / 5)) for i in range(5)]

    def stop(stage, part):
        raise Cancelled

    with pytest.raises(Cancelled):
        tracks_of([image] * 5, tracker, as_frames, progress=stop)


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        (None, Choice()),
        ("0", Choice()),
        (" 2 ", Choice(2)),
        ("320,240", Choice(0, (320, 240))),
        ("1.5 , 2", Choice(0, (1.5, 2))),
    ],
)
def test_the_setting_is_read(text, choice):
    assert read_choice(text) == choice


@pytest.mark.parametrize("text", ["left", "-1", "1,2,3", "1;2", "nan,1"])
def test_nonsense_is_refused(text):
    with pytest.raises(MicrofaceError, match="does not name a face"):
        read_choice(text)


@pytest.mark.parametrize("chosen", [(5, 5), (20, 30), (-1, 4)])
def test_a_range_outside_the_clip_is_refused(chosen):
    clip = Clip(Path("clip.mp4"), 64, 48, np.arange(10) / 25, 25.0, 8, "")
    with pytest.raises(MicrofaceError, match="which has 10") as caught:
        track(clip, Settings(device="cpu", range=chosen), lambda *_: None)
    assert caught.value.code == "bad_range"
