# SPDX-License-Identifier: GPL-3.0-or-later
"""The full command line through the bpy module, as `dev.py run` starts it and as `blender -c microface` calls it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = (
    "import runpy, sys; runpy.run_path({bootstrap!r})['install_package']();"
    "from microface.operators.command_line import main; sys.exit(main(sys.argv[1:]))"
).format(bootstrap=str(ROOT / "backend" / "bootstrap.py"))


@pytest.fixture(scope="module")
def clip(built: None, portrait_clip: Callable[[list[int]], Path]) -> Path:
    return portrait_clip([0] * 20 + [1] * 20)


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-c", START, *map(str, arguments)]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=400, check=False)


def test_reconstruct_writes_every_file_asked_for(clip: Path, tmp_path: Path) -> None:
    out = {name: tmp_path / name for name in ("take.npz", "mesh.npz", "scene.blend")}
    done = run(
        "reconstruct",
        clip,
        "--out",
        out["take.npz"],
        "--mesh",
        out["mesh.npz"],
        "--blend",
        out["scene.blend"],
        "--json",
    )
    assert done.returncode == 0, done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]  # nothing but messages on stdout
    values = [message["value"] for message in messages if message["type"] == "progress"]
    assert values == sorted(values)
    assert messages[-1]["type"] == "result"
    assert messages[-1]["blend"] == str(out["scene.blend"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(out)
    info = run("info", out["take.npz"])
    assert info.returncode == 0
    assert "40 at 25 a second" in info.stdout


def test_saved_scene_opens_with_the_animated_head(clip: Path, tmp_path: Path) -> None:
    import bpy

    assert run("reconstruct", clip, "--out", tmp_path / "take.npz", "--blend", tmp_path / "scene.blend").returncode == 0
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    heads = [thing for thing in bpy.data.objects if thing.type == "MESH" and thing.data.shape_keys]
    assert len(heads) == 1
    assert heads[0].data.shape_keys.animation_data.action
    assert bpy.context.scene.camera
    assert bpy.context.scene.render.fps == 25


def test_failed_job_is_status_1_with_the_workers_words(tmp_path: Path) -> None:
    done = run("reconstruct", tmp_path / "gone.mp4", "--out", tmp_path / "take.npz", "--blend", tmp_path / "a.blend")
    assert done.returncode == 1
    assert "gone.mp4" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_status_2() -> None:
    done = run("reconstruct", "a.mp4")
    assert done.returncode == 2
    assert "--out" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_control_c_is_status_130_and_leaves_no_file(clip: Path, tmp_path: Path) -> None:
    arguments = ["reconstruct", clip, "--out", tmp_path / "take.npz", "--json"]
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        messages = [json.loads(line) for line in process.stdout]
        assert process.wait(60) == 130
    assert messages[-1] == {"type": "cancelled"}
    assert list(tmp_path.iterdir()) == []
