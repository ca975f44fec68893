# SPDX-License-Identifier: GPL-3.0-or-later
"""The preferences: health check, kept results, GPU runtime."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from microface.backend import store  # noqa: E402
from microface.operators import gpu, job, properties  # noqa: E402
from microface.operators.worker import Worker  # noqa: E402


@pytest.fixture
def preferences(load_addon: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[properties.Preferences]:
    """The add-on's, registered and enabled; its user folder is empty."""
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(properties, "installed_gpu", lambda: tmp_path / "user" / "cp3")
    module: ModuleType = load_addon()
    module.register()
    enabled = bpy.context.preferences.addons.new()
    enabled.module = "microface"
    yield enabled.preferences
    bpy.context.preferences.system.use_online_access = False
    bpy.context.preferences.addons.remove(enabled)
    module.unregister()


def test_the_check_lists_what_is_here_and_can_be_copied(built: None, preferences: properties.Preferences) -> None:
    with pytest.raises(RuntimeError, match="Press Check first"):
        bpy.ops.microface.copy_checks()
    assert bpy.ops.microface.check() == {"FINISHED"}
    rows = {row.name: row for row in properties.job(bpy.context).checks}
    assert bpy.app.version_string in rows["blender"].detail
    assert {"python", "numpy", "cv2", "onnxruntime", "scipy", "av", "device cpu", "kept results"} <= set(rows)
    assert all(row.well for row in rows.values())
    bpy.ops.microface.copy_checks()
    if bpy.context.window_manager.clipboard:  # without a window system there is no clipboard
        assert "OK       numpy" in bpy.context.window_manager.clipboard


def test_what_is_missing_is_listed_beside_the_error(
    built: None, preferences: properties.Preferences, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    preferences.runtime = str(tmp_path / "empty")
    with pytest.raises(RuntimeError, match="Missing: GPU runtime"):
        bpy.ops.microface.check()
    state = properties.job(bpy.context)
    wrong = [row for row in state.checks if not row.well]
    assert [row.name for row in wrong] == ["GPU runtime"]
    assert "there is no ONNX Runtime in" in wrong[0].detail
    assert "choose another folder" in wrong[0].detail


def test_kept_results_are_cleared_by_the_button(preferences: properties.Preferences) -> None:
    store.folder().mkdir(parents=True)
    (store.folder() / "a.take.npz").write_bytes(b"x" * 1000)
    assert bpy.ops.microface.clear_cache() == {"FINISHED"}
    assert store.size() == 0
    assert properties.job(bpy.context).kept_mb == 0


def test_the_limit_of_kept_results_reaches_the_worker(preferences: properties.Preferences) -> None:
    from microface.operators.reconstruct import options

    preferences.cache = 0.25
    assert options(bpy.context)[-2:] == ["--cache", "0.25"]


def test_the_chosen_folder_comes_before_the_installed_one(
    preferences: properties.Preferences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert properties.gpu_folder(bpy.context) == ""
    properties.installed_gpu().mkdir(parents=True)
    assert properties.gpu_folder(bpy.context) == str(properties.installed_gpu())
    preferences.runtime = str(tmp_path / "own")
    assert properties.gpu_folder(bpy.context) == str(tmp_path / "own")
    seen: dict[str, str] = {}

    def started(self: Worker, argv: list[str], outputs: object, gpu: str = "") -> None:
        seen["gpu"] = gpu
        raise OSError("enough")

    monkeypatch.setattr(job.Worker, "__init__", started)
    with pytest.raises(RuntimeError):
        bpy.ops.microface.check()
    assert seen["gpu"] == str(tmp_path / "own")


def test_the_worker_is_told_by_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from microface.operators.worker import _environment

    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    assert _environment("/gpu")["MICROFACE_GPU"] == "/gpu"
    assert "PYTHONPATH" not in _environment("/gpu")
    monkeypatch.delenv("MICROFACE_GPU", raising=False)
    assert "MICROFACE_GPU" not in _environment("")
    assert _environment("")["PATH"] == os.environ["PATH"]


def test_nothing_is_installed_offline(preferences: properties.Preferences) -> None:
    from microface.operators.command_line import main

    bpy.context.preferences.system.use_online_access = False
    with pytest.raises(RuntimeError, match="Allow Online Access"):
        bpy.ops.microface.install_gpu(agreed=True)
    assert main(["gpu", str(properties.installed_gpu())]) == 1
    assert not properties.installed_gpu().exists()


def test_the_terms_say_version_size_licence_driver_and_gain_before_the_download(
    preferences: properties.Preferences,
) -> None:
    said = " ".join(gpu.terms(bpy.context))
    for words in (
        "ONNX Runtime 1.31.1",
        "CUDA 13",
        "cuDNN 9",
        "1.6 GB",
        "NVIDIA's own licences",
        "driver",
        "1 to 5 ms",
    ):
        assert words in said
    assert "Press Check" in said
    row = properties.job(bpy.context).checks.add()
    row.name, row.detail = "device cpu", "2.5 ms a picture"
    assert "This processor: 2.5 ms a picture" in gpu.terms(bpy.context)


def test_an_installed_runtime_can_be_removed(preferences: properties.Preferences) -> None:
    (properties.installed_gpu() / "onnxruntime").mkdir(parents=True)
    properties.job(bpy.context).gpu = True
    assert bpy.ops.microface.remove_gpu() == {"FINISHED"}
    assert not properties.installed_gpu().exists()
    assert not properties.job(bpy.context).gpu
