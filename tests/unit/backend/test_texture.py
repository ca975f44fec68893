# SPDX-License-Identifier: GPL-3.0-or-later
"""The skin's texture shows on every pixel the colour that the footage shows of that place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.mesh import vertices_at
from microface.backend.texture import skin_texture
from microface.backend.texture.atlas import atlas_of
from microface.backend.texture.iris import iris_colour
from microface.backend.texture.projection import chosen_frames
from microface.backend.types import Event, Take
from microface.backend.video import open_clip, write_video
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head
from microface.models.head.raster import project, rasterise
from microface.models.head.read.foreign import cylinder_uv

SIZE, COUNT = 320, 8


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return read_head(asset_path("generic_head.npz"))


def painted(head: HeadModel) -> np.ndarray:
    """(V, 3) 0..255: colours alike on both halves of the face, which change over a few centimetres."""
    x, y, z = head.template.T
    waves = np.stack([np.cos(60 * x), np.sin(70 * y), np.cos(50 * (y + z))], 1)
    return 130 + 70 * waves


@pytest.fixture(scope="module")
def film(head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Take, Path]]:
    """film(turn): a painted head before green, turned by so many radians, as take and footage."""

    def make(turn: float) -> tuple[Take, Path]:
        take = _take(head, turn)
        path = tmp_path_factory.mktemp("film") / "film.mp4"
        write_video(path, [_picture(head, take)] * COUNT, fps=25, crf=2)
        clip = open_clip(path)
        return replace(take, source={"path": str(path), "sha256": clip.sha256, "first_frame": 0}), path

    return make


def _picture(head: HeadModel, take: Take) -> np.ndarray:
    vertices = vertices_at(take, head, 0)
    triangle, weight = rasterise(project(vertices, take.camera), head.faces, SIZE, SIZE)
    picture = np.full((SIZE, SIZE, 3), (0, 255, 0), np.uint8)
    seen = triangle >= 0
    colour = np.einsum("nkc,nk->nc", painted(head)[head.faces[triangle[seen]]], weight[seen])
    picture[seen] = np.round(colour)
    return picture


def _take(head: HeadModel, turn: float) -> Take:
    units, joints, vertices = len(head.expression_names), len(head.joint_names), len(head.template)

    def zeros(*shape: int) -> np.ndarray:
        return np.zeros(shape, np.float32)

    pose = zeros(COUNT, joints, 3)
    pose[:, 0, 1] = turn
    return Take(
        time_s=np.arange(COUNT) / 25, valid=np.zeros(COUNT, np.uint8), shape=zeros(len(head.identity)),
        shape_std=zeros(len(head.identity)), shape_offset=zeros(vertices, 3), expression_names=head.expression_names,
        expression=zeros(COUNT, units), expression_std=zeros(COUNT, units), expression_factor=zeros(COUNT, units, 1),
        joint_names=head.joint_names, pose=pose, pose_std=zeros(COUNT, joints, 3),
        translation=np.tile([0.0, 0.08, 0.75], (COUNT, 1)), translation_std=zeros(COUNT, 3),
        detail_basis=zeros(0, vertices, 3), detail=zeros(COUNT, 0), detail_std=zeros(COUNT, 0), depth_std=zeros(COUNT),
        camera=np.array([[700.0, 0, SIZE / 2], [0, 700, SIZE / 2], [0, 0, 1]]), size=(SIZE, SIZE),
        landmark_frames=np.array([0]), landmarks=zeros(1, 478, 2), confidence=np.ones(COUNT, np.float32),
        seen=np.ones((COUNT, units), np.float32), patch=np.full(vertices, -1, np.int32),
        covered=np.zeros((COUNT, 0), np.uint8), noise_px={}, noise_reason="noise", template_frames=np.array([0, 1]),
        events=(), head={"name": head.name, "sha256": head.sha256}, source={}, settings={},
    )  # fmt: skip


def unwatched(stage: str, value: float) -> None:
    """Progress that nobody watches."""


def error(picture: np.ndarray, head: HeadModel, where: np.ndarray) -> np.ndarray:
    """(n,) grey levels by which the texture is wrong at pixels of its atlas on triangles all of whose corners are `where`."""
    atlas = atlas_of(head, len(picture))
    chosen = where[atlas.corner].all(1)
    shown = picture.reshape(-1, 3)[atlas.pixel[chosen]].astype(float)
    return np.asarray(np.abs(shown - atlas.at(painted(head))[chosen]).max(1))


def cheeks(head: HeadModel, left: bool) -> np.ndarray:
    """(V,) one half of the middle of the face, away from eyes and mouth."""
    x, y = head.template[:, 0], head.template[:, 1]
    marks = head.landmark_points(head.template)
    nose = marks[np.flatnonzero(head.landmark_index == 1)[0]]
    near = np.hypot(x - nose[0], y - nose[1]) < 0.045
    return np.asarray(head.face_mask & near & ((x > 0.02) if left else (x < -0.02)))


def test_the_texture_is_what_the_footage_shows(head: HeadModel, film: Callable[..., tuple[Take, Path]]) -> None:
    take, path = film(0.0)
    picture = skin_texture(take, head, open_clip(path), unwatched)
    for left in (True, False):
        wrong = error(picture, head, cheeks(head, left))
        assert len(wrong) > 500
        assert (
            np.median(wrong) < 4 and np.percentile(wrong, 95) < 12
        )  # of 140 from dark to bright; chroma is at half size


def test_the_far_half_is_that_of_the_near_one(head: HeadModel, film: Callable[..., tuple[Take, Path]]) -> None:
    """Turned by 60 degrees to one side and never to the other, one cheek is hidden behind the nose."""
    take, path = film(np.radians(60))
    picture = skin_texture(take, head, open_clip(path), unwatched)
    for left in (True, False):
        assert np.median(error(picture, head, cheeks(head, left))) < 9


def test_nothing_of_the_background_and_no_hole(head: HeadModel, film: Callable[..., tuple[Take, Path]]) -> None:
    take, path = film(0.3)
    picture = skin_texture(take, head, open_clip(path), unwatched).astype(int)
    green = (picture[..., 1] - picture[..., [0, 2]].max(2)) > 150
    assert not green.any()
    assert picture.min() > 20


def test_where_a_cylinder_lays_skin_over_skin_the_outer_counts(
    head: HeadModel, film: Callable[..., tuple[Take, Path]]
) -> None:
    """Heads of others have such UVs. Looked up at the corners of the face's polygons, most of which the footage shows."""
    take, path = film(0.0)
    round_ = replace(head, uv=cylinder_uv(head.template, head.polygons))
    picture = skin_texture(take, round_, open_clip(path), unwatched)
    face = head.face_mask[head.polygons].all(1)
    u, v = np.moveaxis(round_.uv[face], -1, 0)
    column, row = (np.clip(np.round(x * len(picture) - 0.5), 0, len(picture) - 1).astype(int) for x in (u, 1 - v))
    wrong = np.abs(picture[row, column] - painted(head)[head.polygons[face]]).max(2)
    assert np.percentile(wrong, 75) < 6.5  # 5.1; 7.7 where any layer may count


