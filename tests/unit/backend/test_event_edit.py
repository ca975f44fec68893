# SPDX-License-Identifier: GPL-3.0-or-later
"""Events corrected by a person, against closed forms."""

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.event_edit import merged, split, with_phase
from microface.backend.types import Event

SMILE = Event(1.0, 1.2, 1.4, "micro", ("mouthSmileLeft", "mouthSmileRight"), 2.0, 0.3, 0.9)
FROWN = Event(1.5, 1.6, 1.9, "micro", ("browDownLeft", "mouthSmileLeft"), 1.0, 0.2, 0.6)


def test_merged_spans_both_and_keeps_the_larger_ones_figures():
    for pair in ((SMILE, FROWN), (FROWN, SMILE)):
        both = merged(*pair)
        assert (both.onset_s, both.apex_s, both.offset_s) == (1.0, 1.2, 1.9)
        assert (both.peak_px, both.peak_std_px, both.confidence) == (2.0, 0.3, 0.9)
        assert both.units == ("mouthSmileLeft", "mouthSmileRight", "browDownLeft")
        assert both.kind == "macro"  # 0.9 s


def test_both_parts_together_are_the_whole():
    """A course that rises by 2 to 1.1 s, falls to 0 at 1.3 s and rises to -1 at the end."""
    time_s = np.array([1.0, 1.1, 1.3, 1.4])
    course = np.array([5.0, 7.0, 5.0, 4.0])
    event = Event(1.0, 1.1, 1.4, "micro", ("a",), 3.0, 0.3, 0.9)
    first, second = split(event, 1.25, time_s, course)
    assert (first.onset_s, first.apex_s, first.offset_s, first.peak_px) == (1.0, 1.1, 1.25, 3.0)
    assert (second.onset_s, second.apex_s, second.offset_s) == (1.25, 1.4, 1.4)
    assert second.peak_px == pytest.approx(1.5)  # half as far from the onset as the apex


def test_a_course_that_is_not_known_leaves_the_size():
    first, second = split(SMILE, 1.3, np.array([1.0, 1.4]), np.zeros(2))
    assert first.peak_px == second.peak_px == 2.0
    assert second.onset_s <= second.apex_s <= second.offset_s


@pytest.mark.parametrize("at", [0.5, 1.0, 1.4, 2.0])
def test_a_cut_outside_is_refused(at):
    with pytest.raises(MicrofaceError, match=r"not inside the event, which lasts from 1\.000 to 1\.400 s") as caught:
        split(SMILE, at, np.array([1.0, 1.4]), np.zeros(2))
    assert caught.value.code == "outside"


@pytest.mark.parametrize(
    ("phase", "at", "kind"),
    [("onset", 0.8, "macro"), ("onset", 0.9, "micro"), ("apex", 1.4, "micro"), ("offset", 1.6, "macro")],
)
def test_a_moment_moves_alone(phase, at, kind):
    moved = with_phase(SMILE, phase, at)
    assert getattr(moved, f"{phase}_s") == at and moved.kind == kind
    rest = {"onset_s", "apex_s", "offset_s", "peak_px", "units"} - {f"{phase}_s"}
    assert all(getattr(moved, name) == getattr(SMILE, name) for name in rest)


@pytest.mark.parametrize(("phase", "at"), [("onset", 1.3), ("apex", 0.9), ("apex", 1.5), ("offset", 1.1)])
def test_moments_stay_in_order(phase, at):
    with pytest.raises(MicrofaceError, match=f"The {phase} cannot be at {at:.3f} s") as caught:
        with_phase(SMILE, phase, at)
    assert caught.value.code == "out_of_order"


def test_a_blink_stays_a_blink_however_long():
    blink = Event(1.0, 1.1, 1.2, "blink", ("eyeBlinkLeft",), 4.0, 0.5, 1.0)
    assert with_phase(blink, "offset", 2.0).kind == "blink"
