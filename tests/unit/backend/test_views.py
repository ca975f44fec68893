# SPDX-License-Identifier: GPL-3.0-or-later
"""Which templates a turning head needs, and which of them serves a frame."""

import numpy as np
import pytest
from microface.backend.spans import spans_of
from microface.backend.types import FLIP
from microface.backend.views import REACH, distances, further_views, serving, viewpoints
from scipy.spatial.transform import Rotation


def views_at(generic_head, degrees: np.ndarray, axis: int = 1, scale: float = 1.0) -> np.ndarray:
    """(N, 4) of a head that turns on the spot, its face in the middle of the picture, 0.6 m away."""
    shape = np.zeros(len(generic_head.identity))
    joint = generic_head.joints(shape)[0]
    centre = generic_head.landmark_points(generic_head.neutral(shape)).mean(0)
    turn = Rotation.from_rotvec(np.radians(degrees)[:, None] * np.eye(3)[axis])
    away = np.array([0, 0, 0.6 * scale]) - (turn.apply(centre - joint) + joint) @ FLIP
    return viewpoints(generic_head, shape, turn.as_rotvec(), away)


@pytest.mark.parametrize("axis", [0, 1])
def test_views_are_as_far_apart_as_the_head_turns(generic_head, axis: int) -> None:
    views = views_at(generic_head, np.array([0.0, 5.0, 20.0]), axis)
    chord = 2 * np.sin(np.radians([0, 5, 20]) / 2)
    assert np.allclose(distances(views[:1], views)[0], chord, atol=1e-9)


def test_roll_needs_no_template_and_a_quarter_nearer_counts_as_a_turn_by_the_reach(generic_head) -> None:
    rolled = views_at(generic_head, np.array([0.0, 40.0]), axis=2)
    assert distances(rolled[:1], rolled)[0, 1] < 1e-9
    near = np.concatenate([views_at(generic_head, np.zeros(1)), views_at(generic_head, np.zeros(1), scale=1 / 1.25)])
    assert distances(near[:1], near)[0, 1] == pytest.approx(REACH)


def test_a_head_that_hardly_turns_needs_one_template(generic_head) -> None:
    views = views_at(generic_head, 11 * np.sin(np.arange(200) / 20))
    assert further_views(views, views[0]) == []
    turned = np.where(np.arange(200) < 198, 0.0, 30.0)  # two frames far away are not worth one either
    assert further_views(views_at(generic_head, turned), views[0]) == []


def test_every_frame_of_a_turning_head_is_near_a_template_that_is_near_another(generic_head) -> None:
    degrees = 40 * np.sin(np.arange(300) / 40)
    views = views_at(generic_head, degrees)
    views[50:60] = np.nan
    chosen = further_views(views, views[0])
    places = views[[0, *chosen]]
    nearest = distances(places, views).min(0)
    assert np.isinf(nearest[50:60]).all()
    assert np.nanmax(nearest[np.isfinite(nearest)]) <= REACH
    assert len(chosen) <= 6
    apart = distances(places, places)
    for k in range(1, len(places)):
        assert apart[k, :k].min() <= np.radians(18.1)


def test_the_template_changes_seldom_and_rest_serves_rest(generic_head) -> None:
    degrees = np.r_[
        np.zeros(30), 9 + 1.5 * np.sin(np.arange(40)), np.full(30, 22.0), np.linspace(22, 0, 20), np.zeros(30)
    ]
    views = views_at(generic_head, degrees)
    served = serving(distances(views_at(generic_head, np.array([0.0, 18.0])), views))
    assert (served[:30] == 0).all()
    assert (served[72:100] == 1).all()
    assert (served[-30:] == 0).all()
    assert np.abs(np.diff(served)).sum() == 2


def test_frames_without_a_face_do_not_matter() -> None:
    distance = np.full((2, 40), np.inf)
    distance[0, :10], distance[1, :10] = 0.0, 0.3
    distance[0, 30:], distance[1, 30:] = 0.3, 0.0
    served = serving(distance)
    assert (served[:10] == 0).all()
    assert (served[30:] == 1).all()


@pytest.mark.parametrize("lengths", [[50], [50, 60], [3, 40, 1, 2, 90, 5], [1, 1, 1]])
def test_the_weights_of_spans_add_up_to_one(lengths: list[int]) -> None:
    served = np.concatenate([np.full(n, k % 3) for k, n in enumerate(lengths)])
    spans = spans_of(served, 60.0)
    total, count = np.zeros(len(served)), np.zeros(len(served), int)
    for span in spans:
        total[span.start : span.stop] += span.weight
        count[span.start : span.stop] += 1
    assert np.allclose(total, 1, atol=1e-12)
    assert count.max() <= 2
    assert [span.anchor for span in spans] == [k % 3 for k in range(len(lengths))]
    if len(lengths) == 1:
        assert (spans[0].weight == 1).all()