def test_frames_are_at_rest_turned_each_way_and_with_eyes_shut(head: HeadModel) -> None:
    take = _take(head, 0.0)
    pose = take.pose.copy()
    pose[3:5, 0, 1], pose[6, 0, 0] = 0.4, 0.3
    blink = Event(0.1, 0.2, 0.3, "blink", ("eyeBlinkLeft",), 5.0, 1.0, 1.0)
    assert chosen_frames(replace(take, pose=pose, events=(blink,))).tolist() == [0, 1, 3, 5, 6]


def test_eyes_have_the_colour_that_is_seen_unless_they_are_too_small(
    head: HeadModel, film: Callable[..., tuple[Take, Path]]
) -> None:
    take, path = film(0.0)
    iris = np.unique(head.faces[head.face_part == head.part_names.index("iris")])
    np.testing.assert_allclose(iris_colour(take, head, open_clip(path)), painted(head)[iris].mean(0), atol=15)
    far = replace(take, translation=5 * take.translation)
    assert iris_colour(far, head, open_clip(path)) is None


def test_other_footage_is_refused(head: HeadModel, film: Callable[..., tuple[Take, Path]]) -> None:
    take, path = film(0.0)
    with pytest.raises(MicrofaceError) as caught:
        skin_texture(replace(take, source={"sha256": "another"}), head, open_clip(path), unwatched)
    assert caught.value.code == "other_clip"
