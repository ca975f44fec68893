# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames show rest, where something passes before the face."""

import numpy as np
import pytest
from microface.backend.rest import AS_CALM, rest_candidates
from microface.backend.types import HeadFit, Tracks


def clip_of(sizes: np.ndarray) -> tuple[Tracks, HeadFit]:
    """A still head with one unit of these strengths."""
    count = len(sizes)
    tracks = Tracks(
        np.arange(count), np.zeros((count, 478, 3), np.float32), np.ones(count, np.float32), np.zeros(count, int),
        np.zeros(0, int),
    )  # fmt: skip
    still = np.zeros((count, 3))
    change = np.full((count, 1), np.nan)
    return tracks, HeadFit(np.zeros(1), np.ones(1), np.eye(3), still, still, sizes[:, None], 0.0, change)


@pytest.mark.parametrize(("calmer", "taken"), [(0.6 * AS_CALM, False), (2 * AS_CALM, True)])
def test_disturbed_frames_show_rest_only_where_nothing_else_is_as_calm(calmer: float, taken: bool) -> None:
    """A strand of hair makes the landmarks seem calmer; a face at rest in footage of a wide smile looks as strange."""
    disturbed = np.zeros(60, bool)
    disturbed[20:32] = True
    tracks, fit = clip_of(np.where(disturbed, 1 - calmer, 1.0) + np.random.default_rng(0).normal(0, 0.005, 60))
    found = rest_candidates(tracks, fit, None, disturbed)
    assert len(found) > 8 and disturbed[found].all() == taken and disturbed[found].any() == taken
    assert disturbed[rest_candidates(tracks, fit, None)].all()


def test_where_everything_is_disturbed_the_calmest_show_rest() -> None:
    tracks, fit = clip_of(np.r_[np.full(10, 0.2), np.full(30, 1.0)])
    assert rest_candidates(tracks, fit, None, np.ones(40, bool)).max() < 10
