# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain table: what stands in it is in the take, and region motion is that of the head's own formula."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.exchange.arkit import weights_of
from microface.backend.exchange.curves import write_curves
from microface.backend.exchange.intensity import intensities
from microface.backend.exchange.region_motion import region_motion
from microface.backend.types import NO_FACE, Take
from microface.models.head.action_units import ACTION_UNITS, action_unit, named_units
from microface.models.head.model import HeadModel
from microface.models.head.units import UNIT_NAMES


def read(path: Path) -> dict[str, np.ndarray]:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        name: np.array([row[name] if name == "state" else float(row[name] or "nan") for row in rows])
        for name in rows[0]
    }


def test_action_units_hold_every_named_unit_once() -> None:
    members = [unit for units in ACTION_UNITS.values() for unit in units]
    assert len(members) == len(set(members))
    assert set(members) <= set(UNIT_NAMES)
    for unit in members:
        number, side = action_unit(unit) or (0, "")
        assert unit in named_units(number, side)
    assert action_unit("mouthSmileRight") == (12, "R")
    assert action_unit("eyeLookInRight") == (61, "")
    assert action_unit("mouthLeft") is None
    assert named_units(12, "L") == ("mouthSmileLeft",)


def test_the_table_is_the_take(named_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path) -> None:
    std = np.random.default_rng(1).random((40, 52)).astype(np.float32)
    take = make_take(named_head, expression_std=std)
    write_curves(tmp_path / "a.csv", take, named_head)
    table = read(tmp_path / "a.csv")
    np.testing.assert_array_equal(table["time_s"], take.time_s)  # to the last bit
    assert table["state"][[4, 5]].tolist() == ["measured", "no_face"]
    numbers = [name for name in table if name not in ("time_s", "state")]
    assert all(np.isnan(table[name][5]) for name in numbers if not name.endswith("_std"))
    smile = UNIT_NAMES.index("mouthSmileLeft")
    np.testing.assert_allclose(table["mouthSmileLeft"], take.expression[:, smile], rtol=1e-6)
    np.testing.assert_allclose(table["mouthSmileLeft_std"], std[:, smile], rtol=1e-6)
    np.testing.assert_allclose(table["jawOpen"], take.pose[:, 2, 0] / 0.5, rtol=1e-6)
    np.testing.assert_allclose(table["root_y_rad"], take.pose[:, 0, 1], rtol=1e-6)
    np.testing.assert_allclose(table["translation_z_m"], take.translation[:, 2], rtol=1e-6)
    pair = take.expression[:, [smile, UNIT_NAMES.index("mouthSmileRight")]]
    np.testing.assert_allclose(table["AU12"], pair.mean(1), rtol=1e-5, atol=1e-7)


def test_deviation_of_an_action_unit_knows_what_goes_together(
    named_head: HeadModel, make_take: Callable[..., Take]
) -> None:
    """Both sides of a smile: errors that are alike stay, opposite ones cancel, independent ones fall by sqrt 2."""
    left, right = UNIT_NAMES.index("mouthSmileLeft"), UNIT_NAMES.index("mouthSmileRight")
    column = list(ACTION_UNITS).index(12)
    for pair, expected in (((0.1, 0.1), 0.1), ((0.1, -0.1), 0.0), ((0.0, 0.0), 0.1 / np.sqrt(2))):
        factor = np.zeros((40, 52, 1), np.float32)
        factor[:, [left, right], 0] = pair
        std = np.full((40, 52), 0.1, np.float32)
        take = make_take(named_head, expression_std=std, expression_factor=factor)
        _, found = intensities(take, weights_of(take))
        np.testing.assert_allclose(found[:, column], expected, atol=1e-4)


def test_regions_move_as_the_whole_head_says(named_head: HeadModel, make_take: Callable[..., Take]) -> None:
    basis = 0.002 * np.random.default_rng(5).standard_normal((1, 30, 3)).astype(np.float32)
    take = replace(make_take(named_head), detail_basis=basis, detail=np.ones((40, 1), np.float32))
    take.valid[7] = NO_FACE
    names, px, mm = region_motion(take, named_head)
    assert names == ("mouth", "cheeks")
    assert np.isnan(px[[5, 7]]).all() and np.isnan(mm[[5, 7]]).all()
    pose = take.pose[3].copy()
    pose[2] = 0
    still = named_head.vertices(take.shape, np.zeros(52), pose, take.translation[3])
    acted = named_head.vertices(take.shape, take.expression[3], take.pose[3], take.translation[3], basis[0])
    points = [vertices[:9].reshape(3, 3, 3).mean(1) for vertices in (still, acted)]
    length = 1000 * np.linalg.norm(points[1] - points[0], axis=1)
    np.testing.assert_allclose(mm[3], [length[:2].mean(), length[2]], rtol=1e-5)
    seen = [(point @ take.camera.T)[:, :2] / point[:, 2:] for point in points]
    length = np.linalg.norm(seen[1] - seen[0], axis=1)
    np.testing.assert_allclose(px[3], [length[:2].mean(), length[2]], rtol=1e-5)


def test_another_head_is_refused(
    named_head: HeadModel, flame_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    with pytest.raises(MicrofaceError, match="another head"):
        write_curves(tmp_path / "a.csv", make_take(named_head), flame_head)
    assert not (tmp_path / "a.csv").exists()
