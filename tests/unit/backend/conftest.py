# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backend's tests share."""

import pytest
from microface.models import assets
from microface.models.head.model import HeadModel, read_head


@pytest.fixture(scope="session")
def generic_head() -> HeadModel:
    if not (assets.FOLDER / "generic_head.npz").is_file():
        pytest.skip("generic_head.npz is not built")
    return read_head(assets.FOLDER / "generic_head.npz")
