# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker as a shell sees it: exit status, one clear line, whole files or none. Real processes throughout."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from microface.backend.messages import ProgressMessages, clock, error_message

BOOTSTRAP = Path(__file__).resolve().parents[3] / "backend" / "bootstrap.py"
PREFIX = [sys.executable, "-I", str(BOOTSTRAP), ""]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*PREFIX, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False)


@pytest.fixture(scope="module")
def clip(built: None, portrait_clip: Callable[[list[int]], Path]) -> Path:
    """Half a minute of a still face: more than any test waits for."""
    return portrait_clip([0] * 750)


def stop(clip: Path, out: Path, how: Callable[[subprocess.Popen[str]], None]) -> tuple[int, list[dict[str, Any]]]:
    """Start the worker, stop it somehow after its first progress, and give its status and its messages."""
    command = [*PREFIX, "reconstruct", str(clip), "--out", str(out), "--worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        messages = [json.loads(process.stdout.readline())]
        how(process)
        messages += [json.loads(line) for line in process.stdout]
        return process.wait(60), messages


def say_cancel(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write('{"type": "cancel"}\n')
    process.stdin.flush()


def hang_up(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.close()


def interrupt(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


@pytest.mark.parametrize(
    "arguments",
    [
        ["no_such_verb"],
        ["reconstruct", "a.mp4"],  # no --out
        ["reconstruct", "a.mp4", "--out", "a.npz", "--range", "9:3"],
        ["reconstruct", "a.mp4", "--out", "a.npz", "--face", "left"],
        ["reconstruct", "a.mp4", "--out", "a.npz", "--fov", "0"],
        ["reconstruct", "a.mp4", "--out", "a.npz", "--device", "abacus"],
    ],
)
def test_wrong_usage_is_status_2_and_says_what_is_wrong(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "error:" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", [["reconstruct"], ["info"], ["events"]])
def test_missing_file_is_status_1_and_one_line(verb: list[str], tmp_path: Path) -> None:
    output = ["--out", tmp_path / "take.npz"] if verb == ["reconstruct"] else []
    done = run(*verb, tmp_path / "gone.mp4", *output)
    assert done.returncode == 1
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("microface: ")
    assert "gone.mp4" in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_errors_as_json_carry_code_and_remedy(tmp_path: Path) -> None:
    done = run("info", tmp_path / "gone.npz", "--json")
    message = json.loads(done.stdout)
    assert done.returncode == 1
    assert message["type"] == "error"
    assert message["code"]
    assert message["remedy"]


def test_output_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    for out in (tmp_path, tmp_path / "file" / "take.npz"):
        done = run("reconstruct", tmp_path / "gone.mp4", "--out", out)
        assert done.returncode == 1
        assert str(out) in done.stderr
        assert "gone.mp4" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    done = run("reconstruct", tmp_path / "gone.mp4", "--out", tmp_path / "take.npz")
    tmp_path.chmod(0o755)
    assert done.returncode == 1
    assert "take.npz cannot be written" in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a file")
def test_full_disk_is_said_in_words_and_leaves_no_file(clip: Path, tmp_path: Path) -> None:
    """A limit of 20 kB on every file stands for the disk: the take is larger."""
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = [*PREFIX, "reconstruct", str(clip), "--out", str(tmp_path / "take.npz"), "--range", "0:8"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, preexec_fn=limit)
    assert done.returncode == 1
    assert "No room left" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [say_cancel, hang_up, interrupt])
def test_stopped_worker_says_so_and_leaves_no_file(
    clip: Path, tmp_path: Path, how: Callable[[subprocess.Popen[str]], None]
) -> None:
    if how is interrupt and os.name == "nt":
        pytest.skip("Windows has no SIGINT for one process")
    status, messages = stop(clip, tmp_path / "take.npz", how)
    assert status == 130
    assert messages[0]["type"] == "progress"
    assert messages[-1] == {"type": "cancelled"}
    assert list(tmp_path.iterdir()) == []


def test_a_cancel_that_surfaces_as_an_error_is_still_a_cancel() -> None:
    """An interrupt in the middle of an import comes out as that package's own complaint."""
    code = (
        "import importlib.util as u, sys\n"
        f"spec = u.spec_from_file_location('bootstrap', {str(BOOTSTRAP)!r})\n"
        "b = u.module_from_spec(spec); spec.loader.exec_module(b); b.install_package()\n"
        "from microface.backend import __main__ as worker\n"
        "def interrupted(options, report):\n"
        "    worker.STOP.set()\n"
        "    raise ImportError('Error importing numpy')\n"
        "worker.VERBS['doctor'] = interrupted\n"
        "sys.exit(worker.main(['doctor', '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 130
    assert json.loads(done.stdout) == {"type": "cancelled"}
    assert done.stderr == ""


def test_doctor_finds_what_is_here() -> None:
    done = run("doctor", "--json")
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert messages[-1]["type"] == ("result" if done.returncode == 0 else "error")
    if done.returncode == 0:
        checks = {what: well for what, well, _ in messages[-1]["checks"]}
        assert {
            "microface",
            "python",
            "numpy",
            "cv2",
            "onnxruntime",
            "scipy",
            "av",
            "generic head",
            "device cpu",
        } <= set(checks)
        assert all(checks.values())


def test_progress_messages_give_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    said: list[dict[str, Any]] = []
    progress = ProgressMessages(said.append)
    for seconds, value in ((0, 0.0), (10, 0.25), (10.01, 0.26), (30, 0.75)):
        now[0] = 100 + seconds
        progress("Solve", value)
    assert [message["value"] for message in said] == [0.0, 0.25, 0.75]  # ten a second at most
    assert [message["seconds_left"] for message in said] == pytest.approx([None, 30.0, 10.0])


def test_system_errors_become_words() -> None:
    full = error_message(OSError(28, os.strerror(28), "/films/take.npz"))
    assert full["code"] == "disk_full"
    assert "/films/take.npz" in full["text"]
    assert error_message(MemoryError())["code"] == "no_memory"


def test_durations_are_written_as_clocks() -> None:
    assert [clock(seconds) for seconds in (0.4, 59.6, 3723)] == ["0:00", "1:00", "1:02:03"]
