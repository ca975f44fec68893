# SPDX-License-Identifier: GPL-3.0-or-later
"""Painting out in Blender: a mask drawn in the clip editor reaches the worker as the pictures it stands for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.mesh import hidden_vertices  # noqa: E402
from microface.backend.take import read_take  # noqa: E402
from microface.backend.video import open_clip  # noqa: E402
from microface.operators import properties, takes  # noqa: E402
from microface.operators.scene.counter import counted  # noqa: E402
from microface.operators.scene.painted import _whole, clip_frames, footage_clip, write_masks  # noqa: E402

SIDE = 400  #: px of the portrait
DATA = ("scenes", "masks", "actions", "movieclips", "objects")


@pytest.fixture(scope="module")
def clip(portrait_clip: Callable[[list[int]], Path]) -> Path:
    return portrait_clip([0] * 8)


def drawn(left: float, right: float, bottom: float, top: float) -> bpy.types.Mask:
    """A rectangle, in shares of the picture."""
    mask = bpy.data.masks.new("hand")
    spline = mask.layers.new(name="Hidden").splines.new()
    spline.points.add(3)
    for point, at in zip(spline.points, [(left, bottom), (right, bottom), (right, top), (left, top)], strict=True):
        point.handle_type = "VECTOR"
        point.co = point.handle_left = point.handle_right = at
    spline.use_cyclic = True
    return mask


def written(folder: Path) -> list[np.ndarray]:
    return [cv2.imread(str(file), cv2.IMREAD_GRAYSCALE) for file in sorted(folder.iterdir())]


def test_the_button_makes_one_mask_over_the_footage(addon: ModuleType, clip: Path) -> None:
    choice = properties.settings(bpy.context)
    with pytest.raises(RuntimeError, match="Choose a video first"):
        bpy.ops.microface.paint_out()
    choice.source = str(clip)
    for _ in range(2):
        assert bpy.ops.microface.paint_out() == {"FINISHED"}
    assert [mask.name for mask in bpy.data.masks] == ["portrait painted out"]
    assert choice.mask == bpy.data.masks[0]
    assert [Path(one.filepath) for one in bpy.data.movieclips] == [clip]
    bpy.ops.microface.preset(purpose="RESET")
    assert choice.mask is None


def test_the_pixel_that_blender_leaves_as_memory_was_is_mended(tmp_path: Path) -> None:
    """At the top right; nothing else changes."""
    picture = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    picture[0, -2], picture[0, -1] = 0, 255
    (tmp_path / "mask.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    mended = cv2.imdecode(np.frombuffer(_whole(tmp_path / "mask.png"), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert mended[0, -1] == 0
    assert np.argwhere(mended != picture).tolist() == [[0, 7]]


def test_pictures_show_the_mask_as_it_is_keyed(
    addon: ModuleType, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A rectangle that is there from the scene's frame 5 on, the video's frame 4; frame 7 is not asked for."""
    mask = drawn(0.25, 0.5, 0.1, 0.3)
    layer = mask.layers[0]
    for frame, alpha in ((4, 0.0), (5, 1.0)):
        layer.alpha = alpha
        layer.keyframe_insert("alpha", frame=frame)
    shown, before = footage_clip(clip), {name: len(getattr(bpy.data, name)) for name in DATA}
    folder = tmp_path / "masks"
    write_masks(mask, shown, open_clip(clip), range(7), folder)
    pictures = written(folder)
    assert len(pictures) == 8
    assert [bool((one > 127).any()) for one in pictures] == [False] * 4 + [True] * 3 + [False]
    y, x = np.nonzero(pictures[5] > 127)
    box = np.array([x.min(), x.max() + 1, y.min(), y.max() + 1]) / SIDE
    np.testing.assert_allclose(box, [0.25, 0.5, 0.7, 0.9], atol=1.5 / SIDE)  # y runs down
    assert (pictures[5] > 127).sum() == pytest.approx(0.25 * 0.2 * SIDE**2, rel=0.03)
    assert {name: len(getattr(bpy.data, name)) for name in DATA} == before
    assert (mask.frame_start, mask.frame_end) == (1, 100)
    output = capfd.readouterr()
    assert "ERROR" not in output.out + output.err  # Blender's own, about users of the mask


