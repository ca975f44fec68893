# SPDX-License-Identifier: GPL-3.0-or-later
"""Every test imports the project as the package `microface`, whatever the checkout's folder is called."""

import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("MICROFACE_SHARED", ROOT.parent / "shared"))

_spec = importlib.util.spec_from_file_location("microface_bootstrap", ROOT / "backend" / "bootstrap.py")
assert _spec and _spec.loader
_bootstrap = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_bootstrap)
_bootstrap.install_package()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Heads of tests stay out of the user's folders, in this process and in those it starts."""
    os.environ["MICROFACE_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["MICROFACE_DATA"] = str(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared test material; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip(f"no shared test material at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def portrait() -> Any:
    """(400, 400, 3) uint8: a face 93 px wide (scikit-image's astronaut: NASA, public domain)."""
    return pytest.importorskip("skimage.data").astronaut()[:400, 20:420]


@pytest.fixture(scope="session")
def portrait_clip(portrait: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Sequence[int]], Path]:
    """portrait_clip(shifts): a video of the portrait, one frame per shift (px to the right), 25 a second."""
    from microface.tests.bench.clips.encoder import write_video

    def make(shifts: Sequence[int]) -> Path:
        path = tmp_path_factory.mktemp("clip") / "portrait.mp4"
        write_video(path, (np.roll(portrait, shift, axis=1) for shift in shifts), fps=25, crf=18)
        return path

    return make


@pytest.fixture(scope="session")
def built() -> None:
    """Skip where head and networks have not been built."""
    from microface.models import assets

    missing = [
        n for n in ("generic_head.npz", "face_detection.onnx", "face_mesh.onnx") if not (assets.FOLDER / n).is_file()
    ]
    if missing:
        pytest.skip(f"not built: {', '.join(missing)}")


@pytest.fixture(scope="session")
def published() -> Any:
    """The module `published.py`: other people's heads in the layouts they are published in."""
    return _beside("published")


@pytest.fixture(scope="session")
def clapper() -> Any:
    """The module `clapper.py`: footage with a beep at a known time."""
    return _beside("clapper")


def _beside(name: str) -> Any:
    """A module of this folder."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def flame_arrays(published: Any) -> Any:
    """FLAME's arrays: the real ones as far as they are there."""
    return published.flame_arrays(SHARED)
