# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns and exact displacement against finite differences and the head model."""

import numpy as np
import pytest
from microface.backend.motion.rigid import RigidMotion
from microface.backend.solve.columns import Columns
from microface.models.head.raster import project
from scipy.spatial.transform import Rotation

STILL = RigidMotion(np.eye(3)[None], np.zeros((1, 3)))


def moved(columns: Columns, pose=0.0, depth=0.0, expression=0.0, coarse: RigidMotion = STILL) -> np.ndarray:
    """(2n,) sheet coefficients of one frame."""
    layout = columns.layout
    full = np.zeros((1, 6)) + pose, np.zeros(layout.depths) + depth, np.zeros((1, layout.expressions)) + expression
    return columns.to_sheet(columns.displacement(coarse, *full))[0]


def test_pose_columns_are_the_derivatives_of_the_motion(columns: Columns) -> None:
    for k, step in enumerate(np.eye(6) * 1e-3):
        difference = (moved(columns, step) - moved(columns, -step)) / 2e-3
        assert np.allclose(difference, columns.coefficients[:, k], atol=1e-5 * np.abs(difference).max())


def test_expression_columns_are_the_derivatives_of_the_motion(columns: Columns) -> None:
    for k in range(0, columns.layout.expressions, 29):
        step = np.eye(columns.layout.expressions)[k] * 1e-3
        difference = (moved(columns, expression=step) - moved(columns, expression=-step)) / 2e-3
        column = columns.coefficients[:, columns.layout.expression[k]]
        assert np.allclose(difference, column, atol=1e-5 * np.abs(difference).max())


def test_depth_columns_are_the_mixed_derivatives_of_the_motion(columns: Columns) -> None:
    bumps = columns.layout.depths
    for j, pose in enumerate((0, 1, 3, 4)):
        turn, bump = np.eye(6)[pose] * 1e-2, np.eye(bumps)[bumps // 2] * 1e-4
        corners = [moved(columns, a * turn, b * bump) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
        difference = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * 1e-2 * 1e-4)
        column = columns.coefficients[:, columns.layout.depth[j][bumps // 2]]
        assert np.allclose(difference, column, atol=2e-3 * np.abs(column).max())


def test_a_units_column_is_what_the_head_model_does(columns: Columns, stage) -> None:
    reference, surface = stage.surface.reference, stage.surface
    head, step = reference.head, 1e-3
    pose = np.zeros((len(head.joint_names), 3))
    pose[0] = reference.pose
    points = surface.points[columns._anchor]
    for name in ("mouthSmileLeft", "browInnerUp", "cheekSquintRight"):
        expression = np.eye(len(head.expression_names))[head.expression_names.index(name)] * step
        vertices = stage.vertices(expression, pose, reference.translation)
        after = project(stage.points(vertices)[columns._anchor], reference.camera)[:, :2]
        flow = (after - project(points, reference.camera)[:, :2]) / step
        number = surface.causes.unit_names.index(name)
        column = columns.coefficients[:, columns.layout.expression[number]] / surface.causes.unit_scale[number]
        assert np.allclose(columns.to_sheet(flow[None])[0], column, atol=0.01 * np.abs(column).max())


def test_a_known_turn_and_shift_as_pose(columns: Columns) -> None:
    axis, shift, centre = np.array([0.03, -0.2, 0.1]), np.array([0.01, 0.0, -0.02]), columns.surface.centre
    turn = Rotation.from_rotvec(axis).as_matrix()
    coarse = RigidMotion(turn[None], (centre + shift - turn @ centre)[None])
    assert np.allclose(columns.as_pose(coarse)[0], np.r_[axis, shift] * columns.pose_scale, atol=1e-9)


def test_motion_is_measured_on_top_of_the_coarse_motion(columns: Columns) -> None:
    turn = Rotation.from_rotvec([0.02, -0.1, 0.15]).as_matrix()
    shift = columns.surface.centre - turn @ columns.surface.centre + [0.01, 0, 0.02]
    coarse = RigidMotion(turn[None], shift[None])
    assert np.abs(moved(columns, coarse=coarse)).max() < 1e-9
    # As fine motion the same pose moves every point by what the coarse views say.
    still = project(columns.surface.points[columns._anchor], columns.surface.reference.camera)[:, :2]
    base = coarse.views(columns.surface.points, columns.surface.reference.camera).base[0, columns._anchor]
    nothing = np.zeros(columns.layout.depths), np.zeros((1, columns.layout.expressions))
    got = columns.displacement(STILL, columns.as_pose(coarse), *nothing)
    assert np.allclose(got[0], base - still, atol=1e-6)


def test_columns_are_one_pixel_large(columns: Columns, stage) -> None:
    surface = stage.surface
    pose = surface.rigid_flow(surface.points[columns._anchor]) / columns.pose_scale[:, None, None]
    assert np.allclose(np.sqrt((pose**2).sum(2).mean(1)), 1)
    units = surface.causes.basis[surface.causes.group == 0][:, surface.seen & surface.skin]
    size = np.linalg.norm(units, axis=2) * surface.px_per_m
    assert np.percentile(size, 99.7, axis=1) == pytest.approx(1, rel=1e-6)


def test_units_of_both_sides_at_once_add_up(stage) -> None:
    """Any strengths of the columns move the vertices as the units they are mixed to, at full strength, would."""
    surface = stage.surface
    head, turn = surface.reference.head, surface.reference.turn
    units = surface.causes.group == 0
    strength = np.random.default_rng(0).normal(size=len(surface.causes.basis)) * units
    of_column = np.tensordot(strength[units], surface.causes.basis[units], 1)
    mixed = surface.causes.mixing() @ strength
    of_unit = np.zeros_like(of_column)
    for name, amount in zip(surface.causes.unit_names, mixed, strict=True):
        if name in head.expression_names:
            of_unit += amount * head.expression[head.expression_names.index(name)] @ turn.T * surface.skin[:, None]
        else:
            column = surface.causes.unit_names.index(name)
            of_unit += amount * surface.causes.basis[column] / surface.causes.unit_scale[column]
    assert np.allclose(of_unit, of_column, atol=1e-12)