def test_the_pictures_are_counted_while_blender_draws_them(addon: ModuleType, clip: Path, tmp_path: Path) -> None:
    said: list[object] = []
    manager = SimpleNamespace(
        progress_begin=lambda first, last: said.append((first, last)), progress_update=said.append,
        progress_end=lambda: said.append("end"),
    )  # fmt: skip
    with counted(manager, 4):
        write_masks(drawn(0.25, 0.5, 0.1, 0.3), footage_clip(clip), open_clip(clip), range(2, 6), tmp_path / "masks")
    assert said == [(0, 4), 1, 2, 3, 4, "end"]
    assert len(bpy.app.handlers.render_write) == 0


def test_points_keyed_in_the_clip_editor_move(addon: ModuleType, clip: Path, tmp_path: Path) -> None:
    """As an artist does: I keys the shape in one frame, then it is moved and keyed again."""
    mask, shown, scene = drawn(0.1, 0.2, 0.4, 0.6), footage_clip(clip), bpy.context.scene
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda one: one.width * one.height)
    was, area.type = area.type, "CLIP_EDITOR"
    try:
        space = area.spaces.active
        space.clip, space.mode, space.mask = shown, "MASK", mask
        region = next(one for one in area.regions if one.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            for point in mask.layers[0].splines[0].points:
                point.select = True
            scene.frame_set(1)
            assert bpy.ops.mask.shape_key_insert() == {"FINISHED"}
            scene.frame_set(7)
            for point in mask.layers[0].splines[0].points:
                point.co = point.handle_left = point.handle_right = (point.co[0] + 0.6, point.co[1])
            assert bpy.ops.mask.shape_key_insert() == {"FINISHED"}
    finally:
        area.type = was
    write_masks(mask, shown, open_clip(clip), range(8), tmp_path / "masks")
    middle = [np.nonzero(one > 127)[1].mean() / SIDE for one in written(tmp_path / "masks")]
    np.testing.assert_allclose(middle[:7], 0.15 + 0.1 * np.arange(7), atol=0.01)
    assert middle[7] == pytest.approx(middle[6])


def test_the_clip_editor_counts_from_where_the_clip_begins(addon: ModuleType, clip: Path, tmp_path: Path) -> None:
    shown = footage_clip(clip)
    assert clip_frames(shown, open_clip(clip)).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    shown.frame_start, shown.frame_offset = 100, 2
    assert clip_frames(shown, open_clip(clip)).tolist() == [98, 99, 100, 101, 102, 103, 104, 105]
    for number in (7, 9, 12):
        cv2.imwrite(str(tmp_path / f"face.{number:04d}.png"), np.zeros((8, 8), np.uint8))
    assert clip_frames(footage_clip(tmp_path), open_clip(tmp_path)).tolist() == [1, 3, 6]


def test_the_take_marks_what_is_painted_out(addon: ModuleType, built: None, clip: Path, tmp_path: Path) -> None:
    """The lower half of the picture, from the video's frame 5 on."""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    choice = properties.settings(bpy.context)
    choice.source, choice.mask = str(clip), drawn(0.4, 0.52, 0.55, 0.65)
    layer = choice.mask.layers[0]
    for frame, alpha in ((5, 0.0), (6, 1.0)):
        layer.alpha = alpha
        layer.keyframe_insert("alpha", frame=frame)
    assert bpy.ops.microface.reconstruct() == {"FINISHED"}
    take = read_take(Path(takes.shown(bpy.context.scene)[takes.FILE]))
    assert hidden_vertices(take, 5).sum() > 20
    assert not hidden_vertices(take, 0).any()
    assert (take.valid == 0).all()
