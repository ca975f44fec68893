# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins against a head whose every vertex is known, while the tracker's landmarks are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.form import form_offset
from microface.backend.head_fit import fit_head
from microface.backend.pins import check_pins, pinned, read_pins
from microface.backend.rest import rest_candidates
from microface.backend.types import FLIP, Clip, HeadFit, Pin, Settings, Tracks
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT, FRAMES, FOCAL = 640, 480, 8, 830.0
CAMERA = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1.0]])
FOV_DEG = float(np.degrees(2 * np.arctan(WIDTH / 2 / FOCAL)))
PINNED, OTHER = 5, 1  #: frames
NOBODY = np.zeros(FRAMES, bool)
ROUNDS = 2


def vertices(head: HeadModel, frame: int) -> np.ndarray:
    """(V, 3) m: a person who is not the mean turns about and comes nearer."""
    shape = np.random.default_rng(4).normal(0, 0.4, len(head.identity))
    phase = 2 * np.pi * frame / FRAMES
    pose = np.zeros((len(head.joint_names), 3))
    pose[0] = 0.1 * np.sin(phase), 0.2 * np.sin(2 * phase + 1), 0.08 * np.cos(phase)
    return head.vertices(
        shape, np.zeros(len(head.expression)), pose, np.array([0.01, 0.01, 0.6 + 0.05 * np.cos(phase)])
    )


def wrong(at: np.ndarray) -> np.ndarray:
    """(L, 2) px by which the tracker errs: it sees the face too far left, too large, and its lower half too low."""
    middle, width = at.mean(0), np.ptp(at[:, 0])
    return np.array([-5.0, 2.0]) + 0.03 * (at - middle) + np.c_[0 * at[:, 0], 4 * ((at - middle)[:, 1] > 0.2 * width)]


@pytest.fixture(scope="module")
def tracks(generic_head: HeadModel) -> Tracks:
    landmarks = np.zeros((FRAMES, 478, 3), np.float32)
    for n in range(FRAMES):
        points = generic_head.landmark_points(vertices(generic_head, n))
        image = project(points, CAMERA)[:, :2]
        landmarks[n] = np.r_[image.mean(0), 0]
        depth = (points[:, 2] - points[:, 2].mean()) * FOCAL / points[:, 2].mean()
        landmarks[n, generic_head.landmark_index] = np.c_[image + wrong(image), depth]
    ones = np.ones(FRAMES, np.float32)
    return Tracks(np.arange(FRAMES), landmarks, ones, np.zeros(FRAMES, np.int64), np.zeros(0, np.int64))


def fitted(head: HeadModel, tracks: Tracks) -> HeadFit:
    return fit_head(head, tracks, WIDTH, HEIGHT, FOV_DEG)


@pytest.fixture(scope="module")
def plain(generic_head: HeadModel, tracks: Tracks) -> HeadFit:
    return fitted(generic_head, tracks)


def picture(head: HeadModel, fit: HeadFit, tracks: Tracks, frame: int) -> np.ndarray:
    """(V, 2) px: the head of a fit in a frame."""
    person = head.neutral(fit.shape) + form_offset(head, fit, tracks, rest_candidates(tracks, fit, None)[:8])
    person = person + np.tensordot(fit.change[frame], head.expression, 1)
    turn, joint = Rotation.from_rotvec(fit.pose[frame]).as_matrix(), head.joints(fit.shape)[0]
    return project(((person - joint) @ turn.T + joint) @ FLIP + fit.translation[frame], fit.camera)[:, :2]


def places(head: HeadModel, count: int) -> np.ndarray:
    """(count,) vertices of the face, each as far as can be from those before it."""
    face = np.flatnonzero(head.face_mask)
    at = head.template[face, :2]
    chosen = [int(np.linalg.norm(at - at.mean(0), axis=1).argmin())]
    while len(chosen) < count:
        chosen.append(int(np.linalg.norm(at[:, None] - at[chosen], axis=2).min(1).argmax()))
    return face[chosen]


def at_truth(head: HeadModel, count: int) -> tuple[Pin, ...]:
    where = project(vertices(head, PINNED), CAMERA)[:, :2]
    return tuple(Pin(PINNED, int(v), float(where[v, 0]), float(where[v, 1])) for v in places(head, count))


