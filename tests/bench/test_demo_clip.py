# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's clip shows the motion that its truth claims: measured in its pictures by OpenCV's tracker."""

import cv2
import numpy as np
import pytest
from microface.tests.bench.demo_clip import Performance, Plan, Portrait, truth_pixels


@pytest.fixture(scope="module")
def performance() -> Performance:
    return Performance(Portrait(Plan()))


def test_pictures_move_as_the_surface_does(performance: Performance) -> None:
    portrait, apex = performance.portrait, Plan().apex
    first, last = (np.clip(performance.picture(k)[1], 0, 255).astype(np.uint8) for k in (0, apex))
    places = cv2.goodFeaturesToTrack(first, 200, 0.02, 8, mask=portrait.face.astype(np.uint8)).astype(np.float32)
    found, status, _ = cv2.calcOpticalFlowPyrLK(
        first,
        last,
        places,
        None,
        winSize=(13, 13),
        criteria=(cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 50, 1e-4),
    )
    x, y = np.round(places[:, 0]).astype(int).T
    true = (portrait.project(performance.points(apex)) - portrait.grid)[:, y, x].T
    error = np.linalg.norm((found - places)[:, 0] - true, axis=1)[status[:, 0] > 0]
    assert len(error) > 50
    assert np.linalg.norm(true, axis=1).max() > 1.5
    assert np.median(error) < 0.05
    assert np.percentile(error, 90) < 0.12


def test_the_motion_is_what_the_plan_says(performance: Performance) -> None:
    plan, portrait = Plan(), performance.portrait
    local = np.linalg.norm(portrait.project(portrait.surface + portrait.bumps) - portrait.grid, axis=0)
    assert local.max() == pytest.approx(plan.amp_px, rel=0.01)
    assert local[portrait.face].max() > 0.9 * plan.amp_px
    course = plan.course()
    assert int(np.argmax(course)) == plan.apex
    assert course[: plan.onset + 1].max() == course[plan.offset :].max() == 0
    x, y = truth_pixels(portrait)
    paths = np.stack([portrait.project(performance.points(k)) for k in range(0, plan.frames, 8)])[:, :, y, x]
    drift = np.linalg.norm((paths - paths[0]).mean(2), axis=1)
    assert 1 < drift.max() < 2 * plan.drift_px
    assert np.abs(paths[0] - portrait.grid[:, y, x]).max() < 1e-9  # the first frame is the portrait


def test_nothing_is_torn(performance: Performance) -> None:
    """The motion of the pictures changes by less than a tenth of a pixel from pixel to pixel, and ends at the border."""
    portrait = performance.portrait
    for frame in (Plan().apex, Plan().frames - 1):
        motion = (portrait.project(performance.points(frame)) - portrait.grid) * portrait.follows
        assert max(np.abs(np.diff(motion, axis=axis)).max() for axis in (1, 2)) < 0.1
        assert np.abs(motion[:, [0, -1]]).max() < 0.1
        assert np.abs(motion[:, :, [0, -1]]).max() < 0.1
