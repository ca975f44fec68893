# SPDX-License-Identifier: GPL-3.0-or-later
"""What is painted out is never looked at: nothing that lies under the paint changes any number of a take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from microface.backend import pipeline
from microface.backend.errors import MicrofaceError
from microface.backend.heads import load_head
from microface.backend.mesh import hidden_vertices, vertices_at
from microface.backend.motion.paint import Paint, filled, under
from microface.backend.store import Store
from microface.backend.tracked import tracked
from microface.backend.types import Settings, Take
from microface.backend.video import open_clip
from microface.models.head.raster import project

FRAMES, FIRST = 9, 5  #: pictures, and the first in which something stands before the mouth
HAND = np.s_[150:185, 175:215]  #: rows and columns of the portrait's mouth and cheek


def write(folder: Path, pictures: list[np.ndarray]) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:03d}.png"), picture)
    return folder


@pytest.fixture(scope="module")
def footage(portrait: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The portrait with sensor noise as it is and with something before the mouth, and the mask of that."""
    folder, random = tmp_path_factory.mktemp("painted"), np.random.default_rng(1)
    plain = [np.clip(portrait + random.normal(0, 1.5, portrait.shape), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    mask = [np.zeros(portrait.shape[:2], np.uint8) for _ in range(FRAMES)]
    hand = [one.copy() for one in plain]
    for one, painted in list(zip(hand, mask, strict=True))[FIRST:]:
        one[HAND] = random.integers(0, 255, one[HAND].shape)
        painted[HAND] = 255
    return {name: write(folder / name, made) for name, made in (("plain", plain), ("hand", hand), ("mask", mask))}


@pytest.fixture(scope="module")
def takes(built: None, footage: dict[str, Path]) -> dict[str, Take]:
    """Of the footage with and without what is painted out, by the same landmarks."""
    head, settings = load_head("generic"), Settings(device="cpu", mask=str(footage["mask"]))
    seen = tracked(open_clip(footage["plain"]), settings, lambda stage, share: None, Store(0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pipeline, "tracked", lambda *_: seen)
        made = {name: (open_clip(footage[name]), settings) for name in ("plain", "hand")}
        made["unpainted"] = made["plain"][0], Settings(device="cpu")
        return {
            name: pipeline.reconstruct_clip(clip, head, chosen, lambda stage, share: None, Store(0))
            for name, (clip, chosen) in made.items()
        }


def test_nothing_under_the_paint_changes_a_number(takes: dict[str, Take]) -> None:
    names = [name for name, value in vars(takes["plain"]).items() if isinstance(value, np.ndarray)]
    for name in names:
        np.testing.assert_array_equal(getattr(takes["hand"], name), getattr(takes["plain"], name), err_msg=name)
    assert takes["hand"].events == takes["plain"].events
    assert takes["hand"].noise_px == takes["plain"].noise_px


def test_what_is_painted_out_is_marked_and_the_rest_is_measured(takes: dict[str, Take]) -> None:
    take, head = takes["hand"], load_head("generic")
    assert (take.valid == 0).all()
    assert not take.covered[: FIRST - 3].any()  # what comes over a face is looked for some frames earlier
    image = project(vertices_at(take, head, FIRST), take.camera)[:, :2]
    shown = take.patch >= 0
    inside = shown & under(hand_at(take)[None], image[None])[0]
    hidden = hidden_vertices(take, FIRST)
    assert inside.sum() > 20
    assert hidden[inside].mean() > 0.95
    assert hidden[shown & ~inside].mean() < 0.25
    assert (take.expression_std[FIRST] > 1.5 * takes["unpainted"].expression_std[FIRST]).any()


def test_beside_the_paint_the_face_is_where_it_would_be_without(takes: dict[str, Take]) -> None:
    take, plain, head = takes["hand"], takes["unpainted"], load_head("generic")
    beside = (take.patch >= 0) & ~hidden_vertices(take, FIRST)
    image = [project(vertices_at(one, head, FIRST), one.camera)[beside, :2] for one in (take, plain)]
    assert np.linalg.norm(image[0] - image[1], axis=1).mean() < 0.1


def hand_at(take: Take) -> np.ndarray:
    out = np.zeros(take.size[::-1], bool)
    out[HAND] = True
    return out


def test_one_picture_serves_all_frames_and_is_scaled_to_the_footage(footage: dict[str, Path], tmp_path: Path) -> None:
    clip = open_clip(footage["plain"])
    small = np.zeros((clip.height // 2, clip.width // 2), np.uint8)
    small[10:20, 30:50] = 200
    small[40:, :] = 100  # less than half
    cv2.imwrite(str(tmp_path / "mask.png"), small)
    paint = Paint(tmp_path / "mask.png", clip)
    for frame in (0, FRAMES - 1):
        y, x = np.nonzero(paint.picture(frame))
        assert (y.min(), y.max(), x.min(), x.max()) == (20, 39, 60, 99)


@pytest.mark.parametrize(("size", "count", "said"), [((40, 40), 3, "3 pictures"), ((40, 90), 1, "90 x 40 px")])
def test_masks_that_do_not_fit_are_refused(
    footage: dict[str, Path], tmp_path: Path, size: tuple[int, int], count: int, said: str
) -> None:
    masks = write(tmp_path / "masks", [np.zeros(size, np.uint8)] * count)
    with pytest.raises(MicrofaceError, match=said) as refused:
        Paint(masks, open_clip(footage["plain"]))
    assert refused.value.code == "bad_mask"


def test_a_filling_is_as_light_as_what_is_around_it() -> None:
    """A level picture stays level; what lies beneath is gone."""
    picture, painted = np.full((60, 80), 90, np.float32), np.zeros((60, 80), bool)
    painted[20:40, 30:60] = True
    picture[painted] = np.random.default_rng(0).uniform(0, 255, painted.sum())
    np.testing.assert_allclose(filled(picture, painted, 5.0), 90, atol=1e-3)
