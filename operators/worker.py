# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker process as seen from its parent. Knows nothing of Blender, blocks nowhere."""

import contextlib
import importlib.util
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..models.gpu import VARIABLE

BOOTSTRAP = Path(__file__).resolve().parents[1] / "backend" / "bootstrap.py"
PACKAGES = ("numpy", "cv2", "onnxruntime", "scipy", "av")
LAST = ("result", "error", "cancelled")  # a message of these types ends a job
GRACE_S = 0.7  # from the request to stop until the process is ended by force

Message = dict[str, Any]


def site_folders() -> list[str]:
    """Find the folders that hold the worker's packages, in the order this process searches them; imports nothing."""
    specs = [importlib.util.find_spec(name) for name in PACKAGES]
    found = {str(Path(spec.origin).parents[1]) for spec in specs if spec and spec.origin}
    return [folder for folder in dict.fromkeys(sys.path) if folder in found]


def _environment(gpu: str) -> dict[str, str]:
    """Ours without Python's own settings, and the folder of the user's ONNX Runtime where there is one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | ({VARIABLE: gpu} if gpu else {})


class Worker:
    """One job in a process of its own.

    Args:
        argv: verb and options, as on the command line.
        outputs: files the job makes; what is left of them half-written is removed when the process had to be killed.
        gpu: folder with an ONNX Runtime to be taken before the bundled one; empty for none.
    """

    def __init__(self, argv: Sequence[str], outputs: Sequence[Path] = (), gpu: str = "") -> None:
        self.outputs = tuple(outputs)
        self.stop_at: float | None = None
        self.finished = False  # the last message was given
        self.messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.stderr = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-I", str(BOOTSTRAP), os.pathsep.join(site_folders()), *argv, "--worker"]
        # a session of its own: Ctrl-C in a terminal reaches the parent alone, which then asks the worker to stop
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
            encoding="utf-8",
            env=_environment(gpu),
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            if line.endswith("\n"):  # a killed process may leave half a line
                self.messages.put(json.loads(line))

    def poll(self) -> Iterator[Message]:
        """Give what the worker said since the last call. The last message is a result, an error or `cancelled`."""
        if self.stop_at and time.monotonic() > self.stop_at:
            self.process.kill()
        ended = self.process.poll() is not None and not self.reader.is_alive()
        while not self.messages.empty():
            message = self.messages.get()
            self.finished = message["type"] in LAST
            yield message
        if ended and not self.finished:
            self.finished = True
            self._remove_parts()
            yield {"type": "cancelled"} if self.stop_at else self._obituary()

    def cancel(self) -> None:
        """Ask the worker to stop; it is ended by force when it does not listen."""
        if self.stop_at is None:
            self.stop_at = time.monotonic() + GRACE_S
            assert self.process.stdin
            with contextlib.suppress(OSError):  # it may have ended by itself
                self.process.stdin.write('{"type": "cancel"}\n')
                self.process.stdin.flush()

    def kill(self) -> None:
        """End the process now and wait for it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self._remove_parts()
        self.close()

    def close(self) -> None:
        """Wait for a process that gave its last message, and let go of its pipes."""
        self.process.wait()
        self.reader.join()
        assert self.process.stdin and self.process.stdout
        with contextlib.suppress(OSError):  # a cancel line nobody read
            self.process.stdin.close()
        self.process.stdout.close()
        self.stderr.close()

    def _obituary(self) -> Message:
        self.stderr.seek(0)
        said = self.stderr.read().decode(errors="replace").strip().splitlines()
        status = self.process.returncode
        how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        return {
            "type": "error",
            "code": "worker_died",
            "text": f"The worker process {how} before it was done.{' Its last words: ' + said[-1] if said else ''}",
            "remedy": "If memory ran out, close other programs or take fewer frames; otherwise try again.",
        }

    def _remove_parts(self) -> None:
        for path in self.outputs:  # named by backend/atomic.py
            path.with_name(f".{path.name}.{self.process.pid}.part").unlink(missing_ok=True)


@contextlib.contextmanager
def interrupt_cancels(worker: Worker) -> Iterator[None]:
    """Let Ctrl-C cancel the job while the caller waits for it; in a real Blender it would raise nothing in Python."""
    before = signal.signal(signal.SIGINT, lambda _signal, _frame: worker.cancel())
    try:
        yield
    finally:
        # None is a handler that was not set by Python: Blender's own, which ends the process as the default does
        signal.signal(signal.SIGINT, signal.SIG_DFL if before is None else before)
