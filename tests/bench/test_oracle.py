# SPDX-License-Identifier: GPL-3.0-or-later
"""The solve that is given the truth finds it: what the oracle rows of the benchmark rest on."""

from pathlib import Path

from microface.tests.bench.clips.plan import Plan
from microface.tests.bench.oracle import solved

#: Strong compression, so that what the picture itself says of a 1 px motion is mostly wrong (err2d 1.5).
PLAN = Plan("oracle", "dev", "crf", 23.0, "astronaut", 10_300, amp_px=1.0, fps=100.0, seconds=0.48, crf=23)


def test_true_motion_depth_and_pose_are_solved_though_the_footage_hardly_shows_them(
    tmp_path: Path, built: None
) -> None:
    found = solved((PLAN, "true image motion, depth and pose"), tmp_path)
    assert found["err2d"] < 0.5
    assert found["corr"] > 0.99
