# SPDX-License-Identifier: GPL-3.0-or-later
"""The sheet of units shows every unit of every head, and the same head twice alike."""

from dataclasses import replace

import numpy as np
import pytest
from microface.models.head import unit_sheet as sheet
from microface.models.head.units import UNIT_NAMES

UPPER, LOWER = ("browInnerUp", "eyeBlinkLeft"), ("jawOpen", "mouthClose", "tongueOut")


@pytest.fixture
def few(monkeypatch):
    """Five units: all 52 take half a minute."""
    monkeypatch.setattr(sheet, "UNIT_NAMES", (*UPPER, *LOWER))


def cells(picture, heads):
    """Rows of cells, each as its heads' pictures without the title."""
    heights = [sheet.BAR + round(sheet.SCALE * view[1]) + sheet.GAP for view in (sheet.UPPER_VIEW, sheet.LOWER_VIEW)]
    assert picture.shape == (sum(heights), sheet.COLUMNS * (heads * (sheet.WIDTH + sheet.GAP) + 2 * sheet.GAP), 3)
    found, wide = [], picture.shape[1] // sheet.COLUMNS
    for row, height in zip(np.split(picture, [heights[0]]), heights, strict=True):
        for column in range(sheet.COLUMNS):
            cell = row[sheet.BAR : height - sheet.GAP, column * wide : (column + 1) * wide]
            found.append([cell[:, k * (sheet.WIDTH + sheet.GAP) :][:, : sheet.WIDTH] for k in range(heads)])
    return found


def test_every_unit_of_every_head_is_shown(generic, few):
    told = []
    found = cells(sheet.unit_sheet([generic, generic], told.append), heads=2)
    np.testing.assert_allclose(told, np.arange(1, 8) / 7)
    for mine, other in found:
        np.testing.assert_array_equal(mine, other)
    shown = [found[k][0].tobytes() for k in (0, 1, 2, 4, 5, 6, 7)]
    assert len(set(shown)) == 7  # rest and two units, rest and three
    assert not np.any(found[3])  # nothing: the upper row has three cells


def test_a_unit_that_a_head_lacks_is_shown_at_rest(generic, few):
    kept = [k for k, name in enumerate(UNIT_NAMES) if name != "browInnerUp"]
    bare = replace(generic, expression=generic.expression[kept], expression_names=tuple(UNIT_NAMES[k] for k in kept))
    (mine, other), (raised, still) = cells(sheet.unit_sheet([generic, bare]), heads=2)[:2]
    np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(still, other)
    assert (raised != mine).any()


def test_a_mouth_closes_on_an_open_jaw(generic, few):
    """The chin is as low as in jawOpen, and nothing of the mouth is seen."""
    found = cells(sheet.unit_sheet([generic]), heads=1)
    rest, opened, closed = (found[k][0].astype(int) for k in (4, 5, 6))
    red = [int((picture[..., 0] > 2 * picture[..., 1]).sum()) for picture in (rest, opened, closed)]
    assert red[0] == red[2] == 0 and red[1] > 150
    # the chin, before the shade of the neck
    lit = [int((picture[-60:].max(2) > 90).sum()) for picture in (rest, opened, closed)]
    assert lit[1] > lit[0] + 300 and abs(lit[2] - lit[1]) < 100
