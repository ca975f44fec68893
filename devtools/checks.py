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
from dataclasses import dataclass
from pathlib import Path

from .environments import ROOT, Line

#: seconds until a check is ended by force: Blender 4.5 hangs at exit when a timer or handler is left behind
LIMIT_S = 900
LONG_LIMIT_S = 4 * 3600
CLOSING = re.compile(r"^=+ .*(passed|failed|error|skipped|deselected|no tests ran).* =+$")
NO_TESTS = 5  # pytest's exit status


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
    """Run pytest: unit tests once per Python, Blender and extension tests in every line.

    Arguments that name files or folders choose among the suites; the rest goes to pytest as it is.
    """
    newest_first = lines[::-1]
    plan = [("unit", line) for line in {line.python: line for line in newest_first}.values()]
    plan += [(suite, line) for suite in ("blender", "extension") for line in newest_first]
    paths = [argument for argument in arguments if (ROOT / argument.split("::")[0]).exists()]
    options = [argument for argument in arguments if argument not in paths]
    outcomes = []
    for suite, line in plan:
        folder = ROOT / "tests" / suite
        chosen = [path for path in paths if suite_of(path) in (suite, None)] if paths else [f"tests/{suite}"]
        if not chosen or not any(folder.rglob("test_*.py")):
            continue
        if suite_of(chosen[0]) is None:  # the whole of tests/ was named
            chosen = [f"tests/{suite}"]
        command = [str(line.executable), "-I", "-m", "pytest", *([] if long else ["-m", "not long"]), *options, *chosen]
        outcome = run(f"tests/{suite} on {line.name}", command, LONG_LIMIT_S if long else LIMIT_S, bool(arguments))
        outcomes.append(outcome)
    return outcomes


def suite_of(path: str) -> str | None:
    """The suite a path belongs to; None for tests/ itself."""
    parts = (ROOT / path.split("::")[0]).resolve().relative_to(ROOT / "tests").parts
    return parts[0] if parts else None


def run(name: str, command: list[str], limit_s: float = LIMIT_S, may_be_empty: bool = False) -> Outcome:
    """Run one check, passing its output on; keep pytest's closing line; end it by force after `limit_s`."""
    print(f"\n--- {name}", flush=True)
    start, closing = time.monotonic(), ""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    timer = threading.Timer(limit_s, end_by_force, [process])
    timer.start()
    try:
        assert process.stdout
        for row in process.stdout:
            sys.stdout.write(row)
            sys.stdout.flush()
            closing = row.strip() if CLOSING.match(row.strip()) else closing
        status = process.wait()
    finally:
        end_by_force(process)
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
