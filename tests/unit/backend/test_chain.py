# SPDX-License-Identifier: GPL-3.0-or-later
"""A head that turns by 30 degrees and back, with a smile at rest and one aside: pictures of one texture on a known head.

The tracker is imitated: landmarks off by a pixel, poses that overstate every turn.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from microface.backend.anchor import Anchor, at_rest
from microface.backend.assembly import Performance, perform
from microface.backend.motion.footage import DenseMotion, measure_footage
from microface.backend.motion.rigid import smoothed
from microface.backend.pipeline import find_anchors, find_neutral
from microface.backend.solve.clip import Solved, solve_clip
from microface.backend.spans import Span, spans_of
from microface.backend.types import Clip, HeadFit, Settings, Tracks
from microface.backend.video import frames, open_clip, write_video
from microface.models.head.model import HeadModel
from microface.models.head.raster import project, rasterise, vertex_normals
from scipy.spatial.transform import Rotation

WIDTH, HEIGHT, FPS, COUNT, TURN = 240, 280, 30.0, 84, 30.0
FOCAL, AWAY = 800.0, 0.85
OVERSTATED = 1.06  #: turns, by the landmarks
SMILE_REST, SMILE_ASIDE = 8, 42  #: frames
SMILE = 0.12  #: of full strength


def ease(frame: np.ndarray, a: float, b: float) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(np.pi * np.clip((frame - a) / (b - a), 0, 1))


FRAME = np.arange(COUNT)
YAW = np.radians(TURN) * (ease(FRAME, 16, 34) - ease(FRAME, 52, 70))
COURSE = sum(SMILE * np.exp(-(((FRAME - apex) / 2.5) ** 2) / 2) for apex in (SMILE_REST, SMILE_ASIDE))


@dataclass(frozen=True)
class Scene:
    """The truth: vertices (T, V, 3) m, rotation vectors (T, 3) and translations (T, 3)."""

    head: HeadModel
    shape: np.ndarray
    vertices: np.ndarray
    pose: np.ndarray
    translation: np.ndarray
    camera: np.ndarray


@pytest.fixture(scope="module")
def scene(generic_head: HeadModel) -> Scene:
    head, shape = generic_head, np.random.default_rng(4).normal(0, 0.6, len(generic_head.identity))
    camera = np.array([[FOCAL, 0, (WIDTH - 1) / 2], [0, FOCAL, (HEIGHT - 1) / 2], [0, 0, 1]])
    pose = np.zeros((COUNT, len(head.joint_names), 3))
    pose[:, 0, 1] = YAW
    expression = np.zeros((COUNT, len(head.expression)))
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        expression[:, head.expression_names.index(name)] = COURSE
    middle = head.neutral(shape)[head.face_mask].mean(0)
    translation = np.tile([-middle[0], middle[1], AWAY], (COUNT, 1))
    vertices = np.stack([head.vertices(shape, *each) for each in zip(expression, pose, translation, strict=True)])
    return Scene(head, shape, vertices, pose[:, 0], translation, camera)


def texture(points: np.ndarray) -> np.ndarray:
    """(N,) about 1: waves of 6 to 30 mm through the head."""
    random = np.random.default_rng(2)
    wave = random.normal(size=(3, 90))
    wave *= 2 * np.pi / random.uniform(0.006, 0.03, 90) / np.linalg.norm(wave, axis=0)
    return 1 + 0.035 * np.sin(points @ wave + random.uniform(0, 2 * np.pi, 90)).sum(1)


def pictures(scene: Scene) -> Iterator[np.ndarray]:
    """Twice as fine and averaged; lit from the camera and from one side; two grey levels of noise."""
    head, random = scene.head, np.random.default_rng(3)
    paint = texture(head.neutral(scene.shape))[head.faces]
    fine = np.diag([2, 2, 1.0]) @ scene.camera
    fine[:2, 2] += 0.5
    for vertices in scene.vertices:
        triangle, weight = rasterise(project(vertices, fine), head.faces, 2 * WIDTH, 2 * HEIGHT)
        light = 0.7 + 0.3 * np.clip(vertex_normals(vertices, head.faces) @ [-0.5, -0.3, -0.8], 0, 1)
        shade = np.einsum("nk,nk,nk->n", weight[triangle >= 0], paint[triangle[triangle >= 0]],
                          light[head.faces[triangle[triangle >= 0]]])  # fmt: skip
        picture = np.full((2 * HEIGHT, 2 * WIDTH), 60.0, np.float32)
        picture[triangle >= 0] = 130 * shade
        small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        grey = np.clip(np.round(small + random.normal(0, 2, small.shape)), 0, 255).astype(np.uint8)
        yield np.repeat(grey[..., None], 3, 2)


@dataclass(frozen=True)
class Played:
    clip: Clip
    tracks: Tracks
    fit: HeadFit


@pytest.fixture(scope="module")
def played(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Played:
    path: Path = tmp_path_factory.mktemp("turn") / "turn.mp4"
    write_video(path, pictures(scene), FPS, 6)
    head, random = scene.head, np.random.default_rng(7)
    at = project(head.landmark_points(scene.vertices), scene.camera)[..., :2]
    landmarks = np.full((COUNT, 478, 3), 0.0, np.float32)
    landmarks[:, :, :2] = at.mean(1, keepdims=True)
    landmarks[:, head.landmark_index, :2] = at + random.normal(0, 1.0, at.shape) * 0.5
    seen = np.ones(COUNT)
    tracks = Tracks(FRAME, landmarks, seen.astype(np.float32), np.zeros(COUNT, int), np.zeros(0, int))
    none = np.zeros((COUNT, len(head.expression)))
    told = HeadFit(
        scene.shape, np.zeros(len(scene.shape)), scene.camera, OVERSTATED * scene.pose, scene.translation, none, 1.0
    )
    return Played(open_clip(path), tracks, smoothed(told))


@dataclass(frozen=True)
class Reconstructed:
    anchors: list[Anchor]
    spans: list[Span]
    solved: Solved
    acted: Performance


def reconstructed(scene: Scene, played: Played, *, further: bool) -> Reconstructed:
    clip, tracks, fit = played.clip, played.tracks, played.fit
    neutral, rest = find_neutral(scene.head, clip, tracks, fit, Settings(neutral=(0, 4)), lambda stage, share: None)
    anchors, spans = [at_rest(neutral)], spans_of(np.zeros(COUNT, int), FPS)
    if further:
        anchors, spans = find_anchors(clip, tracks, fit, neutral, rest)
    motions: list[DenseMotion] = []
    awake = np.zeros(COUNT, bool)
    for share, motions in measure_footage(anchors, spans, frames(clip), tracks, fit, awake):  # noqa: B007
        pass
    assert share == 1
    *_, (done, solved) = solve_clip(anchors, spans, motions, fit, tracks.frame, FPS, awake)
    assert done == 1
    return Reconstructed(anchors, spans, solved, perform(neutral.surface, solved))


@pytest.fixture(scope="module")
def anchored(scene: Scene, played: Played) -> Reconstructed:
    return reconstructed(scene, played, further=True)


@pytest.fixture(scope="module")
def plain(scene: Scene, played: Played) -> Reconstructed:
    return reconstructed(scene, played, further=False)


def turn_error(scene: Scene, acted: Performance) -> np.ndarray:
    """(T,) degrees, by which the head has turned wrongly since the first frames."""
    found, true = Rotation.from_rotvec(acted.pose[:, 0]), Rotation.from_rotvec(scene.pose)
    start = (true[:4].inv() * found[:4]).mean()
    return np.degrees(((true * start).inv() * found).magnitude())


def image_error(scene: Scene, acted: Performance) -> np.ndarray:
    """(T, N, 2) px, of points of the face that all frames show, since the first frames."""
    head = scene.head
    away = [
        vertex_normals(scene.vertices[k], head.faces)[head.face_mask] * scene.vertices[k, head.face_mask]
        for k in (0, SMILE_ASIDE)
    ]
    points = np.flatnonzero(head.face_mask)[(np.array(away).sum(2) < -0.5 * AWAY).all(0)]
    offsets = acted.shape_offset + np.tensordot(acted.detail, acted.detail_basis, 1)
    found = [
        head.vertices(scene.shape, *each)[points]
        for each in zip(acted.expression, acted.pose, acted.translation, offsets, strict=True)
    ]
    error = project(np.array(found), scene.camera)[..., :2] - project(scene.vertices[:, points], scene.camera)[..., :2]
    return error - error[:4].mean(0)


def rms(error: np.ndarray) -> np.ndarray:
    return np.sqrt((error**2).sum(-1).mean(-1))


def smile(scene: Scene, acted: Performance, apex: int) -> float:
    """Strength of the smile at its apex over that six frames before and after."""
    sides = [scene.head.expression_names.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    course = acted.expression[:, sides].mean(1)
    return float(course[apex] - course[[apex - 6, apex + 6]].mean())


def test_a_turning_head_has_templates_aside_and_comes_back_to_the_one_at_rest(anchored: Reconstructed) -> None:
    assert len(anchored.anchors) >= 3
    assert anchored.spans[0].anchor == anchored.spans[-1].anchor == 0
    aside = [span for span in anchored.spans if span.start <= SMILE_ASIDE < span.stop]
    assert [span.anchor > 0 for span in aside] == [True]
    for anchor in anchored.anchors[1:]:
        turned = np.degrees(YAW[anchor.neutral.frames])
        assert np.ptp(turned) < 11  # one view, and without the smiles
        assert not set(anchor.neutral.frames.tolist()) & set(range(SMILE_ASIDE - 2, SMILE_ASIDE + 3))


def test_the_reference_pose_of_a_template_is_measured_not_the_landmarks(
    scene: Scene, played: Played, anchored: Reconstructed
) -> None:
    first = Rotation.from_rotvec(anchored.anchors[0].neutral.surface.reference.pose)
    for anchor in anchored.anchors[1:]:
        frame = int(np.argmin(np.linalg.norm(played.fit.pose - anchor.pose, axis=1)))
        found = Rotation.from_rotvec(anchor.neutral.surface.reference.pose) * first.inv()
        true = Rotation.from_rotvec(scene.pose[frame]) * Rotation.from_rotvec(scene.pose[0]).inv()
        assert np.degrees((true.inv() * found).magnitude()) < 0.3


def test_the_pose_holds_at_thirty_degrees(scene: Scene, anchored: Reconstructed, plain: Reconstructed) -> None:
    aside = slice(36, 50)
    assert turn_error(scene, anchored.acted).max() < 1.5
    assert rms(image_error(scene, anchored.acted))[aside].max() < 0.7
    assert turn_error(scene, plain.acted)[aside].min() > 4  # what one template makes of it
    assert rms(image_error(scene, plain.acted))[aside].min() > 3


def test_nothing_jumps_where_the_template_changes(scene: Scene, anchored: Reconstructed) -> None:
    step = rms(np.diff(image_error(scene, anchored.acted), axis=0))
    assert step.max() < 0.6  # of the 3.5 px that the face moves in a frame


def test_a_head_that_comes_back_is_where_it_was(scene: Scene, anchored: Reconstructed) -> None:
    back = image_error(scene, anchored.acted)[73:]
    assert rms(back.mean(0)) < 0.03
    assert turn_error(scene, anchored.acted)[73:].max() < 0.15


def test_small_expressions_are_seen_aside_as_at_rest(
    scene: Scene, anchored: Reconstructed, plain: Reconstructed
) -> None:
    at_rest, aside = (smile(scene, anchored.acted, apex) for apex in (SMILE_REST, SMILE_ASIDE))
    assert at_rest > 0.15 * SMILE
    assert aside > 0.15 * SMILE
    assert aside > 1.25 * abs(smile(scene, plain.acted, SMILE_ASIDE))


def test_all_views_share_the_units_the_detail_and_the_depth(anchored: Reconstructed) -> None:
    rest = anchored.anchors[0].neutral.surface
    for anchor in anchored.anchors[1:]:
        surface, turn = anchor.neutral.surface, anchor.since(anchored.anchors[0]).turn[0]
        assert surface.causes is rest.causes
        column = surface.moves()[-1]
        assert np.allclose(column, surface.interpolate(rest.causes.basis[-1] @ turn.T), atol=1e-12)
        assert np.allclose(surface.depth_bump, surface.interpolate(rest.depth_vertex))


def test_the_pixels_of_a_further_view_lie_on_the_head_the_coarse_motion_is_for(anchored: Reconstructed) -> None:
    for anchor in anchored.anchors:
        surface, template = anchor.neutral.surface, anchor.neutral.field.template
        assert np.abs(surface.project(surface.sighted) - template.points).max() < 1e-3
        shown = surface.project(surface.points) + anchor.neutral.field.displacement(anchor.own[None])[0]
        assert np.abs(shown - template.points).max() < 1e-3
