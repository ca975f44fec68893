# SPDX-License-Identifier: GPL-3.0-or-later
"""The B-spline sheet against SciPy's splines and closed forms."""

import numpy as np
import pytest
from microface.backend.motion.sheet import Seam, SplineSheet
from scipy.interpolate import BSpline

LOW, HIGH, SPACING = (3.0, 5.0), (75.0, 65.0), 12.0
RANDOM = np.random.default_rng(0)


@pytest.fixture
def sheet() -> SplineSheet:
    return SplineSheet(LOW, HIGH, SPACING)


@pytest.fixture
def points() -> np.ndarray:
    return RANDOM.uniform(LOW, HIGH, (200, 2))


@pytest.fixture
def lips() -> SplineSheet:
    """A sheet cut along a slightly curved line that ends inside it."""
    x = np.linspace(9.0, 99.0, 10)
    return SplineSheet((0, 0), (108, 96), SPACING, (Seam(np.stack([x, 48 + (x - 54) ** 2 / 600], 1)),))


def test_constants_and_planes_are_exact(sheet: SplineSheet, points: np.ndarray) -> None:
    phi = sheet.design(points)
    assert np.allclose(phi @ np.ones(sheet.size), 1, atol=1e-12)
    assert np.allclose(
        phi @ (2 - 0.3 * sheet.nodes[:, 0] + 0.7 * sheet.nodes[:, 1]), 2 + points @ [-0.3, 0.7], atol=1e-10
    )


def test_design_is_the_product_of_scipys_cubic_splines(sheet: SplineSheet, points: np.ndarray) -> None:
    coefficients = RANDOM.normal(size=(sheet.rows, sheet.columns))
    knots = [LOW[k] + SPACING * (np.arange(n + 4) - 3.0) for k, n in enumerate((sheet.columns, sheet.rows))]
    along_x, along_y = (BSpline.design_matrix(points[:, k], knots[k], 3).toarray() for k in (0, 1))
    expected = np.einsum("mr,rc,mc->m", along_y, coefficients, along_x)
    assert np.allclose(sheet.design(points) @ coefficients.ravel(), expected, atol=1e-12)


def test_bending_energy_of_planes_and_quadratics(sheet: SplineSheet) -> None:
    bending, (x, y) = sheet.bending(), sheet.nodes.T
    plane = 2 - 0.3 * x + 0.7 * y
    a, b, c = 0.002, -0.003, 0.0015
    quadratic = a * x * x + b * x * y + c * y * y
    # The integral of u_xx^2 + 2 u_xy^2 + u_yy^2 is second differences squared: each is constant here.
    rows, columns, h4 = sheet.rows, sheet.columns, SPACING**4
    expected = rows * (columns - 2) * (2 * a) ** 2 + columns * (rows - 2) * (2 * c) ** 2
    expected += 2 * (rows - 1) * (columns - 1) * b**2
    assert plane @ bending @ plane == pytest.approx(0, abs=1e-8)
    assert quadratic @ bending @ quadratic == pytest.approx(h4 * expected, rel=1e-9)


def test_a_seam_lets_its_two_sides_apart_and_nothing_else(lips: SplineSheet) -> None:
    c = RANDOM.normal(size=lips.size)
    seam = lips.seams[0]
    x = np.linspace(1, 107, 300)
    step = np.array([0, 1e-7])
    on = np.stack([x, seam.height_at(x)], 1)
    jump = np.abs((lips.design(on + step) - lips.design(on - step)) @ c)
    assert np.median(jump[(x > 30) & (x < 78)]) > 0.1
    # A cut node at most 2 spacings away acts: past the ends of the cut nodes the sheet is whole.
    free = lips.nodes[lips.seam_of >= 0]
    outside = (x < free[:, 0].min() - 2 * SPACING) | (x > free[:, 0].max() + 2 * SPACING)
    assert jump[outside].max(initial=0) < 1e-5
    away = RANDOM.uniform((0, 0), (108, 96), (500, 2))
    away = away[np.abs(away[:, 1] - seam.height_at(away[:, 0])) > 0.1]
    assert np.abs((lips.design(away + 1e-7) - lips.design(away - 1e-7)) @ c).max() < 1e-5


def test_a_cut_sheet_still_holds_planes_without_cost(lips: SplineSheet) -> None:
    plane = np.empty(lips.size)
    plane[: len(lips.nodes)] = plane[lips.second] = 1 + lips.nodes @ [0.2, -0.1]
    assert plane @ lips.bending() @ plane == pytest.approx(0, abs=1e-8)


def test_neither_side_of_a_seam_holds_the_other() -> None:
    line = np.array([[-60.0, 47.0], [170.0, 50.0]])  # all the way across
    sheet = SplineSheet((0, 0), (108, 96), SPACING, (Seam(line),))
    upper, lower = 1 + sheet.nodes @ [0.2, -0.1], -2 + sheet.nodes @ [-0.05, 0.3]
    c = np.empty(sheet.size)
    c[sheet.second] = lower
    c[: len(sheet.nodes)] = np.where((sheet.seam_of < 0) & sheet.seams[0].below(sheet.nodes), lower, upper)
    assert c @ sheet.bending() @ c == pytest.approx(0, abs=1e-8)
    points = RANDOM.uniform((0, 0), (108, 96), (300, 2))
    below = sheet.seams[0].below(points)
    expected = np.where(below, -2 + points @ [-0.05, 0.3], 1 + points @ [0.2, -0.1])
    assert np.allclose(sheet.design(points) @ c, expected, atol=1e-10)