def test_three_pins_bring_the_head_to_the_picture(generic_head: HeadModel, tracks: Tracks, plain: HeadFit) -> None:
    """Within a pixel where they are; and the whole face, in this frame and in others, comes nearer by half and more."""
    head, pins = generic_head, at_truth(generic_head, 3)
    settings, fit, moved = Settings(pins=pins), plain, tracks
    for _ in range(ROUNDS):
        moved = pinned(head, moved, fit, settings, NOBODY)
        fit = fitted(head, moved)
    own, where = [pin.vertex for pin in pins], np.array([[pin.x, pin.y] for pin in pins])
    miss = [picture(head, *found, PINNED)[own] - where for found in ((plain, tracks), (fit, moved))]
    assert np.linalg.norm(miss[0], axis=1).min() > 2
    assert np.linalg.norm(miss[1], axis=1).max() < 1
    for frame in (PINNED, OTHER):
        truth = project(vertices(head, frame), CAMERA)[:, :2]
        before, after = (
            np.linalg.norm((picture(head, *found, frame) - truth)[head.face_mask], axis=1).mean()
            for found in ((plain, tracks), (fit, moved))
        )
        assert after < 0.5 * before


def test_pins_at_the_head_itself_change_nothing(generic_head: HeadModel, tracks: Tracks, plain: HeadFit) -> None:
    head, fit = generic_head, plain
    at = picture(head, fit, tracks, PINNED)
    pins = tuple(Pin(PINNED, int(v), float(at[v, 0]), float(at[v, 1])) for v in places(head, 4))
    moved = pinned(head, tracks, fit, Settings(pins=pins), NOBODY)
    assert np.abs(moved.landmarks - tracks.landmarks).max() < 1e-3


def test_between_pinned_frames_the_shift_goes_from_one_to_the_other(
    generic_head: HeadModel, tracks: Tracks, plain: HeadFit
) -> None:
    """Pins 4 px to the right of the head in the first frame, and at the head in the last."""
    head, fit, last = generic_head, plain, FRAMES - 1
    pins = []
    for frame, shift in ((0, 4.0), (last, 0.0)):
        at = picture(head, fit, tracks, frame)
        pins += [Pin(frame, int(v), float(at[v, 0] + shift), float(at[v, 1])) for v in places(head, 3)]
    moved = pinned(head, tracks, fit, Settings(pins=tuple(pins)), NOBODY)
    shift = (moved.landmarks - tracks.landmarks)[:, :468, :2].mean(1)
    share = shift[:, 0] * fit.translation[:, 2] / (4 * fit.translation[0, 2])  # a shift of the head, not of the picture
    np.testing.assert_allclose(share, 1 - np.arange(FRAMES) / last, atol=0.1)  # it turns by up to 20 degrees


@pytest.mark.parametrize(
    ("pin", "said"),
    [
        (Pin(3, 10**6, 5, 5), "no vertex 1000000"),
        (Pin(3, 5, -4, 5), "beside the picture"),
        (Pin(40, 5, 5, 5), "Frame 40 has pins, but no face"),
    ],
)
def test_pins_that_are_nowhere_are_refused(generic_head: HeadModel, tracks: Tracks, pin: Pin, said: str) -> None:
    clip = Clip(Path("a.mp4"), WIDTH, HEIGHT, np.arange(99) / 25, 25.0, 8, "")
    check_pins((Pin(3, 5, 5, 5),), generic_head, clip, tracks)
    with pytest.raises(MicrofaceError, match=said):
        check_pins((pin,), generic_head, clip, tracks)


def test_pins_are_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pins.json"
    file.write_text(json.dumps([{"frame": 2, "vertex": 7, "x": 1.5, "y": 3}]))
    assert read_pins(file) == (Pin(2, 7, 1.5, 3.0),)
    for text in ("[", '{"frame": 2}', "[3]", '[{"frame": 2}]'):
        file.write_text(text)
        with pytest.raises(MicrofaceError, match="holds no pins"):
            read_pins(file)
    with pytest.raises(MicrofaceError, match="There is no file"):
        read_pins(tmp_path / "gone.json")
