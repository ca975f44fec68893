# SPDX-License-Identifier: GPL-3.0-or-later
"""A performance in the head's own parameters moves the head as the solve's estimates move its surface."""

from dataclasses import replace

import numpy as np
import pytest
from microface.backend.assembly import DETAIL_MODES, DETAIL_SMALLEST_PX, Performance, perform
from microface.backend.deviation import SWING
from microface.backend.solve.causes import JAW_LIMIT
from microface.backend.solve.clip import Solved
from microface.backend.types import DETAIL_ENOUGH
from microface.models.head.raster import project
from scipy.spatial.transform import Rotation

FRAMES = 6
RANDOM = np.random.default_rng(7)


def estimates(stage, jaw: float = 0.0) -> Solved:
    """Small motion of every kind; frame 3 was not measured."""
    surface = stage.surface
    units, details = len(surface.causes.unit_names), surface.causes.detail_count
    strength = RANDOM.uniform(-0.02, 0.05, (FRAMES, units))
    strength[:, [surface.causes.unit_names.index(name) for name in ("jaw_pitch", "jaw_yaw")]] = jaw * RANDOM.uniform(
        0.5, 1, (FRAMES, 2)
    )
    detail = RANDOM.normal(0, 0.2, (FRAMES, 2)) @ RANDOM.normal(0, 0.5, (2, details))
    turn = Rotation.from_rotvec(RANDOM.normal(0, 0.1, (FRAMES, 3))).as_matrix()
    place = surface.centre + RANDOM.normal(0, 0.01, (FRAMES, 3))
    solved = Solved(
        turn, place, np.full((FRAMES, 6), 0.001), strength, np.full((FRAMES, units), 0.01),
        RANDOM.normal(0, 0.01, (FRAMES, units, 4)),
        detail, np.full(details, 0.01), RANDOM.normal(0, 0.01, (FRAMES, units)), RANDOM.normal(0, 0.1, detail.shape),
        RANDOM.normal(0, 0.002, surface.depth_bump.shape[1]), np.zeros(FRAMES, bool),
        np.zeros((FRAMES, 1), bool),
    )  # fmt: skip
    for values in (
        solved.turn,
        solved.place,
        solved.pose_std,
        solved.units,
        solved.units_std,
        solved.factor,
        solved.detail,
        solved.units_swing,
        solved.detail_swing,
    ):
        values[3] = np.nan
    return solved


def surface_points(stage, solved: Solved, frame: int) -> np.ndarray:
    """(M, 3) m, camera space, straight from the columns."""
    surface = stage.surface
    count = len(surface.causes.unit_names)
    units, details = (
        surface.moves()[:count] / surface.causes.unit_scale[:count, None, None],
        surface.moves()[surface.causes.group > 0],
    )
    base = surface.points + surface.ray * (surface.depth_bump @ solved.depth)[:, None]
    moved = base + np.tensordot(solved.units[frame], units, 1) + np.tensordot(solved.detail[frame], details, 1)
    return (moved - surface.centre) @ solved.turn[frame].T + solved.place[frame]


def head_points(stage, acted: Performance, frame: int) -> np.ndarray:
    """(M, 3) m, camera space, by the take's formula."""
    reference = stage.surface.reference
    offset = acted.shape_offset + np.tensordot(acted.detail[frame], acted.detail_basis, 1)
    vertices = reference.head.vertices(
        reference.shape, acted.expression[frame], acted.pose[frame], acted.translation[frame], offset
    )
    return stage.points(vertices)


MEASURED = (0, 1, 2, 4, 5)


def away(stage, solved: Solved) -> np.ndarray:
    """(T, M, 3) m between the take's head and the solve's surface."""
    acted = perform(stage.surface, solved)
    return np.array([head_points(stage, acted, k) - surface_points(stage, solved, k) for k in MEASURED])


def test_the_head_stands_where_the_surface_stood(stage) -> None:
    solved = replace(estimates(stage), depth=np.zeros(stage.surface.depth_bump.shape[1]))
    assert np.abs(away(stage, solved)).max() < 1e-7
    moved = surface_points(stage, solved, 0) - stage.surface.points
    assert np.linalg.norm(moved, axis=1).mean() > 2e-3


def test_the_jaw_turns_as_far_as_its_linear_columns_went(stage) -> None:
    solved = replace(estimates(stage, jaw=0.06), depth=np.zeros(stage.surface.depth_bump.shape[1]))
    assert np.abs(away(stage, solved)).max() < 1e-4


