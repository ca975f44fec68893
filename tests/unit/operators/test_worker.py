# SPDX-License-Identifier: GPL-3.0-or-later
"""The parent's side of the worker process."""

import importlib.util
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numpy")

from microface.operators import worker as module
from microface.operators.worker import LAST, Worker, site_folders


def last_message(worker: Worker, limit_s: float = 60) -> dict[str, Any]:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        for message in worker.poll():
            if message["type"] in LAST:
                return message
        time.sleep(0.02)
    raise TimeoutError


def test_worker_gets_the_folders_of_its_packages() -> None:
    folders = [Path(folder) for folder in site_folders()]
    for name in ("numpy", "cv2", "onnxruntime", "scipy", "av"):
        spec = importlib.util.find_spec(name)
        assert spec and spec.origin
        assert Path(spec.origin).parents[1] in folders


def test_error_of_the_worker_arrives(tmp_path: Path) -> None:
    worker = Worker(["info", str(tmp_path / "gone.npz")])
    message = last_message(worker)
    worker.close()
    assert message["type"] == "error"
    assert "gone.npz" in message["text"]
    assert list(worker.poll()) == []  # nothing is said twice


def test_killed_worker_is_an_error_in_words_and_its_parts_are_removed(tmp_path: Path) -> None:
    take = tmp_path / "take.npz"
    worker = Worker(["doctor"], [take])
    part = tmp_path / f".take.npz.{worker.process.pid}.part"
    part.write_bytes(b"half")
    worker.process.kill()
    message = last_message(worker)
    worker.close()
    assert message["code"] == "worker_died"
    assert "worker process" in message["text"]
    assert message["remedy"]
    assert list(tmp_path.iterdir()) == []


def test_deaf_worker_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = tmp_path / "deaf.py"
    deaf.write_text("import time\nwhile True: time.sleep(60)\n")
    monkeypatch.setattr(module, "BOOTSTRAP", deaf)
    worker = Worker(["reconstruct"])
    worker.cancel()
    assert last_message(worker) == {"type": "cancelled"}
    worker.close()
    assert worker.process.returncode


def test_wrong_usage_is_an_error_with_the_last_words() -> None:
    worker = Worker(["no_such_verb"])
    message = last_message(worker)
    worker.close()
    assert message["code"] == "worker_died"
    assert "no_such_verb" in message["text"]
