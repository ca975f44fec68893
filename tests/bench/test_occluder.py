# SPDX-License-Identifier: GPL-3.0-or-later
"""What crosses the mouth during a smile leaves the rest of the face as it is, and nothing is invented."""

from pathlib import Path

import pytest
from microface.tests.bench.occluder import row


@pytest.mark.long
# 1.08 and 1.10 until the solve measured how slow the picture's error is; what it does with it beside an occluder is not understood.
@pytest.mark.xfail(strict=True, reason="1.21 unmarked: the aim of 1.1 is missed")
@pytest.mark.parametrize("name", ["patch", "bar"])
def test_outside_what_crosses_the_mouth_the_error_is_that_of_the_clean_clip(name: str, tmp_path: Path) -> None:
    found = row(name, tmp_path, limits=False)
    assert found["unmarked"] < 1.1
    assert found["marked of it"] > 0.9
    assert found["marked of the face"] < 0.2 and found["marked before and after"] == 0
    assert not found["invented"]
