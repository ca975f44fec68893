# SPDX-License-Identifier: GPL-3.0-or-later
"""Pins against a head whose every vertex is known, while the tracker's landmarks are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from microface.backend.identity import fit_head, form_offset
from microface.backend.pins import pinned
from microface.backend.rest import rest_candidates
from microface.backend.types import FLIP, HeadFit, Pin, Settings, Tracks
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT, FRAMES, FOCAL = 640, 480, 12, 830.0
CAMERA = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1.0]])
FOV_DEG = float(np.degrees(2 * np.arctan(WIDTH / 2 / FOCAL)))
PINNED = 8  #: frame
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


@pytest.mark.parametrize("count", [3, 6])
def test_pins_bring_the_head_to_the_picture(generic_head: HeadModel, tracks: Tracks, count: int) -> None:
    head, pins = generic_head, at_truth(generic_head, count)
    settings, fit, moved = Settings(pins=pins), fitted(generic_head, tracks), tracks
    before = picture(head, fit, tracks, PINNED)
    for _ in range(ROUNDS):
        moved = pinned(head, moved, fit, settings, NOBODY)
        fit = fitted(head, moved)
    own, where = [pin.vertex for pin in pins], np.array([[pin.x, pin.y] for pin in pins])
    miss = np.linalg.norm(picture(head, fit, moved, PINNED)[own] - where, axis=1)
    assert np.linalg.norm(before[own] - where, axis=1).min() > 2
    print(count, miss)
    assert miss.max() < 1
    face = head.face_mask
    for frame in range(FRAMES):  # the rest of the face and the other frames follow
        truth = project(vertices(head, frame), CAMERA)[face, :2]
        plain = picture(head, fitted(head, tracks), tracks, frame)[face] if frame == 2 else None
        off = np.linalg.norm(picture(head, fit, moved, frame)[face] - truth, axis=1)
        print(frame, off.mean(), off.max(), None if plain is None else np.linalg.norm(plain - truth, axis=1).mean())
