# SPDX-License-Identifier: GPL-3.0-or-later
"""The zip a user installs: manifest, wheels, relative imports, worker and scene, in this environment's Blender."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("bpy", reason="Blender is not installed as a module in this environment")

SESSION = Path(__file__).with_name("zip_session.py")
LIMIT_S = 600  # Blender 4.5 hangs at exit when something stays registered


@pytest.fixture(scope="module")
def seen(extension_zip: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What happened in a Blender of its own."""
    user = tmp_path_factory.mktemp("user")
    done = subprocess.run(
        [sys.executable, "-I", str(SESSION), str(extension_zip), str(clip)],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(user)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("SEEN ")]
    assert done.returncode == 0 and lines, done.stdout[-3000:] + done.stderr[-3000:]
    facts: dict[str, object] = json.loads(lines[0][5:])
    return {**facts, "user": str(user)}


def test_operator_reconstructs_the_clip(seen: dict[str, object]) -> None:
    assert seen["outcome"] == ["FINISHED"]
    assert str(seen["take"]).startswith(str(seen["user"]))
    assert Path(str(seen["take"])).is_file()


def test_scene_holds_head_keys_and_camera(seen: dict[str, object]) -> None:
    assert seen["vertices"] > 3000  # type: ignore[operator]
    assert seen["keys"] > 30  # type: ignore[operator]
    assert {"KEY", "OBJECT"} <= set(seen["slots"])  # type: ignore[call-overload]
    assert seen["longest_curve"] == 50  # one key for each frame of the clip
    assert seen["fps"] == 25
    assert seen["camera"]


def test_an_upgrade_registers_the_same_and_keeps_the_users_files(seen: dict[str, object], clip: Path) -> None:
    assert "MICROFACE_PT_reconstruct" in seen["before"]  # type: ignore[operator]
    assert seen["after"] == seen["before"]
    assert seen["source"] == str(clip)
    assert Path(str(seen["take"])).is_file()  # in the extension's user folder


def test_disabling_leaves_nothing(seen: dict[str, object]) -> None:
    assert seen["leftovers"] == []


def test_worker_in_the_zip_needs_no_development_package(extension_zip: Path) -> None:
    """What builds or trains the models stays at home: onnx, torch and scikit-image are in no wheel."""
    with zipfile.ZipFile(extension_zip) as archive:
        names = archive.namelist()
        needed = [
            name for name in names if name.endswith(".py") and name.startswith(("backend/", "models/", "operators/"))
        ]
        text = b"\n".join(archive.read(name) for name in needed)
    assert needed
    for package in (b"import onnx\n", b"from onnx ", b"import torch", b"import skimage", b"from skimage"):
        assert package not in text
    assert not [name for name in names if "numpy-" in name]