def test_the_depth_correction_stays_on_the_lines_of_sight(stage) -> None:
    """Between the mesh's vertices a bump is linear: that shows in depth, hardly in the picture."""
    solved = estimates(stage)
    error = away(stage, solved)
    assert np.abs(error).max() < 5e-4
    assert np.abs(error).mean() < 5e-5
    camera, acted = stage.surface.reference.camera, perform(stage.surface, solved)
    for k in MEASURED:
        seen = project(head_points(stage, acted, k), camera) - project(surface_points(stage, solved, k), camera)
        assert np.abs(seen[:, :2]).max() < 0.1


def test_a_rest_performance_is_the_reference(stage) -> None:
    solved = estimates(stage)
    still = Solved(
        np.tile(np.eye(3), (FRAMES, 1, 1)), np.tile(stage.surface.centre, (FRAMES, 1)), solved.pose_std * 0 + 1,
        *(0 * getattr(solved, name) for name in ("units", "units_std", "factor", "detail", "detail_variance")),
        *(0 * getattr(solved, name) for name in ("units_swing", "detail_swing", "depth")), solved.hidden, solved.covered,
    )  # fmt: skip
    acted = perform(stage.surface, still)
    reference = stage.surface.reference
    assert np.allclose(acted.pose[0, 0], reference.pose, atol=1e-9)
    assert np.allclose(acted.translation[0], reference.translation, atol=1e-9)
    assert np.allclose(acted.shape_offset, reference.offset)
    assert np.abs(acted.expression[0]).max() == 0


def test_frames_that_were_not_measured_are_unknown_and_no_others(stage) -> None:
    acted = perform(stage.surface, estimates(stage))
    lost = np.arange(FRAMES) == 3
    values = ("expression", "pose", "translation", "detail")
    for name in (*values, *(f"{name}_std" for name in values), "expression_factor"):
        unknown = np.isnan(getattr(acted, name)).reshape(FRAMES, -1)
        assert (unknown.all(1) == lost).all(), name
        assert (unknown.any(1) == lost).all(), name


def test_what_the_joints_own_stays_zero_on_the_head(stage) -> None:
    acted = perform(stage.surface, estimates(stage, jaw=0.05))
    names = stage.surface.reference.head.expression_names
    owned = [k for k, name in enumerate(names) if name.startswith(("jaw", "eyeLook")) or name == "tongueOut"]
    assert np.nanmax(np.abs(acted.expression[:, owned])) == 0
    assert len(acted.motion_names) == acted.motion_px.shape[1]
    assert {"jawOpen", "mouthSmileLeft"} <= set(acted.motion_names)


def test_sizes_for_events_are_pixels_of_the_surface(stage) -> None:
    """A unit's size is the largest motion it gives the visible skin, px of the work picture."""
    surface, solved = stage.surface, estimates(stage)
    acted = perform(surface, solved)
    number = surface.causes.unit_names.index("mouthSmileRight")
    column = surface.causes.basis[number] / surface.causes.unit_scale[number] * solved.units[0, number]
    size = np.linalg.norm(column[surface.seen & surface.skin], axis=1) * surface.px_per_m
    assert abs(acted.motion_px[0, number]) == pytest.approx(np.percentile(size, 99.7), rel=1e-6)


def with_detail(stage, decay: np.ndarray) -> Solved:
    """100 frames whose detail is of as many ranks as `decay` has entries: RMS px at the vertices seen, largest first."""
    surface, frames = stage.surface, 100
    count, rank = len(surface.causes.unit_names), len(decay)
    seen = surface.causes.detail[:, surface.seen].reshape(surface.causes.detail_count, -1)
    shapes = RANDOM.normal(size=(rank, len(seen)))
    shapes /= np.sqrt(((shapes @ seen) ** 2).mean(1, keepdims=True)) * surface.px_per_m
    detail = RANDOM.normal(size=(frames, rank)) * decay @ shapes
    none = np.zeros((frames, count))
    return Solved(
        np.tile(np.eye(3), (frames, 1, 1)), np.tile(surface.centre, (frames, 1)), np.ones((frames, 6)), none, none,
        np.zeros((frames, count, 4)), detail, np.full(detail.shape[1], 0.01), none, 0 * detail,
        np.zeros(surface.depth_bump.shape[1]), np.zeros(frames, bool), np.zeros((frames, 1), bool),
    )  # fmt: skip


