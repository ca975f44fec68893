# SPDX-License-Identifier: GPL-3.0-or-later
"""Three pins: a face that no tracker sees is moved by its surface all the same, and one that it sees goes where they say."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.heads import portrait_tracker
from microface.backend.retarget.canvas import APART, find_face
from microface.backend.retarget.pins import OF_PINS, pinned_frame
from microface.backend.retarget.rig import Rig
from microface.backend.retarget.transfer import retarget
from microface.models.head.model import HeadModel
from microface.models.head.rotation import rotation_matrix

UNITS = ("browInnerUp", "mouthSmileLeft", "mouthSmileRight", "eyeWideLeft", "mouthUpperUpLeft")
LYING = rotation_matrix(np.array([0, 0, 1.5]))  # on its side: the tracker recognises none


def blind(_picture: object) -> None:
    return None


def middles(head: HeadModel) -> np.ndarray:
    """(3, 3) where its landmarks say that eyes and mouth are."""
    points = head.landmark_points(head.template)
    return np.stack([points[np.searchsorted(head.landmark_index, pair)].mean(0) for pair in OF_PINS])


@pytest.fixture
def rig(generic_head: HeadModel) -> Rig:
    """The generic head as a rig of keys without names, lying on its side, three times as large, and pinned."""
    head = generic_head
    basis = np.stack([head.expression[head.expression_names.index(unit)] for unit in UNITS])
    return Rig(
        3 * head.template @ LYING.T, head.faces, tuple(f"Key {k}" for k in range(len(UNITS))), ("key",) * len(UNITS),
        np.zeros(len(UNITS)), np.ones(len(UNITS)), (3 * basis @ LYING.T).astype(np.float32), 3 * middles(head) @ LYING.T,
    )  # fmt: skip


def test_pins_say_where_a_face_is(generic_head: HeadModel, rig: Rig) -> None:
    turn, scale, middle = pinned_frame(rig.pins, generic_head, APART)
    placed = scale * (rig.pins - middle) @ turn.T
    assert placed[1, 0] - placed[0, 0] == pytest.approx(APART, rel=1e-4)
    np.testing.assert_allclose(turn, LYING.T, atol=1e-6)
    for bad in (rig.pins[[0, 0, 2]], np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0.0]])):
        with pytest.raises(MicrofaceError, match="eyes above a mouth"):
            pinned_frame(bad, generic_head, APART)


def test_a_face_that_no_tracker_sees(generic_head: HeadModel, rig: Rig, acting: Callable[..., object]) -> None:
    values = 0.05 * np.sin(np.linspace(0, np.pi, 20))[:, None] * np.arange(1, len(UNITS) + 1)
    expression = np.zeros((20, len(generic_head.expression_names)))
    for column, unit in enumerate(UNITS):
        expression[:, generic_head.expression_names.index(unit)] = values[:, column]
    take = acting(generic_head, expression)
    with pytest.raises(MicrofaceError, match="set pins"):
        retarget(take, generic_head, replace(rig, pins=np.zeros((0, 3))), blind)
    found, _ = retarget(take, generic_head, rig, blind, "keys")
    assert found.method == "surface"
    np.testing.assert_allclose(found.values, values, atol=0.03 * values.max())


def test_what_the_tracker_sees_is_moved_to_the_pins(built: None, generic_head: HeadModel) -> None:
    """Pins 4 mm further to the left take eyes and mouth there."""
    vertices, tracker = generic_head.template, portrait_tracker()
    true, pinned = (
        find_face(
            vertices, generic_head.faces, tracker, None, middles(generic_head) + np.array([shift, 0, 0]), generic_head
        )
        for shift in (0, 0.004)
    )
    moved = (middles(replace(pinned.head, template=vertices)) - middles(replace(true.head, template=vertices))) * 1e3
    np.testing.assert_allclose(moved[:, :2], np.tile([4, 0], (3, 1)), atol=0.8)
    own = np.intersect1d(true.head.landmark_index, generic_head.landmark_index)
    truth = generic_head.landmark_points(vertices)[np.searchsorted(generic_head.landmark_index, own)]
    found = true.head.landmark_points(vertices)[np.searchsorted(true.head.landmark_index, own)]
    assert np.median(np.linalg.norm(found - truth, axis=1)) < 2e-3
