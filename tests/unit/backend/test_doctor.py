# SPDX-License-Identifier: GPL-3.0-or-later
"""The health check names what is missing, and how to mend it."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from microface.backend import doctor, store
from microface.backend.doctor import Check, examine, table
from microface.models import assets, runtime


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "MEASURED", 1)
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path))


def found(what: str) -> Check:
    return next(check for check in examine("Blender 9.9") if check.what == what)


def test_the_host_and_the_program_stand_first(built: None) -> None:
    checks = examine("Blender 9.9")
    assert checks[0] == Check("blender", True, "Blender 9.9")
    assert store.software_digest()[:12] in checks[1].detail
    assert all(check.detail for check in checks)


def test_a_device_has_its_measured_speed(built: None) -> None:
    check = found("device cpu")
    assert check.well
    assert 0.1 < float(check.detail.removesuffix(" ms a picture")) < 1000


def test_a_card_that_does_not_work_is_said_and_no_fault(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "available_devices", lambda: ["cuda", "cpu"])
    check = found("device cuda")
    assert check.well
    assert "cannot be used" in check.detail


def test_a_chosen_runtime_that_fails_is_missing_with_the_cure(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROFACE_GPU", "/gpu")
    monkeypatch.setattr(runtime, "GPU_REASON", "/gpu: libcudart is missing")
    check = found("GPU runtime")
    assert not check.well
    assert "libcudart is missing" in check.detail
    assert "install it again" in check.detail


@pytest.mark.parametrize("name", ["face_mesh.onnx", "generic_head.npz"])
def test_a_missing_model_is_named(built: None, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = tmp_path / "assets"
    some.mkdir()
    for file in assets.FOLDER.iterdir():
        if file.is_file() and file.name != name:
            shutil.copy(file, some)
    monkeypatch.setattr(assets, "FOLDER", some)
    missing = [check for check in examine() if not check.well]
    assert missing
    assert all(name in check.detail and "reinstall" in check.detail for check in missing if "device" not in check.what)


def test_a_full_disk_is_missing_room(built: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _path: SimpleNamespace(free=2e8))
    assert found("scratch folder") == Check(
        "scratch folder", False, f"only 0.20 GB free in {doctor.tempfile.gettempdir()}: free some space"
    )


def test_the_table_has_a_line_for_each() -> None:
    assert table([Check("numpy", True, "2.5"), Check("av", False, "gone")]).splitlines() == [
        "OK       numpy                2.5",
        "MISSING  av                   gone",
    ]
