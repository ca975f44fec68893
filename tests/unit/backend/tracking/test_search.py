# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces of every size in frames of every size: found where they were put."""

import cv2
import numpy as np
import pytest
from microface.backend.tracking import face_width, tiles
from microface.backend.video import frames, open_clip

SIZES = [(45, 640, 480), (100, 1920, 1080), (200, 3840, 2160), (300, 7680, 4320)]


def settled(tracker, image, face):
    """Landmarks from a square that fits the face, as tracking has it."""
    return tracker.landmarks(image, tracker.roi_of(tracker.landmarks(image, face.roi)[0]))[0]


@pytest.mark.parametrize(("face_px", "width", "height"), SIZES)
def test_small_faces_in_large_frames_are_found(tracker, scene, face_px, width, height):
    image, truth = scene(face_px, width, height)
    faces = tracker.detect(image)
    assert len(faces) == 1
    error = np.linalg.norm(settled(tracker, image, faces[0])[:, :2] - truth, axis=1)
    assert error.mean() < 0.02 * face_px


@pytest.mark.parametrize("corner", [(0.08, 0.14), (0.92, 0.86), (0.5, 0.5)])
def test_a_face_is_found_anywhere_in_the_frame(tracker, scene, corner):
    image, truth = scene(80, 1280, 720, corner)
    landmarks = settled(tracker, image, tracker.detect(image)[0])
    assert np.linalg.norm(landmarks[:, :2] - truth, axis=1).mean() < 2


def test_the_small_face_of_ivan_is_found(tracker, shared):
    rgb = cv2.imread(str(shared / "data" / "photo" / "mtcnn_ivan.jpg"))[..., ::-1].copy()
    faces = tracker.detect(rgb)
    assert len(faces) == 1
    assert 40 < face_width(settled(tracker, rgb, faces[0])) < 55


def test_a_large_face_fills_a_large_frame_without_aliasing(tracker, scene):
    """A face of 800 px is averaged to the net's 192, so its landmarks are as good as those of a small one."""
    image, truth = scene(800, 3840, 2160, (0.5, 0.5))
    error = np.linalg.norm(settled(tracker, image, tracker.detect(image)[0])[:, :2] - truth, axis=1)
    assert error.mean() < 0.015 * 800


def test_no_face_is_seen_where_there_is_none(tracker):
    noise = np.random.default_rng(0).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    assert tracker.detect(noise) == []
    assert tracker.detect(np.zeros((480, 640, 3), np.uint8)) == []


def test_letters_are_no_face(tracker, shared):
    """The title of this clip has skin-coloured letters: the nets alone see a face in it."""
    for frame in frames(open_clip(shared / "data" / "video" / "face_noface.mov"), 142, 169, 6):
        assert tracker.detect(frame.rgb) == []


def test_two_faces_come_largest_first(tracker, scene):
    image, _ = scene(120, 960, 540, (0.25, 0.5))
    image, _ = scene(180, 960, 540, (0.7, 0.5), onto=image)
    faces = tracker.detect(image)
    assert [round(face.roi.x / 960, 1) for face in faces] == [0.7, 0.3]
    assert faces[0].width > faces[1].width


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1000, 130), (7680, 4320), (50, 40)])
def test_squares_cover_every_point_with_room(size):
    """Every point lies in a square a quarter of its side or more from the edge, unless the image itself ends there."""
    width, height = size
    image = np.zeros((height, width, 3), np.uint8)
    side = tiles.levels(width, height)[-1]
    squares = tiles.tiles(image, side)
    assert squares.pictures.shape[1:] == (128, 128, 3)
    rng = np.random.default_rng(0)
    for x, y in rng.uniform(0, 1, (200, 2)) * (width, height):
        low = squares.to_image[:, 1:] + np.where(squares.to_image[:, 1:] > 1, side / 4 - 2, -1)
        end = squares.to_image[:, 1:] + side
        high = np.where(end < np.array(size) - 1, end - side / 4 + 2, end + 2)
        assert ((low <= (x, y)) & ((x, y) <= high)).all(1).any()


def test_a_level_shows_a_face_at_a_sixth_to_a_third():
    for width in (50, 100, 300, 1000):
        side = tiles.level_for(width, 7680, 4320)
        assert 3 * width <= side
        assert side < 6 * width or side == tiles.levels(7680, 4320)[-1]
