# SPDX-License-Identifier: GPL-3.0-or-later
"""Import and export as a user has them: the command line through the bpy module, and the buttons by `execute`."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from microface.backend.exchange.live_link import ANGLES, ORDER  # noqa: E402
from microface.backend.take import read_take  # noqa: E402
from microface.models.head.model import write_head  # noqa: E402
from microface.models.head.read.recognise import read_any_head  # noqa: E402
from microface.operators import properties  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import runpy, sys; runpy.run_path({bootstrap!r})['install_package']();"
    "from microface.operators.command_line import main; sys.exit(main(sys.argv[1:]))"
).format(bootstrap=str(ROOT / "backend" / "bootstrap.py"))


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)


@pytest.fixture
def recording(built: None, tmp_path: Path) -> Path:
    """Two seconds of a smile that comes and goes, 30 rows a second, as Live Link Face writes them."""
    path = tmp_path / "smile.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ORDER), *ANGLES])
        for row in range(60):
            smile = 1 - abs(row - 30) / 30
            weights = [smile if name.startswith("mouthSmile") else 0.0 for name in ORDER]
            writer.writerow([f"10:00:{row // 30:02}:{2 * (row % 30):02}.000", 61, *weights, *[0.01 * row] * 9])
    return path


def test_a_recording_becomes_take_scene_and_files(recording: Path, tmp_path: Path) -> None:
    done = run("import", recording, "--out", tmp_path / "a.npz", "--blend", tmp_path / "a.blend", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["blend"] == str(tmp_path / "a.blend")
    done = run("export", tmp_path / "a.npz", "--glb", tmp_path / "a.glb", f"--fbx={tmp_path / 'a.fbx'}", "--csv",
               tmp_path / "t.csv", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])  # nothing but messages on stdout
    assert last["files"] == [str(tmp_path / name) for name in ("t.csv", "a.glb", "a.fbx")]
    done = run("export", tmp_path / "a.npz", "--usd", tmp_path / "a.usdc", "--abc", tmp_path / "a.abc")
    assert done.returncode == 0, done.stderr
    assert "a.usdc: 30 frames a second" in done.stdout
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"smile.csv", "a.npz", "a.blend", "a.glb", "a.fbx", "t.csv", "a.usdc", "a.abc"}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    scene = bpy.context.scene
    assert (scene.render.fps, scene.frame_start, scene.frame_end) == (30, 1, 60)
    scene.frame_set(31)
    keys = next(thing for thing in bpy.data.objects if thing.type == "MESH").data.shape_keys
    assert keys.key_blocks["mouthSmileLeft"].value == pytest.approx(1.0)


def test_how_well_pose_correctives_are_baked_is_told(flame_arrays: Any, published: Any, tmp_path: Path) -> None:
    """With landmarks, so that nothing is tracked. A jaw that only opens needs sine and cosine: two keys, and nothing is lost."""
    few = flame_arrays | {"shapedirs": flame_arrays["shapedirs"][..., 288:312]}
    (tmp_path / "flame2023_Open.pkl").write_bytes(published.python2_pickle(published.flame_open(few)))
    mark = {"landmark_index": np.array([1], np.int32), "landmark_triangle": np.array([0], np.int32)}
    flame = replace(read_any_head(tmp_path / "flame2023_Open.pkl"), landmark_weight=np.full((1, 3), 1 / 3), **mark)
    write_head(tmp_path / "flame.npz", flame)
    np.savez(tmp_path / "s.npz", expr=np.zeros((9, 6)), jaw_pose=np.linspace(0, 0.4, 9)[:, None] * [1, 0, 0])
    head = ("--head", tmp_path / "flame.npz")
    done = run(
        "import", tmp_path / "s.npz", "--fps", "25", *head, "--out", tmp_path / "a.npz", "--blend", tmp_path / "a.blend"
    )
    told = "\nPose correctives in 2 keys, within 0.0000 mm.\n"
    assert done.stdout.endswith(f"wrote {tmp_path / 'a.blend'}{told}"), done.stderr
    done = run("export", tmp_path / "a.npz", "--abc", tmp_path / "a.abc", *head)
    assert done.stdout == f"wrote {tmp_path / 'a.abc'}: 25 frames a second{told}", done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["export", "a.npz", "--glb", "a.fbx"], 2, "does not end in .glb"),
        (["export", "gone.npz", "--glb", "a.glb"], 1, "There is no file gone.npz"),
        (["export", "a.glb", "--glb", "a.glb"], 1, "a.glb would be overwritten"),
        (["export", "a.npz", "--glb", "b.glb", "--csv", "b.glb"], 1, "b.glb would be overwritten"),
    ],
)
def test_what_cannot_be_exported_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], status: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == status
    assert words in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_buttons(addon: ModuleType, recording: Path, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert not bpy.ops.microface.export_animation.poll()
    assert not bpy.ops.microface.export_table.poll()
    assert bpy.ops.microface.import_motion(filepath=str(recording)) == {"FINISHED"}
    take = read_take(tmp_path / "smile.take.npz")
    assert len(take.time_s) == 60
    assert bpy.data.collections["smile"].objects
    properties.settings(bpy.context).head = str(tmp_path / "other.pkl")  # for the next job: the result keeps its own
    assert bpy.ops.microface.export_table(filepath=str(tmp_path / "a.csv"), kind="csv") == {"FINISHED"}
    properties.settings(bpy.context).head = ""
    assert bpy.ops.microface.export_animation(filepath=str(tmp_path / "a.abc")) == {"FINISHED"}
    assert bpy.ops.microface.export_table(filepath=str(tmp_path / "a.txt"), kind="elan") == {"FINISHED"}
    assert (tmp_path / "a.abc").stat().st_size > 1000
    assert (tmp_path / "a.txt").read_text().startswith("Tier")
    with pytest.raises(RuntimeError, match=r"none of \.glb"):
        bpy.ops.microface.export_animation(filepath=str(tmp_path / "a.obj"))
    with pytest.raises(RuntimeError, match="no file"):
        bpy.ops.microface.import_motion(filepath=str(tmp_path / "gone.csv"))