def lost(stage, solved: Solved, acted: Performance) -> tuple[float, float]:
    """Share of the solved detail's energy at the vertices seen that the modes miss, and that any as many modes would miss."""
    surface = stage.surface
    columns = surface.causes.detail[:, surface.seen].reshape(solved.detail.shape[1], -1)
    truth = solved.detail @ columns
    told = acted.detail @ (acted.detail_basis @ surface.reference.turn.T)[:, surface.seen].reshape(
        acted.detail.shape[1], -1
    )
    energy = np.linalg.svd(truth, compute_uv=False) ** 2
    return float(((truth - told) ** 2).sum() / energy.sum()), float(
        energy[acted.detail.shape[1] :].sum() / energy.sum()
    )


def test_detail_of_three_ranks_is_three_modes(stage) -> None:
    solved = with_detail(stage, np.array([0.5, 0.3, 0.2]))
    acted = perform(stage.surface, solved)
    assert len(acted.detail_basis) == 3
    assert lost(stage, solved, acted)[0] < 1e-6
    assert acted.detail_kept == pytest.approx(1, abs=1e-6)
    assert np.abs(acted.detail).max(0) == pytest.approx(1)  # like a unit: 1 is the largest it gets


def test_detail_of_forty_ranks_that_fade_is_sixteen_modes_within_a_tenth_of_its_energy(stage) -> None:
    solved = with_detail(stage, 0.5 * 0.9 ** np.arange(40))
    acted = perform(stage.surface, solved)
    missing, least = lost(stage, solved, acted)
    assert len(acted.detail_basis) == DETAIL_MODES
    assert missing < 0.1
    assert missing == pytest.approx(least, rel=1e-3)  # no other sixteen would do better
    assert acted.detail_kept == pytest.approx(1 - missing, abs=1e-4)


def test_what_sixteen_modes_cannot_hold_is_told(stage) -> None:
    solved = with_detail(stage, np.full(40, 0.3))
    acted = perform(stage.surface, solved)
    missing, least = lost(stage, solved, acted)
    assert len(acted.detail_basis) == DETAIL_MODES
    assert missing > 0.1
    assert missing == pytest.approx(least, rel=1e-3)
    assert acted.detail_kept == pytest.approx(1 - missing, abs=1e-4)


def test_modes_too_small_to_see_are_kept_where_together_they_count(stage) -> None:
    solved = with_detail(stage, np.r_[0.012, np.full(12, 0.004)])
    acted = perform(stage.surface, solved)
    visible = acted.detail_basis[:, stage.surface.seen] * stage.surface.px_per_m
    size = np.sqrt((visible**2).sum(2).mean(1))
    assert size.min() < DETAIL_SMALLEST_PX < size.max()
    assert lost(stage, solved, acted)[0] < 0.1
    assert acted.detail_kept >= DETAIL_ENOUGH


def test_detail_too_small_to_see_is_no_mode_and_nothing_is_missed(stage) -> None:
    acted = perform(stage.surface, with_detail(stage, np.full(3, 1e-4)))
    assert len(acted.detail_basis) == 0
    assert acted.detail_kept == 1


def test_units_swing_together_and_every_deviation_holds_the_swing(stage) -> None:
    """Of coefficients that are 0 and otherwise certain; the jaw and each mode of detail swing alone."""
    solved = with_detail(stage, np.array([0.5, 0.3]))
    jaw = stage.surface.causes.unit_names.index("jaw_pitch")
    solved.units_swing = np.zeros_like(solved.units)
    solved.units_swing[:, 0], solved.units_swing[:, 1], solved.units_swing[:, jaw] = 0.02, -0.01, 0.03
    solved.detail_swing = 0.1 * solved.detail
    solved.detail_variance = np.zeros(solved.detail.shape[1])
    acted, names = perform(stage.surface, solved), stage.surface.reference.head.expression_names
    first, second = (names.index(stage.surface.causes.unit_names[k]) for k in (0, 1))
    assert acted.expression_std[0, [first, second]] == pytest.approx([SWING * 0.02, SWING * 0.01])
    covariance = acted.expression_factor[0] @ acted.expression_factor[0].T
    assert covariance[first, second] == pytest.approx(-(SWING**2) * 0.02 * 0.01)
    joint = stage.surface.reference.head.joint_names.index("jaw")
    assert acted.pose_std[0, joint, 0] == pytest.approx(SWING * 0.03 * JAW_LIMIT)
    without = perform(stage.surface, replace(solved, detail_swing=0 * solved.detail))
    swing = np.sqrt(acted.detail_std**2 - without.detail_std**2)
    assert swing == pytest.approx(SWING * 0.1 * np.abs(acted.detail), abs=1e-6)
