# SPDX-License-Identifier: GPL-3.0-or-later
"""Choosing a video, presets, frames by the timeline, and the next step after an error."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

from microface.operators import properties  # noqa: E402
from microface.operators.choose_video import MICROFACE_FH_video  # noqa: E402
from microface.operators.spans import preview_frames  # noqa: E402
from microface.operators.words import in_panel  # noqa: E402


def test_a_video_may_be_dropped_into_the_3d_view(addon: ModuleType) -> None:
    assert ".mp4" in MICROFACE_FH_video.bl_file_extensions.split(";")
    view, other = (SimpleNamespace(area=SimpleNamespace(type=kind)) for kind in ("VIEW_3D", "GRAPH_EDITOR"))
    assert MICROFACE_FH_video.poll_drop(view)
    assert not MICROFACE_FH_video.poll_drop(other)
    assert bpy.ops.microface.choose_video(filepath="/films/a.mp4") == {"FINISHED"}
    assert properties.settings(bpy.context).source == "/films/a.mp4"


def test_presets_choose_together_and_defaults_undo_all(addon: ModuleType) -> None:
    choice = properties.settings(bpy.context)
    untouched = {name: getattr(choice, name) for name in choice.bl_rna.properties.keys() if name != "exclude"}  # noqa: SIM118
    bpy.ops.microface.preset(purpose="EDIT")
    assert (choice.detail, choice.rate, choice.live_correctives) == (False, "scene", True)
    bpy.ops.microface.preset(purpose="LOOK")
    assert (choice.detail, choice.rate, choice.live_correctives) == (True, "footage", False)
    choice.use_range, choice.use_neutral, choice.face, choice.lens_from = True, True, "1", "KNOWN"
    choice.head, choice.result, choice.quality = "flame", "REPLACE", "draft"
    choice.exclude.add()
    bpy.ops.microface.preset(purpose="RESET")
    assert {name: getattr(choice, name) for name in untouched} == untouched
    assert len(choice.exclude) == 0


def test_rows_of_frames_left_out_come_and_go(addon: ModuleType) -> None:
    choice = properties.settings(bpy.context)
    for start in (5, 10, 15):
        bpy.ops.microface.add_span()
        choice.exclude[-1].start = start
    bpy.ops.microface.remove_span(index=1)
    assert [span.start for span in choice.exclude] == [5, 15]


def test_frames_by_the_timeline_ask_for_a_take_then_for_a_preview_range(addon: ModuleType) -> None:
    with pytest.raises(RuntimeError, match="Reconstruct once"):
        bpy.ops.microface.span_from_preview(target="range")


@pytest.mark.parametrize("fps", [25, 50, 10])
def test_the_preview_range_means_the_videos_frames(
    addon: ModuleType, fps: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A video of 25 frames a second of which the take begins at frame 100, in scenes of several rates."""
    import microface.backend.take as files
    import numpy as np
    from microface.operators.takes import FILE

    monkeypatch.setattr(
        files,
        "read_take",
        lambda path: SimpleNamespace(time_s=np.arange(100, 200) / 25, footage_frames=np.arange(100, 200)),
    )
    scene = bpy.context.scene
    collection = bpy.data.collections.new("take")
    collection[FILE] = "a.take.npz"
    scene.collection.children.link(collection)
    scene.render.fps, scene.render.fps_base = fps, 1
    with pytest.raises(RuntimeError, match="preview range first"):
        bpy.ops.microface.span_from_preview(target="neutral")
    scene.use_preview_range = True
    scene.frame_preview_start = round(120 / 25 * fps) + 1  # where frame 120 of the video lies
    scene.frame_preview_end = round(140 / 25 * fps) + 1
    bpy.ops.microface.span_from_preview(target="neutral")
    choice = properties.settings(bpy.context)
    assert choice.use_neutral
    half = max(0.5 * 25 / fps, 0.5)  # of a scene frame, in frames of the video
    assert abs(choice.neutral_start - 120) <= half
    assert abs(choice.neutral_end - 141) <= half
    scene.frame_preview_start, scene.frame_preview_end = 9000, 9010
    assert preview_frames(bpy.context) is None


def test_a_take_whose_file_is_gone_asks_for_the_numbers(addon: ModuleType) -> None:
    from microface.operators.takes import FILE

    collection = bpy.data.collections.new("take")
    collection[FILE] = "/gone/a.take.npz"
    bpy.context.scene.collection.children.link(collection)
    bpy.context.scene.use_preview_range = True
    with pytest.raises(RuntimeError, match=r"no file /gone/a\.take\.npz\. Type the frames instead"):
        bpy.ops.microface.span_from_preview(target="range")
    assert bpy.ops.microface.add_span() == {"FINISHED"}
    assert len(properties.settings(bpy.context).exclude) == 1


def test_the_next_step_mends_what_the_error_says_and_tries_again(
    addon: ModuleType, built: None, portrait: object, tmp_path: Path
) -> None:
    """Two shots of a face: the button takes the longer one."""
    import numpy as np
    from microface.backend.video import write_video

    film = tmp_path / "film.mp4"
    shots = [portrait] * 4 + [np.ascontiguousarray(np.asarray(portrait)[:, ::-1]) // 2 + 90] * 6
    write_video(film, iter(shots), fps=25)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    choice, state = properties.settings(bpy.context), properties.job(bpy.context)
    choice.source = str(film)
    with pytest.raises(RuntimeError, match="cuts to another shot"):
        bpy.ops.microface.reconstruct()
    assert state.code == "cut"
    assert "--" not in state.remedy
    assert bpy.ops.microface.next_step() == {"FINISHED"}
    assert (choice.use_range, choice.range_start, choice.range_end) == (True, 4, 10)
    assert state.error == ""
    assert Path(state.take).is_file()
    with pytest.raises(RuntimeError, match=r"poll\(\) failed"):
        bpy.ops.microface.next_step()


@pytest.mark.parametrize(
    ("remedy", "words"),
    [
        ("Leave out --face to take the largest, or point at one with --face x,y.",
         "Leave out Face to take the largest, or point at one with a pixel like 320,240 in Face."),
        ("Use --device auto or cpu.", "Use Best or Processor in the preferences."),
        ("Choose the head of the take (--head), or reconstruct the video again.",
         "Choose the head of the take, or reconstruct the video again."),
        ("Free some space or choose another disk.", "Free some space or choose another disk."),
    ],
)  # fmt: skip
def test_remedies_name_what_the_panel_shows(remedy: str, words: str) -> None:
    assert in_panel(remedy) == words


def test_no_remedy_of_the_reconstruction_names_an_option_in_the_panel() -> None:
    """Every `--option` in the texts of the stages is known to the words of the panel."""
    import ast

    root = Path(__file__).resolve().parents[2]
    for folder in ("backend", "backend/tracking", "backend/video", "models"):
        for source in (root / folder).glob("*.py"):
            if source.name in ("arguments.py", "reconstruction.py", "mesh.py", "bootstrap.py", "gpu_install.py"):
                continue
            for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                    assert "--" not in in_panel(node.value), (source, node.value)
