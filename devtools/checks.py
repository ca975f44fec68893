# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check of the project, in order of cost: what `dev.py test` runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from .environments import ROOT, Failure, Line

#: seconds until a check is ended by force: Blender 4.5 hangs at exit when a timer or handler is left behind
LIMIT_S = 1200
LONG_LIMIT_S = 4 * 3600
ABREAST = 2  # checks at a time, each with its output marked by its name; a third would want more memory than CI has
CLOSING = re.compile(r"^=+ .*(passed|failed|error|skipped|deselected|no tests ran).* =+$")
NO_TESTS = 5  # pytest's exit status
_running: set[subprocess.Popen[str]] = set()  # which Ctrl-C must end: they are sessions of their own


@dataclass(frozen=True)
class Outcome:
    """How one check ended."""

    name: str
    passed: bool
    seconds: float
    closing: str  #: pytest's last line, or what went wrong


def lint(python: Path) -> list[Outcome]:
    """Style and types: one environment is enough."""
    tool = [str(python), "-I", "-m"]
    return [
        run("ruff check", [*tool, "ruff", "check", "."]),
        run("ruff format", [*tool, "ruff", "format", "--check", "."]),
        run("mypy", [*tool, "mypy"]),
    ]


def tests(lines: list[Line], arguments: list[str], long: bool) -> list[Outcome]:
    """Run pytest: unit tests once per Python, Blender and extension tests in every line, accuracy in the newest.

    Arguments that name files or folders choose among the suites; the rest goes to pytest as it is.
    """
    newest_first = lines[::-1]
    plan = [("unit", line) for line in {line.python: line for line in newest_first}.values()]
    plan += [("blender", line) for line in newest_first]
    plan += [("bench", newest_first[0])]  # the short ones last: nothing waits for a long one at the end
    plan += [("extension", line) for line in newest_first]
    paths = [argument for argument in arguments if (ROOT / argument.split("::")[0]).exists()]
    options = [argument for argument in arguments if argument not in paths]
    checks = []
    for suite, line in plan:
        chosen = chosen_in(ROOT / "tests" / suite, paths)
        if chosen:
            command = [str(line.executable), "-I", "-m", "pytest", *([] if long else ["-m", "not long"])]
            checks.append((f"{suite} on {line.name}", [*command, *options, *chosen]))
    if not checks:
        raise Failure(f"no tests in {' '.join(paths)}: name files or folders under tests/.")
    limit_s, abreast = LONG_LIMIT_S if long else LIMIT_S, min(ABREAST, os.cpu_count() or 1, len(checks))
    with ThreadPoolExecutor(abreast) as pool:
        started = [pool.submit(run, *check, limit_s, bool(arguments), marked=abreast > 1) for check in checks]
        try:
            return [check.result() for check in started]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in tuple(_running):
                end_by_force(process)
            raise


def chosen_in(folder: Path, paths: list[str]) -> list[str]:
    """What to run of a suite's folder: the paths inside it, or all of it when none are given or one holds it."""
    if not any(folder.rglob("test_*.py")):
        return []
    places = {path: (ROOT / path.split("::")[0]).resolve() for path in paths}
    if not paths or any(place in folder.parents for place in places.values()):
        return [str(folder)]
    return [path for path, place in places.items() if folder in (place, *place.parents)]


def run(
    name: str, command: list[str], limit_s: float = LIMIT_S, may_be_empty: bool = False, marked: bool = False
) -> Outcome:
    """Run one check, passing its output on, `marked` with its name; keep pytest's closing line; end it by force after `limit_s`.

    One thread for linear algebra: on a busy machine OpenBLAS's threads wait for one another and take ten times as long.
    """
    print(f"\n--- {name}", flush=True)
    start, closing = time.monotonic(), ""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    _running.add(process)
    timer = threading.Timer(limit_s, end_by_force, [process])
    timer.start()
    try:
        assert process.stdout
        for row in process.stdout:
            sys.stdout.write(f"{name} | {row}" if marked else row)
            sys.stdout.flush()
            closing = row.strip() if CLOSING.match(row.strip()) else closing
        status = process.wait()
    finally:
        end_by_force(process)
        _running.discard(process)
        timer.cancel()
    seconds = time.monotonic() - start
    if seconds >= limit_s:
        closing = f"ended by force after {limit_s:.0f} s; {closing}"
    elif status and not closing:
        closing = f"exit status {status}"
    return Outcome(name, status == 0 or (may_be_empty and status == NO_TESTS), seconds, closing)


def end_by_force(process: subprocess.Popen[str]) -> None:
    """Kill a check that still runs, and what it started."""
    if process.poll() is not None:
        return
    if os.name == "nt":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def summary(outcomes: list[Outcome]) -> str:
    rows = [f"{'ok  ' if o.passed else 'FAIL'} {o.seconds:6.0f} s  {o.name:34s} {o.closing}" for o in outcomes]
    return "\n".join(rows)
