# SPDX-License-Identifier: GPL-3.0-or-later
"""The one full command line: for `blender -c microface`, `blender -b` and, through the bpy module, `dev.py run`.

It starts the same worker as the button and adds what needs Blender (`--blend`). Exit status as in backend/__main__.py.
"""

import argparse
import sys
import time
from pathlib import Path

from ..backend.arguments import build_parser
from ..backend.errors import MicrofaceError
from ..backend.messages import JsonLines, Message, Report, Terminal, claim_stdout, error_message
from ..backend.outputs import check_writable
from .worker import LAST, Worker, interrupt_cancels

STATUS = {"result": 0, "error": 1, "cancelled": 130}
BLEND_OPTION = "--blend"


def main(argv: list[str]) -> int:
    """Run one verb and return the exit status."""
    try:
        options = build_parser(blender=True).parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong; Blender expects a status, not an exception
        return int(stop.code or 0)
    stream = claim_stdout("utf-8" if options.json else sys.stdout.encoding)
    report: Report = JsonLines(stream) if options.json else Terminal(stream, sys.stderr)
    try:
        if getattr(options, "blend", None):
            check_writable(options.blend)
        last = _run_worker(_without_blend(argv), _outputs(options), report)
        if last["type"] == "result" and getattr(options, "blend", None):
            last = _add_scene(options, last, report)
    except (MicrofaceError, OSError, MemoryError) as error:
        last = error_message(error)
    report(last)
    return STATUS[last["type"]]


def _run_worker(argv: list[str], outputs: list[Path], report: Report) -> Message:
    """Run the verb in the worker, pass on what it says, and return its last message."""
    worker = Worker(argv, outputs)
    try:
        with interrupt_cancels(worker):
            while True:
                for message in worker.poll():
                    if message["type"] in LAST:
                        return message
                    report(message)
                time.sleep(0.05)
    finally:
        worker.kill()


def _outputs(options: argparse.Namespace) -> list[Path]:
    paths = (getattr(options, name, None) for name in ("out", "mesh", "preview", "csv"))
    return [path for path in paths if path]


def _without_blend(argv: list[str]) -> list[str]:
    """Drop the option the worker does not know: `--blend F` or `--blend=F`."""
    kept: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word == BLEND_OPTION:
            next(rest, None)
        elif not word.startswith(f"{BLEND_OPTION}="):
            kept.append(word)
    return kept


def _add_scene(options: argparse.Namespace, result: Message, report: Report) -> Message:
    """Write the .blend of a finished take."""
    # Blender and numpy load only for a scene: the verbs without one also run where there is no Blender
    from ..backend.heads import load_head
    from ..backend.take import read_take
    from .scene.build import write_blend

    report({"type": "progress", "stage": "Building the scene", "value": 1.0, "seconds_left": None})
    write_blend(options.blend, read_take(options.out), load_head(options.head), clip_path=options.source)
    return {**result, "blend": str(options.blend), "text": f"{result['text']}\nwrote {options.blend}"}
