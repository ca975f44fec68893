# SPDX-License-Identifier: GPL-3.0-or-later
"""The user's own ONNX Runtime: taken when it serves, let go with the reason when it does not. No card is needed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.models import runtime
from microface.models.assets import asset_path

ROOT = Path(__file__).resolve().parents[3]
#: Says what the runtime's module found, in a process of its own: an import cannot be taken back.
PROBE = f"""
import json, sys, importlib.util as u
spec = u.spec_from_file_location("b", {str(ROOT / "backend" / "bootstrap.py")!r})
b = u.module_from_spec(spec); spec.loader.exec_module(b); b.install_package()
from microface.models import runtime
print(json.dumps([runtime.ort.__version__, runtime.GPU_REASON, runtime.available_devices(), sys.path]))
"""
#: A package that looks like ONNX Runtime's and remembers that its libraries were loaded.
FAKE = """
__version__ = "9.9 of the folder"
loaded = []
def preload_dlls(directory=None): loaded.append(directory)
def get_available_providers(): return ["CUDAExecutionProvider"] * len(loaded) + ["CPUExecutionProvider"]
"""


def probe(folder: Path | str) -> list[Any]:
    environment = {**os.environ, "MICROFACE_GPU": str(folder)}
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment)
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def package(folder: Path, text: str) -> Path:
    state = folder / "onnxruntime" / "capi"
    state.mkdir(parents=True)
    (folder / "onnxruntime" / "__init__.py").write_text(text)
    (state / "__init__.py").touch()
    errors = "EPFail Fail InvalidArgument InvalidGraph InvalidProtobuf NoSuchFile NotImplemented RuntimeException"
    (state / "onnxruntime_pybind11_state.py").write_text(
        "\n".join(f"class {name}(Exception): pass" for name in errors.split())
    )
    return folder


def test_the_folders_runtime_comes_first_and_its_libraries_are_loaded(tmp_path: Path) -> None:
    version, reason, devices, path = probe(package(tmp_path, FAKE))
    assert version == "9.9 of the folder"
    assert reason == ""
    assert devices == ["cuda", "cpu"]  # its libraries were loaded before it was asked
    assert str(tmp_path) not in path  # nothing else comes from there


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("raise ImportError('libcudart.so.13: cannot open shared object file')", "libcudart"),
        ("__version__ = '1'\ndef preload_dlls(directory=None): raise OSError('no cudnn64_9.dll')", "cudnn64_9"),
        ("import no_such_thing", "no_such_thing"),
    ],
)
def test_a_broken_runtime_gives_way_to_the_bundled_one_with_the_reason(tmp_path: Path, text: str, why: str) -> None:
    version, reason, devices, path = probe(package(tmp_path, text))
    assert version == runtime.ort.__version__
    assert why in reason
    assert str(tmp_path) in reason
    assert devices[-1] == "cpu"
    assert str(tmp_path) not in path


def test_a_folder_without_a_runtime_is_said(tmp_path: Path) -> None:
    version, reason, *_ = probe(tmp_path)
    assert version == runtime.ort.__version__
    assert reason == f"there is no ONNX Runtime in {tmp_path}"


class Fake:
    """ONNX Runtime with a list of providers, of which some fail and some do not start."""

    def __init__(self, built_in: list[str], failing: tuple[str, ...] = (), silent: tuple[str, ...] = ()) -> None:
        self.built_in, self.failing, self.silent = built_in, failing, silent
        self.SessionOptions = runtime.ort.SessionOptions

    def get_available_providers(self) -> list[str]:
        return self.built_in

    def InferenceSession(self, path: str, options: object, providers: list[tuple[str, dict[str, str]]]) -> Any:
        ((name, settings),) = providers
        if name in self.failing:
            raise RuntimeError(f"/onnxruntime_src/cuda.cc:1\nno CUDA-capable device for {name}.")
        started = "CPUExecutionProvider" if name in self.silent else name

        class Network:
            def get_providers(self) -> list[str]:
                return [started]

            def get_settings(self) -> dict[str, str]:
                return settings

        return Network()


ALL = list(runtime.PROVIDERS.values())
CUDA, DIRECTML = "CUDAExecutionProvider", "DmlExecutionProvider"


@pytest.mark.parametrize(
    ("fake", "device", "fallback"),
    [
        (Fake(ALL), "cuda", ""),
        (Fake(ALL, failing=(CUDA,)), "directml", "cuda: no CUDA-capable device for CUDAExecutionProvider"),
        (Fake(ALL, failing=(CUDA, DIRECTML)), "cpu", "cuda: no CUDA-capable device"),
        (Fake(ALL, silent=(CUDA, DIRECTML)), "cpu", "cuda: CUDAExecutionProvider did not start"),
        (Fake(["CoreMLExecutionProvider", "CPUExecutionProvider"]), "cpu", ""),  # half precision: only when asked for
        (Fake(["CPUExecutionProvider"]), "cpu", ""),
    ],
)
def test_auto_takes_the_first_that_works_and_says_why_not_the_others(
    monkeypatch: pytest.MonkeyPatch, fake: Fake, device: str, fallback: str
) -> None:
    monkeypatch.setattr(runtime, "ort", fake)
    session = runtime.session(Path("net.onnx"))
    assert session.device == device
    assert session.fallback.startswith(fallback)
    assert bool(session.fallback) == bool(fallback)


def test_cuda_computes_in_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ort", Fake(ALL))
    assert runtime.session(Path("net.onnx"), "cuda").network.get_settings() == {"use_tf32": "0"}


def test_a_device_asked_for_by_name_never_falls_back_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ort", Fake(ALL, failing=(CUDA,)))
    with pytest.raises(runtime.MicrofaceError, match="no CUDA-capable device"):
        runtime.session(Path("net.onnx"), "cuda")


def test_the_reason_why_the_folder_was_not_taken_is_part_of_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "GPU_REASON", "/gpu: libcudart is missing")
    session = runtime.session(asset_path("face_mesh.onnx"), threads=1)
    assert session.device == "cpu"
    assert session.fallback == "/gpu: libcudart is missing"
    assert session.run(np.zeros((1, 192, 192, 3), np.uint8), "presence")[0].shape == (1, 1)
