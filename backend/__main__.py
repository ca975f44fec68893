# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker, and the verbs that need no Blender.

    python -I backend/bootstrap.py SITE_FOLDERS reconstruct SRC --out TAKE.npz [--json]

Exit status: 0 done, 1 failed with one line that says what to do, 2 wrong usage, 130 cancelled. With `--worker` messages
are JSON lines and a line {"type": "cancel"} on standard input, or its end, stops the job: a parent that dies leaves no
orphan.
"""

import _thread
import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from .arguments import build_parser
from .errors import Cancelled, MicrofaceError
from .messages import JsonLines, Report, Terminal, claim_stdout, error_message

# numpy, PyAV and ONNX Runtime load inside the verbs: `--help` and wrong usage answer at once

CANCELLED_STATUS = 130


def _reconstruct(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .reconstruction import reconstruct_to_files

    return reconstruct_to_files(options, report, STOP)


def _events(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .summary import event_rows, event_table, write_csv
    from .take import read_take

    take = read_take(options.take)
    if options.csv:
        write_csv(options.csv, event_rows(take))
    if options.plot:
        from .heads import head_name, load_head
        from .plot import write_plot

        write_plot(options.plot, take, load_head(head_name(take, options.head)))
    return {"text": event_table(take), "events": event_rows(take)}


def _info(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .summary import describe
    from .take import read_take

    facts = describe(read_take(options.take))
    return {"text": "\n".join(f"{name + ':':<18} {value}" for name, value in facts.items()), "facts": facts}


def _export(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .exchange.outgoing import export_take

    return export_take(options)


def _import(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .exchange.incoming import import_take

    return import_take(options)


def _retarget(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .retarget.verb import retarget_take

    return retarget_take(options, report, STOP)


def _texture(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .texture.verb import texture_of_take

    return texture_of_take(options, report, STOP)


def _annotations(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .exchange.incoming import compare

    return compare(options)


def _heads(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .head_verbs import act

    return act(options, report, STOP)


def _doctor(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .doctor import examine, table

    checks = examine(options.host)
    text = table(checks)
    missing = [what for what, well, _ in checks if not well]
    if missing:
        report({"type": "log", "text": text, "checks": checks})
        raise MicrofaceError("incomplete", f"Missing: {', '.join(missing)}.", "The list says what to do about each.")
    return {"text": text, "checks": checks}


def _cache(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .store import clear, folder, size

    if options.clear:
        return {"text": f"{clear() / 1e6:,.1f} MB freed in {folder()}", "bytes": 0}
    return {"text": f"{size() / 1e6:,.1f} MB of tracks and takes in {folder()}", "bytes": size()}


def _gpu(options: argparse.Namespace, report: Report) -> dict[str, Any]:
    from .gpu_install import install
    from .messages import stoppable

    return {"text": install(options.folder, stoppable(report, STOP), STOP), "folder": str(options.folder)}


VERBS: dict[str, Callable[[argparse.Namespace, Report], dict[str, Any]]] = {
    "reconstruct": _reconstruct,
    "events": _events,
    "info": _info,
    "export": _export,
    "import": _import,
    "retarget": _retarget,
    "texture": _texture,
    "annotations": _annotations,
    "heads": _heads,
    "doctor": _doctor,
    "cache": _cache,
    "gpu": _gpu,
}

STOP = threading.Event()


def _stop(_signal: int, _frame: FrameType | None) -> None:
    STOP.set()  # in case the exception is swallowed by a callback of native code: the next progress call sees it
    raise KeyboardInterrupt


def _watch_stdin() -> None:
    """Stop the job on a cancel line, or when the parent is gone."""
    for line in sys.stdin:
        if json.loads(line).get("type") == "cancel":
            break
    STOP.set()
    _thread.interrupt_main()


def _report_internal_errors(report: Report) -> None:
    """Turn what nobody foresaw into one line, and keep the traceback in a file for the bug report."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        handle, log = tempfile.mkstemp(prefix="microface-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(kind, error, trace)))
        text = f"internal error {kind.__name__}: {str(error).splitlines()[0] if str(error) else 'no message'}."
        report({"type": "error", "code": "internal", "text": text, "remedy": f"Please report it with the file {log}."})

    sys.excepthook = hook


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return the exit status."""
    options = build_parser().parse_args(argv)
    as_json = options.json or options.worker
    stream = claim_stdout("utf-8" if as_json else sys.stdout.encoding)
    report: Report = JsonLines(stream) if as_json else Terminal(stream, sys.stderr)
    _report_internal_errors(report)
    try:
        # set anew because a job started in the background of a shell inherits "ignore"
        signal.signal(signal.SIGINT, _stop)
        signal.signal(signal.SIGTERM, _stop)
        if options.worker:
            threading.Thread(target=_watch_stdin, daemon=True).start()
        report({"type": "result", **VERBS[options.verb](options, report)})
    except (Cancelled, KeyboardInterrupt):
        return _cancelled(report)
    except Exception as error:
        if STOP.is_set():  # the interrupt may come out as a complaint of what it hit, such as an import
            return _cancelled(report)
        if not isinstance(error, (MicrofaceError, OSError, MemoryError)):
            raise
        report(error_message(error))
        return 1
    return 0


def _cancelled(report: Report) -> int:
    report({"type": "cancelled"})
    return CANCELLED_STATUS


if __name__ == "__main__":
    sys.exit(main())
