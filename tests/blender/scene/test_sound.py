# SPDX-License-Identifier: GPL-3.0-or-later
"""The footage's sound under the scene: heard when it was recorded, as Blender mixes it down."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from microface.backend.types import Take
from microface.backend.video import open_clip, write_video
from microface.models.head.model import HeadModel
from microface.operators.scene import takes
from microface.operators.scene.build import build_scene

CLOSE_S = 0.004  # what AAC smears
Add = Callable[..., bpy.types.Collection]


def blank(count: int) -> list[np.ndarray]:
    return [np.full((32, 32, 3), shade, np.uint8) for shade in range(count)]


@pytest.fixture
def add(head: HeadModel, make_take: Callable[..., Take]) -> Add:
    """Build a take of some footage as the button does."""

    def build(path: Path, file: str, sha256: str = "film", face: str = "0") -> bpy.types.Collection:
        clip = open_clip(path)
        take = make_take(head, frames=len(clip.time_s), fps=25.0)
        take = replace(take, time_s=clip.time_s, settings={"face": face})
        take = replace(take, source={"fps": 25.0, "first_frame": 0, "sha256": sha256})
        built = build_scene(bpy.context, take, head, clip_path=path, clip=clip)
        takes.mark(built, file, take)
        return built

    return build


@pytest.mark.parametrize("rate", [25, 24, 200])
@pytest.mark.parametrize("starts_s", [0.0, 0.53])
def test_the_scene_beeps_when_the_footage_did(
    add: Add, clapper: Any, tmp_path: Path, rate: int, starts_s: float
) -> None:
    """Whatever the scene's rate, and also where sound begins after the pictures, between two frames."""
    path = clapper.film(tmp_path / "film.mp4", blank(50), 25, 1.3, starts_s)
    bpy.context.scene.render.fps = rate
    bpy.context.scene.timeline_markers.new("work", frame=1)  # the scene's own rate stays
    add(path, "a")
    bpy.context.scene.frame_end = 2 * rate
    bpy.ops.sound.mixdown(filepath=str(tmp_path / "mixed.wav"), container="WAV", codec="PCM")
    begins, ends = clapper.beep_of(tmp_path / "mixed.wav")
    assert (begins, ends) == (pytest.approx(1.3, abs=CLOSE_S), pytest.approx(1.4, abs=CLOSE_S))


def test_an_empty_scene_plays_in_time_with_the_sound(add: Add, clapper: Any, tmp_path: Path) -> None:
    add(clapper.film(tmp_path / "film.mp4", blank(50), 25, 1.3), "a")
    assert bpy.context.scene.sync_mode == "AUDIO_SYNC"


def test_takes_of_one_film_share_its_sound_which_goes_with_the_last(add: Add, clapper: Any, tmp_path: Path) -> None:
    scene = bpy.context.scene
    films = [clapper.film(tmp_path / f"{name}.mp4", blank(25), 25, 0.5) for name in "ab"]
    first, other = add(films[0], "a"), add(films[0], "a face", face="1")
    apart = add(films[1], "b", sha256="other film")
    assert [strip.channel for strip in scene.sequence_editor.strips] == [1, 2]
    takes.remove(scene, first)
    assert len(scene.sequence_editor.strips) == 2
    takes.remove(scene, other)
    assert [strip.name for strip in scene.sequence_editor.strips] == ["b"]
    takes.remove(scene, apart)
    assert not len(scene.sequence_editor.strips)
    assert not bpy.data.sounds


def test_strips_of_the_artist_stay_where_they_are(add: Add, clapper: Any, tmp_path: Path) -> None:
    scene = bpy.context.scene
    path = clapper.film(tmp_path / "film.mp4", blank(25), 25, 0.5)
    own = scene.sequence_editor_create().strips.new_sound("own", str(path), 3, 7)
    built = add(path, "a")
    assert [(strip.name, strip.channel) for strip in scene.sequence_editor.strips] == [("own", 3), ("film", 4)]
    takes.remove(scene, built)
    assert list(scene.sequence_editor.strips) == [own]
    assert own.sound.users == 1


def test_the_render_is_of_the_3d_scene_still(add: Add, clapper: Any, tmp_path: Path) -> None:
    """Strips that show something take the render over; sound does not."""
    add(clapper.film(tmp_path / "film.mp4", blank(5), 25, 0.1), "a")
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.film_transparent = True
    scene.render.filepath = str(tmp_path / "shown.png")
    bpy.ops.render.render(write_still=True)
    picture = bpy.data.images.load(scene.render.filepath)
    alpha = np.array(picture.pixels[:]).reshape(-1, 4)[:, 3]
    assert 0.01 < alpha.mean() < 0.9  # the head, and nothing beside it


def test_footage_without_sound_changes_nothing(add: Add, tmp_path: Path) -> None:
    write_video(tmp_path / "silent.mp4", blank(10), 25)
    add(tmp_path / "silent.mp4", "a")
    assert not len(bpy.data.sounds)
    assert bpy.context.scene.sync_mode == "FRAME_DROP"
