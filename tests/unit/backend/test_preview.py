# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview: the right pictures beside one another, at the right speed, magnified by the factor it names."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.mesh import hidden_vertices, vertices_at
from microface.backend.preview import write_preview
from microface.backend.preview.drawing import Surface, Wireframe
from microface.backend.preview.magnified import STEPS, VISIBLE, performance
from microface.backend.preview.movie import PANEL_HEIGHT
from microface.backend.preview.timeline import HEIGHT
from microface.backend.preview.view import View, view_of
from microface.backend.types import Event, Take
from microface.backend.video import frames, open_clip, write_video
from microface.backend.video.sound import sound_start
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head
from microface.models.head.raster import project

COUNT, APEX, SIZE = 20, 10, 320


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return read_head(asset_path("generic_head.npz"))


@pytest.fixture(scope="module")
def take(head: HeadModel) -> Take:
    """A still head that smiles a little, once; the last frame shows no face."""
    units, joints, vertices = len(head.expression_names), len(head.joint_names), len(head.template)
    smile = [head.expression_names.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    expression = np.zeros((COUNT, units), np.float32)
    expression[:, smile] = 0.12 * np.exp(-(((np.arange(COUNT) - APEX) / 3) ** 2))[:, None]
    translation = np.tile([0.0, 0.0, 0.7], (COUNT, 1))
    valid = np.zeros(COUNT, np.uint8)
    valid[-1] = 2
    camera = np.array([[600.0, 0, SIZE / 2], [0, 600, SIZE / 2], [0, 0, 1]])
    neutral = head.vertices(np.zeros(len(head.identity)), np.zeros(units), np.zeros((joints, 3)), translation[0])
    marks = project(head.landmark_points(neutral), camera)[:, :2]
    expression[-1] = np.nan

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    return Take(
        time_s=np.arange(COUNT) / 200,
        valid=valid,
        shape=zeros(len(head.identity)),
        shape_std=zeros(len(head.identity)),
        shape_offset=zeros(vertices, 3),
        expression_names=head.expression_names,
        expression=expression,
        expression_std=zeros(COUNT, units),
        expression_factor=zeros(COUNT, units, 1),
        joint_names=head.joint_names,
        pose=zeros(COUNT, joints, 3),
        pose_std=zeros(COUNT, joints, 3),
        translation=translation,
        translation_std=zeros(COUNT, 3),
        detail_basis=zeros(0, vertices, 3),
        detail=zeros(COUNT, 0),
        detail_std=zeros(COUNT, 0),
        depth_std=zeros(COUNT),
        camera=camera,
        size=(SIZE, SIZE),
        landmark_frames=np.array([0]),
        landmarks=marks[None].astype(np.float32),
        confidence=np.ones(COUNT, np.float32),
        seen=np.ones((COUNT, units), np.float32),
        patch=np.full(vertices, -1, np.int32),
        covered=np.zeros((COUNT, 0), np.uint8),
        noise_px={},
        noise_reason="noise",
        template_frames=np.array([0, 1]),
        events=(Event(0.03, APEX / 200, 0.07, "micro", ("mouthSmileLeft", "mouthSmileRight"), 1.0, 0.1, 1.0),),
        head={"name": head.name, "sha256": head.sha256},
        source={"first_frame": 3},
        settings={},
    )


@pytest.fixture(scope="module")
def footage(head: HeadModel, take: Take, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The head itself, filmed; the take begins at frame 3."""
    path = tmp_path_factory.mktemp("preview") / "clip.mp4"
    surface, view = Surface(head), View(-0.5, -0.5, 1.0, SIZE, SIZE)
    shown = [0, 0, 0, *range(COUNT - 1), 0]
    write_video(path, (surface.draw(vertices_at(take, head, i), take.camera, view) for i in shown), fps=200, crf=5)
    return path


def unwatched(stage: str, value: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def preview(head: HeadModel, take: Take, footage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("preview") / "preview.mp4"
    write_preview(path, open_clip(footage), take, head, unwatched)
    return path


def panels(preview: Path, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Footage, overlay, motion and time line of one picture, float."""
    picture = next(frames(open_clip(preview), index, index + 1)).rgb.astype(float)
    width = picture.shape[1] // 3
    row = picture[: picture.shape[0] - HEIGHT]
    return row[:, :width], row[:, width : 2 * width], row[:, 2 * width :], picture[-HEIGHT:]


def test_every_frame_is_there_slowed_down(preview: Path) -> None:
    clip = open_clip(preview)
    assert len(clip.time_s) == COUNT
    assert clip.fps == pytest.approx(30)
    assert clip.height <= PANEL_HEIGHT + HEIGHT


def test_the_lines_lie_on_the_face(preview: Path, head: HeadModel, take: Take) -> None:
    """Overlay and footage differ inside the outline of the solved face and nowhere else."""
    footage, overlay, _, _ = panels(preview, APEX)
    points = project(vertices_at(take, head, APEX)[head.face_mask], take.camera)[:, :2]
    view = view_of(take.landmarks[0], PANEL_HEIGHT, 640)
    inside = points * view.scale + view.matrix[:2, 2]
    low, high = np.floor(inside.min(0)).astype(int), np.ceil(inside.max(0)).astype(int)
    changed = np.abs(overlay - footage).max(2) > 40
    changed[:40] = False  # the titles
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 3000
    assert columns.min() == pytest.approx(low[0], abs=3) and columns.max() == pytest.approx(high[0], abs=3)
    assert rows.max() == pytest.approx(high[1], abs=3)


def test_what_is_hidden_is_drawn_in_another_colour(head: HeadModel, take: Take) -> None:
    """Red lines on the hidden patch, the usual ones beside it and in other frames."""
    smile = head.expression[head.expression_names.index("mouthSmileLeft")]
    mouth = head.template[np.abs(smile).sum(1).argmax()]
    patch = np.where(np.linalg.norm(head.template - mouth, axis=1) < 0.02, 1, 0).astype(np.int32)
    covered = np.zeros((COUNT, 2), np.uint8)
    covered[4, 1] = 1
    told = replace(take, patch=patch, covered=covered)
    assert (hidden_vertices(told, 4) == (patch == 1)).all() and not hidden_vertices(told, 5).any()
    vertices, view = vertices_at(take, head, 4), View(-0.5, -0.5, 1.0, SIZE, SIZE)
    drawn, plain = (
        Wireframe(head)
        .draw(np.zeros((SIZE, SIZE, 3), np.uint8), vertices, take.camera, view, hidden_vertices(told, k))
        .astype(int)
        for k in (4, 5)
    )
    red = drawn[..., 0] > drawn[..., 1] + 30
    rows, columns = np.nonzero(red)
    centre = project(vertices[patch == 1], take.camera)[:, :2].mean(0)
    assert red.sum() > 20 and not (plain[..., 0] > plain[..., 1] + 30).any()
    assert np.hypot(rows - centre[1], columns - centre[0]).max() < 45


def test_motion_is_seen_magnified_and_only_there(preview: Path) -> None:
    """The third panel at rest and at the apex differ about the mouth, not at the brow."""
    _, _, rest, _ = panels(preview, 0)
    _, _, apex, _ = panels(preview, APEX)
    difference = np.abs(apex - rest).max(2)
    height = len(difference)
    assert difference[int(0.6 * height) : int(0.8 * height)].max() > 60
    assert difference[int(0.1 * height) : int(0.35 * height)].max() < 25


def test_frames_without_a_face_have_no_lines(preview: Path) -> None:
    footage, overlay, _, _ = panels(preview, COUNT - 1)
    assert np.abs(overlay - footage)[40 : len(footage) - 40].max() < 40


def test_the_time_line_moves(preview: Path) -> None:
    at = []
    for index in (0, APEX, COUNT - 1):
        line = panels(preview, index)[3]
        white = (line[34:104].min(2) > 200).mean(0)
        at.append(int(np.argmax(white)))
    width = line.shape[1]
    assert at[0] < 20 and at[2] > width - 20
    assert at[1] == pytest.approx(14 + APEX / (COUNT - 1) * (width - 29), abs=2)


def test_the_factor_makes_the_largest_event_visible(head: HeadModel, take: Take) -> None:
    seen = performance(take, head)
    factor = seen.factor()
    at = [project(seen.vertices(i, 1.0)[head.face_mask], take.camera)[:, :2] for i in (0, APEX)]
    share = np.linalg.norm(at[1] - at[0], axis=1).max() / np.ptp(at[0][:, 0])
    assert factor in STEPS
    assert factor * share <= VISIBLE
    assert next(step for step in STEPS if step > factor) * share > VISIBLE
    assert performance(replace(take, events=()), head).factor() == 1


def test_magnified_vertices_are_rest_plus_factor_times_motion(head: HeadModel, take: Take) -> None:
    seen = performance(take, head)
    rest = vertices_at(take, head, 0)
    motion = vertices_at(take, head, APEX) - rest
    np.testing.assert_allclose(seen.vertices(APEX, 5.0), rest + 5 * motion, atol=2e-5)
    np.testing.assert_allclose(seen.vertices(COUNT - 1, 5.0), rest, atol=2e-5)


def test_blinks_and_gaze_are_not_magnified(head: HeadModel, take: Take) -> None:
    expression, pose = take.expression.copy(), take.pose.copy()
    blink = head.expression_names.index("eyeBlinkLeft")
    expression[APEX] = 0
    expression[APEX, blink] = 0.9
    pose[APEX, head.joint_names.index("eye_left"), 1] = 0.2
    blinking = replace(take, expression=expression, pose=pose)
    expected = vertices_at(blinking, head, APEX)
    np.testing.assert_allclose(performance(blinking, head).vertices(APEX, 8.0), expected, atol=2e-5)


def test_the_course_is_the_motion_of_the_face_in_pixels(head: HeadModel, take: Take) -> None:
    """To a fifth: it samples every eighth vertex and takes all of them at the head's distance."""
    course = performance(take, head).course_px()
    at = [project(vertices_at(take, head, i)[head.face_mask], take.camera)[:, :2] for i in (0, APEX)]
    assert course[APEX] == pytest.approx(np.sqrt(((at[1] - at[0]) ** 2).sum(1).mean()), rel=0.2)
    assert np.isnan(course[-1]) and course[0] < 1e-3


def test_a_view_puts_pixel_centres_where_its_matrix_says() -> None:
    """A ramp is its own coordinates, so what is drawn tells where it was taken from."""
    y, x = np.mgrid[:60, :80]
    ramp = np.stack([3 * x, 4 * y, 0 * x], -1).astype(np.uint8)
    for view in (View(10.5, 7.5, 3.0, 90, 60), View(9.0, 4.0, 0.5, 20, 16)):
        drawn = view.cut(ramp)
        px, py = 8, 7
        source = np.linalg.inv(view.matrix) @ [px, py, 1]
        assert drawn[py, px, 0] / 3 == pytest.approx(source[0], abs=0.4)
        assert drawn[py, px, 1] / 4 == pytest.approx(source[1], abs=0.3)


def test_lines_behind_the_head_are_hidden(head: HeadModel) -> None:
    """From behind no line of the face is drawn."""
    pose = np.zeros((len(head.joint_names), 3))
    pose[0, 1] = np.pi
    shape, expression = np.zeros(len(head.identity)), np.zeros(len(head.expression_names))
    behind = head.vertices(shape, expression, pose, np.array([0, 0, 0.7]))
    black, view = np.zeros((SIZE, SIZE, 3), np.uint8), View(-0.5, -0.5, 1.0, SIZE, SIZE)
    camera = np.array([[600.0, 0, SIZE / 2], [0, 600, SIZE / 2], [0, 0, 1]])
    front = head.vertices(shape, expression, 0 * pose, np.array([0, 0, 0.7]))
    wires = Wireframe(head)
    assert (wires.draw(black, behind, camera, view) > 0).mean() < 0.1 * (
        wires.draw(black, front, camera, view) > 0
    ).mean()


def test_what_does_not_belong_together_is_refused(tmp_path: Path, head: HeadModel, take: Take, footage: Path) -> None:
    clip = open_clip(footage)
    wrong = {
        "other_clip": replace(take, size=(640, 480)),
        "other_head": replace(take, shape_offset=np.zeros((5, 3), np.float32)),
        "no_face": replace(take, valid=np.full(COUNT, 2, np.uint8)),
    }
    for code, other in wrong.items():
        with pytest.raises(MicrofaceError) as caught:
            write_preview(tmp_path / "a.mp4", clip, other, head, unwatched)
        assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_a_cancelled_preview_leaves_nothing(tmp_path: Path, head: HeadModel, take: Take, footage: Path) -> None:
    def stop(stage: str, value: float) -> None:
        if value > 0.2:
            raise Cancelled

    with pytest.raises(Cancelled):
        write_preview(tmp_path / "a.mp4", open_clip(footage), take, head, stop)
    assert list(tmp_path.iterdir()) == []


def test_the_sound_goes_with_the_pictures_at_real_speed(
    tmp_path: Path, head: HeadModel, take: Take, clapper: Any
) -> None:
    """Of a range, too: its first picture is 0.12 s into the footage, whose beep comes at 0.5 s."""
    blank = [np.full((SIZE, SIZE, 3), 90, np.uint8)] * 24
    clip = open_clip(clapper.film(tmp_path / "clip.mp4", blank, 25, 0.5))
    slow = replace(take, time_s=clip.time_s[3 : 3 + COUNT])
    write_preview(tmp_path / "preview.mp4", clip, slow, head, unwatched)
    begins, ends = clapper.beep_of(tmp_path / "preview.mp4")
    assert (begins, ends) == (pytest.approx(0.38, abs=0.004), pytest.approx(0.48, abs=0.004))
    assert sound_start(tmp_path / "preview.mp4") == pytest.approx(0, abs=1e-3)


def test_pictures_of_varying_rate_come_at_their_own_times(tmp_path: Path, head: HeadModel, take: Take) -> None:
    """And so beside their sound."""
    time_s = np.cumsum(np.r_[0.0, np.tile([0.03, 0.05, 0.09], COUNT)[: COUNT - 1]])
    blank = [np.full((SIZE, SIZE, 3), 90, np.uint8)] * COUNT
    write_video(tmp_path / "clip.mp4", blank, 20, time_s=time_s.tolist())
    clip = open_clip(tmp_path / "clip.mp4")
    np.testing.assert_allclose(clip.time_s, time_s, atol=1e-4)
    slow = replace(take, time_s=clip.time_s, source={"first_frame": 0})
    write_preview(tmp_path / "preview.mp4", clip, slow, head, unwatched)
    np.testing.assert_allclose(open_clip(tmp_path / "preview.mp4").time_s, time_s, atol=1e-4)


def test_what_is_shown_slowed_down_is_silent(tmp_path: Path, head: HeadModel, take: Take, clapper: Any) -> None:
    blank = [np.full((SIZE, SIZE, 3), 90, np.uint8)] * 24
    clip = open_clip(clapper.film(tmp_path / "clip.mp4", blank, 100, 0.01))
    write_preview(tmp_path / "preview.mp4", clip, take, head, unwatched)
    assert sound_start(tmp_path / "preview.mp4") is None
