# SPDX-License-Identifier: GPL-3.0-or-later
"""The plot says how far the skin moves, and draws bright only what the footage can show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from microface.backend.mesh import vertices_at
from microface.backend.noise import REGIONS
from microface.backend.plot import LEFT, RIGHT, ROW, TOP, WIDTH, draw_plot, region_motions, write_plot
from microface.backend.types import Event, Take
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head
from microface.models.head.raster import project

COUNT, APEX, FPS = 41, 20, 100
MOUTH, BROWS = 3, 0  # rows of the plot
FLOOR = 0.3


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return read_head(asset_path("generic_head.npz"))


@pytest.fixture(scope="module")
def take(head: HeadModel) -> Take:
    """A head that drifts and smiles a little, once; the last three frames show no face."""
    units, joints, vertices = len(head.expression_names), len(head.joint_names), len(head.template)
    expression = np.zeros((COUNT, units), np.float32)
    for side in ("Left", "Right"):
        unit = head.expression_names.index(f"mouthSmile{side}")
        expression[:, unit] = 0.1 * np.exp(-(((np.arange(COUNT) - APEX) / 5) ** 2))
    pose = np.zeros((COUNT, joints, 3), np.float32)
    pose[:, 0] = np.linspace(0, 0.05, COUNT)[:, None]
    valid = np.zeros(COUNT, np.uint8)
    valid[-3:] = 2

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    return Take(
        time_s=np.arange(COUNT) / FPS, valid=valid, shape=zeros(len(head.identity)),
        shape_std=zeros(len(head.identity)), shape_offset=zeros(vertices, 3),
        expression_names=head.expression_names, expression=expression,
        expression_std=np.full((COUNT, units), 1e-3, np.float32), expression_factor=zeros(COUNT, units, 1),
        joint_names=head.joint_names, pose=pose, pose_std=zeros(COUNT, joints, 3),
        translation=np.tile([0.0, 0.0, 0.7], (COUNT, 1)), translation_std=zeros(COUNT, 3),
        detail_basis=zeros(0, vertices, 3), detail=zeros(COUNT, 0), detail_std=zeros(COUNT, 0), depth_std=zeros(COUNT),
        camera=np.array([[900.0, 0, 320], [0, 900, 320], [0, 0, 1]]), size=(640, 640), landmark_frames=np.array([0]),
        landmarks=zeros(1, 478, 2), confidence=np.ones(COUNT, np.float32), seen=np.ones((COUNT, units), np.float32),
        patch=np.full(vertices, -1, np.int32), covered=np.zeros((COUNT, 0), np.uint8),
        noise_px={"mouth": FLOOR, "brows": FLOOR}, noise_reason="noise", template_frames=np.array([0, 1]),
        events=(Event(0.1, APEX / FPS, 0.3, "micro", ("mouthSmileLeft",), 1.0, 0.1, 1.0),),
        head={"name": head.name, "sha256": head.sha256}, source={"first_frame": 0}, settings={},
    )  # fmt: skip


def test_motion_is_what_the_mesh_shows_in_the_head_s_own_frame(head: HeadModel, take: Take) -> None:
    """Against the same head without the smile, in the same pose: what the picture shows of it."""
    mouth = region_motions(take, head)[MOUTH]
    quiet = vertices_at(replace(take, expression=0 * take.expression), head, APEX)
    marks = head.faces[head.landmark_triangle[np.isin(head.landmark_index, REGIONS["mouth"])]]
    shift = project(vertices_at(take, head, APEX), take.camera) - project(quiet, take.camera)
    expected = np.sqrt((shift[np.unique(marks), :2] ** 2).sum(1).mean())
    assert mouth.name == "mouth"
    assert mouth.px[APEX] == pytest.approx(expected, rel=0.05)  # perspective and the head's drift since the first frame
    assert mouth.px[:3].max() < 1e-3
    assert np.isnan(mouth.px[-3:]).all() and np.isfinite(mouth.px[:-3]).all()


def test_a_smile_and_a_turning_head_do_not_move_the_brows(head: HeadModel, take: Take) -> None:
    assert np.nanmax(region_motions(take, head)[BROWS].px) < 0.02


def test_bright_is_what_is_above_the_smallest_visible_motion(head: HeadModel, take: Take) -> None:
    picture = draw_plot(take, head)
    mouth = region_motions(take, head)[MOUTH]
    row = picture[TOP + MOUTH * ROW + 8 : TOP + (MOUTH + 1) * ROW - 4, LEFT : WIDTH - RIGHT]
    bright = np.flatnonzero((row > 220).all(2).any(0))
    time = bright / (row.shape[1] - 1) * np.ptp(take.time_s)
    above = take.time_s[mouth.px > FLOOR]
    assert time.min() == pytest.approx(above.min(), abs=1.5 / FPS)
    assert time.max() == pytest.approx(above.max(), abs=1.5 / FPS)
    brows = picture[TOP + BROWS * ROW + 8 : TOP + (BROWS + 1) * ROW - 4, LEFT : WIDTH - RIGHT]
    assert not (brows > 220).all(2).any()


def test_events_are_shaded_from_onset_to_offset(head: HeadModel, take: Take) -> None:
    plain, shaded = draw_plot(take, head, ()), draw_plot(take, head)
    row = slice(TOP + BROWS * ROW + 20, TOP + BROWS * ROW + 60)
    columns = np.flatnonzero((plain[row] != shaded[row]).any((0, 2))) - LEFT
    seconds = columns / (WIDTH - LEFT - RIGHT - 1) * np.ptp(take.time_s)
    assert (seconds.min(), seconds.max()) == (pytest.approx(0.1, abs=0.001), pytest.approx(0.3, abs=0.001))


def test_a_written_plot_is_what_was_drawn(head: HeadModel, take: Take, tmp_path: Path) -> None:
    write_plot(tmp_path / "a.png", take, head)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "a.png"))[..., ::-1], draw_plot(take, head))
