# SPDX-License-Identifier: GPL-3.0-or-later
"""Installing the GPU runtime: pip's real work on a wheel of our own, from a folder instead of an index."""

import hashlib
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from microface.backend import gpu_install
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.gpu_install import LOCK, install

pytest.importorskip("pip", reason="this Python has no pip")

WORKS = """
__version__ = "9.9"
def preload_dlls(directory=None): pass
def get_available_providers(): return ["CUDAExecutionProvider", "CPUExecutionProvider"]
"""
ERRORS = "EPFail Fail InvalidArgument InvalidGraph InvalidProtobuf NoSuchFile NotImplemented RuntimeException"


@pytest.fixture
def offer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """offer(text): pip finds one wheel, whose `onnxruntime` is `text`, and the lock names it."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND" + "_LINKS", str(wheels))
    lock = tmp_path / "gpu.txt"
    monkeypatch.setattr(gpu_install, "LOCK", lock)

    def make(text: str, damage: bool = False) -> None:
        path = wheels / "onnxruntime_gpu-9.9-py3-none-any.whl"
        errors = "\n".join(f"class {name}(Exception): pass" for name in ERRORS.split())
        info = "onnxruntime_gpu-9.9.dist-info"
        files = {
            "onnxruntime/__init__.py": text,
            "onnxruntime/capi/__init__.py": "",
            "onnxruntime/capi/onnxruntime_pybind11_state.py": errors,
            f"{info}/METADATA": "Metadata-Version: 2.1\nName: onnxruntime-gpu\nVersion: 9.9\nRequires-Dist: numpy\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
            archive.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if damage:
            path.write_bytes(path.read_bytes() + b"\0")
        lock.write_text(f"onnxruntime-gpu==9.9 --hash=sha256:{digest}\n")

    return make


def silent(stage: str, share: float) -> None:
    pass


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.parent.iterdir()) if folder.parent.is_dir() else []


def test_the_runtime_comes_without_numpy_and_starts(offer, tmp_path: Path) -> None:
    offer(WORKS)
    folder = tmp_path / "user" / "gpu" / "cp3"
    shares: list[float] = []
    told = install(folder, lambda stage, share: shares.append(share), threading.Event())
    assert told == "ONNX Runtime 9.9: cuda, cpu"
    assert (folder / "onnxruntime" / "__init__.py").is_file()
    assert not (folder / "numpy").exists()
    assert left(folder) == ["cp3"]
    assert shares == sorted(shares)


@pytest.mark.parametrize(
    ("text", "damage", "code", "why"),
    [
        (WORKS, True, "not_installed", "THESE PACKAGES DO NOT MATCH THE HASHES"),
        ("raise ImportError('no libcudart')", False, "no_start", "no libcudart"),
    ],
)
def test_what_does_not_fit_or_start_leaves_the_runtime_before_it(
    offer, tmp_path: Path, text: str, damage: bool, code: str, why: str
) -> None:
    offer(text, damage)
    folder = tmp_path / "user" / "cp3"
    (folder / "onnxruntime").mkdir(parents=True)
    (folder / "before").touch()
    with pytest.raises(MicrofaceError, match=why) as caught:
        install(folder, silent, threading.Event())
    assert caught.value.code == code
    assert (folder / "before").exists()
    assert left(folder) == ["cp3"]


def test_a_folder_of_other_things_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear")
    for path in (tmp_path, tmp_path / "letter.txt"):
        with pytest.raises(MicrofaceError, match="would be lost") as caught:
            install(path, silent, threading.Event())
        assert caught.value.code == "in_use"
    assert (tmp_path / "letter.txt").read_text() == "Dear"


def test_a_folder_may_be_named_from_here(offer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offer(WORKS)
    monkeypatch.chdir(tmp_path)
    assert install(Path("runtime"), silent, threading.Event()) == "ONNX Runtime 9.9: cuda, cpu"
    assert (tmp_path / "runtime" / "onnxruntime").is_dir()


def test_stopping_leaves_nothing(offer, tmp_path: Path) -> None:
    offer(WORKS)
    stop = threading.Event()
    stop.set()
    folder = tmp_path / "user" / "cp3"
    with pytest.raises(Cancelled):
        install(folder, silent, stop)
    assert left(folder) == []


def test_a_full_disk_and_a_mac_are_refused_before_the_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_install.shutil, "disk_usage", lambda _path: SimpleNamespace(free=2e9))
    with pytest.raises(MicrofaceError, match=r"2\.0 GB free; 6 GB are needed"):
        install(tmp_path / "gpu", silent, threading.Event())
    monkeypatch.setattr(gpu_install.sys, "platform", "darwin")
    with pytest.raises(MicrofaceError, match="no CUDA on macOS"):
        install(tmp_path / "gpu", silent, threading.Event())


def test_a_python_without_pip_runs_the_copy_it_carries(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ensurepip")
    find = gpu_install.importlib.util.find_spec
    monkeypatch.setattr(gpu_install.importlib.util, "find_spec", lambda name: None if name == "pip" else find(name))
    command = gpu_install._own_pip()
    assert command[0].endswith(".whl/pip")
    done = subprocess.run([sys.executable, "-I", *command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pip ")


def test_the_lock_holds_the_runtime_and_nvidias_libraries_and_nothing_of_blenders() -> None:
    names = {line.partition("==")[0] for line in LOCK.read_text().splitlines() if "==" in line and line[0] != "#"}
    assert "onnxruntime-gpu" in names
    assert all(name == "onnxruntime-gpu" or name.startswith("nvidia-") for name in names)
