# SPDX-License-Identifier: GPL-3.0-or-later
"""A hand that is painted out of a clip whose true motion is known costs the rest of the face next to nothing."""

from pathlib import Path

import pytest
from microface.tests.bench.occluder import row


@pytest.mark.long
def test_a_patch_over_the_smiling_mouth(built: None, tmp_path: Path) -> None:
    figures = row(("patch", 0), tmp_path, limits=False, paint=True)
    assert figures["painted out, unmarked"] < 1.25  # of the error without the patch
    assert figures["painted out, outside"] < 1.6
    assert figures["painted out, marked of it"] > 0.9
    assert figures["painted out, marked of the face"] < 0.1
    assert figures["painted out, invented"] == []
