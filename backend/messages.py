# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job says while it runs, and the two ways to show it: JSON lines for programs, a bar for people.

A message is a dict with a `type`:

- `progress`: `stage`, `value` (0..1 of the whole job), `seconds_left` and `rate` (share of the job a second), None at first
- `result`: `text` (a summary in words) and whatever the verb returns
- `error`: `code`, `text`, `remedy`
- `log`: `text`, and `checks` from `doctor`
- `cancelled`
"""

import errno
import json
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any, TextIO

from .errors import Cancelled, MicrofaceError

Message = dict[str, Any]
Report = Callable[[Message], None]
Progress = Callable[[str, float], None]  #: of types.py, without numpy: Blender shows messages before it needs that

BAR = 24  # characters


def claim_stdout(encoding: str) -> TextIO:
    """Keep standard output for messages alone: from now on what any library prints goes to standard error."""
    sys.stdout.flush()
    stream = os.fdopen(os.dup(1), "w", encoding=encoding, errors="replace")
    os.dup2(2, 1)
    return stream


def clock(seconds: float) -> str:
    """Write a duration as 0:07 or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def error_message(error: MicrofaceError | OSError | MemoryError) -> Message:
    """Say what went wrong, where, and what to do about it."""
    known = error if isinstance(error, MicrofaceError) else _of_system(error)
    return {"type": "error", "code": known.code, "text": known.text, "remedy": known.remedy}


def _of_system(error: OSError | MemoryError) -> MicrofaceError:
    if isinstance(error, MemoryError):
        return MicrofaceError("no_memory", "Not enough memory.", "Close other programs, or take fewer frames.")
    where = error.filename or f"a file in {tempfile.gettempdir()}"
    short_write = error.errno is None and "requested and" in str(error)  # how numpy says that a disk is full
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or short_write:
        return MicrofaceError("disk_full", f"No room left to write {where}.", "Free some space or choose another disk.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return MicrofaceError("not_permitted", f"{where} may not be used.", "Choose a folder you may read and write.")
    if error.errno == errno.ENOENT:
        return MicrofaceError("no_such_file", f"There is no {where}.", "Check the path.")
    return MicrofaceError("system", f"{where}: {error.strerror or error}.", "Check the file and the disk.")


class ProgressMessages:
    """Turns (stage, fraction) into progress messages that know the time left; ten a second at most."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.start = self.sent = time.monotonic()
        self.stage = ""

    def __call__(self, stage: str, value: float) -> None:
        now = time.monotonic()
        if stage == self.stage and now - self.sent < 0.1:
            return
        elapsed = now - self.start
        # the first percent says nothing about speed: networks are being loaded
        left = elapsed * (1 - value) / value if value > 0.01 and elapsed > 1 else None
        self.stage, self.sent = stage, now
        rate = None if left is None else value / elapsed
        self.report({"type": "progress", "stage": stage, "value": value, "seconds_left": left, "rate": rate})


def stoppable(report: Report, stop: threading.Event) -> Progress:
    """Progress of a job that ends with `Cancelled` soon after `stop` is set."""
    messages = ProgressMessages(report)

    def progress(stage: str, value: float) -> None:
        if stop.is_set():
            raise Cancelled
        messages(stage, value)

    return progress


def part(progress: Progress, start: float, end: float) -> Progress:
    """Map 0..1 of a part of the job to its share of the whole."""
    return lambda stage, value: progress(stage, start + (end - start) * value)


class JsonLines:
    """One message a line."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __call__(self, message: Message) -> None:
        self.stream.write(json.dumps(message) + "\n")
        self.stream.flush()


class Terminal:
    """Results on one stream; on the other a bar with rate and time left, or a line per stage where it is a file."""

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self.out, self.err = out, err
        self.stage = ""
        self.drawn = 0  # characters of the bar on screen

    def __call__(self, message: Message) -> None:
        if message["type"] == "progress":
            self._progress(message)
            return
        self._wipe()
        if message["type"] == "result":
            self._say(self.out, message["text"])
        elif message["type"] == "error":
            self._say(self.err, f"microface: {message['text']} {message['remedy']}".rstrip())
        elif message["type"] == "cancelled":
            self._say(self.err, "microface: cancelled")
        else:
            self._say(self.err, message["text"])

    def _progress(self, message: Message) -> None:
        if self.err.isatty():
            line = self._bar(message)[: shutil.get_terminal_size().columns - 1]
            self.err.write("\r" + line.ljust(self.drawn))
            self.err.flush()
            self.drawn = len(line)
        elif message["stage"] != self.stage:
            self._say(self.err, f"{message['value']:4.0%}  {message['stage']}")
        self.stage = message["stage"]

    def _bar(self, message: Message) -> str:
        value, left = message["value"], message["seconds_left"]
        done = round(BAR * value)
        timing = "" if left is None else f"  {100 * message['rate']:.1f} %/s  {clock(left)} left"
        return f"{message['stage']:<20} [{'#' * done}{'.' * (BAR - done)}] {value:4.0%}{timing}"

    def _wipe(self) -> None:
        if self.drawn:
            self.err.write("\r" + " " * self.drawn + "\r")
            self.drawn = 0

    @staticmethod
    def _say(stream: TextIO, text: str) -> None:
        stream.write(text + "\n")
        stream.flush()
