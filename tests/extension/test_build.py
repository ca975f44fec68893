# SPDX-License-Identifier: GPL-3.0-or-later
"""The zips as they are handed out: `python3 dev.py test` has built them."""

import hashlib
import json
import re
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLATFORMS = ("linux-x64", "windows-x64", "macos-arm64")
PACKAGES = {"opencv_python_headless", "av", "onnxruntime", "scipy"}
PYTHONS = ("cp311", "cp313")  # Blender 4.5 and 5.0, 5.1 and 5.2
TAGS = {"linux-x64": "manylinux", "windows-x64": "win_amd64", "macos-arm64": "macosx"}
LIMIT = 300_000_000  # bytes


def manifest_of_checkout() -> dict:
    return tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))


@pytest.fixture(params=PLATFORMS)
def platform(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def path(platform: str) -> Path:
    path = ROOT / "dist" / f"microface-{manifest_of_checkout()['version']}-{platform}.zip"
    if not path.exists():
        pytest.skip(f"{path.name} is not built: run python3 dev.py build")
    return path


def serves(wheel: str, python: str) -> bool:
    """Whether a wheel's file name says that it runs on `python`, such as cp313."""
    interpreter, abi = wheel.removesuffix(".whl").split("-")[2:4]
    if abi == "abi3":
        return int(interpreter[3:]) <= int(python[3:])
    return interpreter == abi == python


def test_the_manifest_lists_the_platforms_we_build(platform: str) -> None:
    assert platform in manifest_of_checkout()["platforms"]
    assert len(manifest_of_checkout()["platforms"]) == len(PLATFORMS)


def test_every_python_is_served_for_every_package(path: Path, platform: str) -> None:
    """Blender checks the union of all tags only: one package without cp313 would install and then fail to import."""
    with zipfile.ZipFile(path) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        held = {name for name in archive.namelist() if name.endswith(".whl")}
    assert manifest["platforms"] == [platform]
    assert {wheel.removeprefix("./") for wheel in manifest["wheels"]} == held
    wheels = [Path(wheel).name for wheel in held]
    assert {wheel.split("-")[0] for wheel in wheels} == PACKAGES  # and so never numpy
    assert all(TAGS[platform] in wheel for wheel in wheels)
    for package in PACKAGES:
        for python in PYTHONS:
            fitting = [wheel for wheel in wheels if wheel.startswith(f"{package}-") and serves(wheel, python)]
            assert len(fitting) == 1, (package, python, fitting)


def test_wheels_are_the_locked_files(path: Path, platform: str) -> None:
    locked = json.loads((ROOT / "requirements" / "wheels.json").read_text())[platform]
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".whl"):
                assert hashlib.sha256(archive.read(name)).hexdigest() == locked[Path(name).name]


def test_the_zip_is_small_enough_to_hand_out(path: Path) -> None:
    assert path.stat().st_size < LIMIT


def test_the_zip_holds_the_package_and_nothing_of_the_workshop(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    for needed in (
        "__init__.py",
        "backend/bootstrap.py",
        "operators/command_line.py",
        "requirements/gpu.txt",
        "LICENSE",
        "LICENSES.md",
    ):
        assert needed in names
    for asset in ("face_detection.onnx", "face_mesh.onnx", "generic_head.npz"):
        assert f"models/assets/{asset}" in names
    stray = re.compile(
        r"^(tests|docs|devtools|requirements/(?!gpu\.txt)|dev\.py)|__pycache__|\.pyc$|\.stamp$|(^|/)\.|models/networks"
    )
    assert not [name for name in names if stray.search(name)]


def test_every_wheel_comes_with_its_licence(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        sheet = archive.read("LICENSES.md").decode()
        assert "GNU GENERAL PUBLIC LICENSE" in archive.read("LICENSE").decode()
        for name in names:
            if name.endswith(".whl"):
                package, version = Path(name).name.split("-")[:2]
                texts = [text for text in names if text.startswith(f"licences/{package}-{version}/")]
                assert sum(archive.getinfo(text).file_size for text in texts) > 1000, package
                assert f"| {package.replace('_', '-')} {version} " in sheet
        third_parties = " ".join(names)
        assert "ThirdPartyNotices" in third_parties and "LICENSE-3RD-PARTY" in third_parties
        assert any(name.startswith("models/assets/licences/mediapipe") for name in names)


def test_model_files_are_named_on_the_licence_sheet(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("LICENSES.md").decode()
        assets = [name for name in archive.namelist() if re.fullmatch(r"models/assets/[^/]+", name)]
    assert assets
    for name in assets:
        assert Path(name).name in sheet
