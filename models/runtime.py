# SPDX-License-Identifier: GPL-3.0-or-later
"""ONNX Runtime sessions and the device they run on."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import MicrofaceError
from .gpu import chosen_folder, import_runtime

#: ONNX Runtime, and why it is not the one of the user's folder.
_runtime, GPU_REASON = import_runtime(chosen_folder())
ort: Any = _runtime
ort_errors: Any = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")

#: Devices a user can ask for, fastest first.
PROVIDERS = {
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "cpu": "CPUExecutionProvider",
}
#: Devices that `auto` tries. CoreML computes in half precision, which moves landmarks: only when asked for.
_AUTO = ("cuda", "directml", "cpu")
#: TF32 keeps 10 bits, which moves landmarks too.
_OPTIONS = {"cuda": {"use_tf32": "0"}}

#: What a missing driver or a broken file raises: these classes have no common parent but Exception.
_LOAD_ERRORS = (
    RuntimeError,
    ValueError,
    ort_errors.EPFail,
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NoSuchFile,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)


@dataclass(frozen=True)
class Session:
    """A network ready to run."""

    network: Any  #: onnxruntime.InferenceSession
    device: str  #: key of PROVIDERS it really runs on
    fallback: str  #: why it is not on the device first in line, in words; empty when it is

    def run(self, image: NDArray[np.uint8], *outputs: str) -> list[NDArray[np.float32]]:
        """Run on images (N, H, W, 3) uint8 and return the outputs asked for by name."""
        result: list[NDArray[np.float32]] = self.network.run(list(outputs), {"image": image})
        return result


def available_devices() -> list[str]:
    """Return the devices this ONNX Runtime was built for, fastest first. Whether they work shows when one is used."""
    built_in = ort.get_available_providers()
    return [device for device, provider in PROVIDERS.items() if provider in built_in]


def session(path: Path, device: str = "auto", threads: int = 2) -> Session:
    """Load a network.

    `auto` takes the fastest device that works and ends at the CPU; a device asked for by name must work.

    Args:
        path: the .onnx file.
        device: `auto` or a key of PROVIDERS.
        threads: CPU threads of one run.

    Raises:
        MicrofaceError: unknown or unusable device, or a bad file.
    """
    if device != "auto" and device not in PROVIDERS:
        names = ", ".join(["auto", *PROVIDERS])
        raise MicrofaceError("bad_device", f'There is no device "{device}".', f"Choose one of {names}.")
    if device == "auto":
        return _first_that_works(path, threads)
    network, reason = _load(path, device, threads)
    if network is None:
        raise MicrofaceError("no_device", f"Device {device} cannot be used: {reason}.", "Use --device auto or cpu.")
    return Session(network, device, "")


def _first_that_works(path: Path, threads: int) -> Session:
    reasons = [GPU_REASON] if GPU_REASON else []
    for device in (device for device in available_devices() if device in _AUTO):
        network, reason = _load(path, device, threads)
        if network is not None:
            return Session(network, device, "; ".join(reasons))
        reasons.append(f"{device}: {reason}")
    raise MicrofaceError(
        "bad_network",
        f"{path} cannot be loaded: {'; '.join(reasons)}.",
        "Run `python3 dev.py demo` to build it again, or reinstall the extension.",
    )


def _load(path: Path, device: str, threads: int) -> tuple[Any | None, str]:
    """Return the network on exactly this device, or the reason why not."""
    provider = PROVIDERS[device]
    if device not in available_devices():
        return None, f"this ONNX Runtime is built without {provider}"
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # a device that fails is reported here, in words, not on stderr
    try:
        network = ort.InferenceSession(str(path), options, providers=[(provider, _OPTIONS.get(device, {}))])
    except _LOAD_ERRORS as error:
        return None, str(error).strip().splitlines()[-1].rstrip(".")
    if provider not in network.get_providers():  # a driver that is missing makes ONNX Runtime fall back silently
        return None, f"{provider} did not start (is its driver installed?)"
    return network, ""
