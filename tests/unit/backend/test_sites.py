# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion of the skin at places of the face, against what a known motion does there."""

from types import SimpleNamespace

import numpy as np
import pytest
from microface.backend.sites import COUNT, sites


def still(stage, frames: int = 3) -> SimpleNamespace:
    surface = stage.surface
    units, detail = len(surface.causes.unit_names), surface.causes.detail_count
    return SimpleNamespace(
        units=np.zeros((frames, units)), units_std=np.zeros((frames, units)), detail=np.zeros((frames, detail)),
        detail_variance=np.zeros(detail), covered=np.zeros((frames, 2), bool),
    )  # fmt: skip


def test_a_unit_moves_the_places_as_it_moves_the_vertices_there(stage) -> None:
    """Against the mean motion of the nearest vertices."""
    surface, solved = stage.surface, still(stage)
    column = surface.causes.unit_names.index("mouthSmileLeft")
    solved.units[1, column], solved.units_std[2, column] = 0.1, 0.1
    found = sites(surface, solved, np.zeros(len(surface.vertices), int), surface.causes.unit_names)
    motion = found.motion_px.reshape(3, COUNT, 2)
    field = 0.1 / surface.causes.unit_scale[column] * surface.causes.basis[column] * surface.px_per_m
    skin = surface.seen & surface.skin
    largest = np.linalg.norm(field[skin], axis=1).max()
    place = int(np.linalg.norm(motion[1], axis=1).argmax())
    assert 0.4 * largest < np.linalg.norm(motion[1, place]) <= largest
    assert found.names[2 * place].startswith(
        ("mouthSmileLeft", "cheek", "mouthFrownLeft", "mouthDimpleLeft", "mouthStretch")
    )
    assert not motion[0].any() and found.std_px[2] == pytest.approx(np.abs(found.motion_px[1]))


def test_places_lie_apart_all_over_the_face_and_hide_with_their_patch(stage) -> None:
    surface, solved = stage.surface, still(stage)
    where = surface.vertices[:, 0]
    patch = (where > np.median(where[surface.seen & surface.skin])).astype(int)
    solved.covered[1, 1] = True
    found = sites(surface, solved, patch, surface.causes.unit_names)
    assert (found.seen[[0, 2]] == 1).all()
    assert (found.seen[1] < 0.1).mean() > 0.25 and (found.seen[1] > 0.9).mean() > 0.25
    assert len(set(found.names)) == 2 * COUNT
    assert not any(name.startswith("eyeBlink") for name in found.names)
    assert len({name.split()[0] for name in found.names}) >= 8
