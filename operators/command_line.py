# SPDX-License-Identifier: GPL-3.0-or-later
"""The one full command line: for `blender -c microface`, `blender -b` and, through the bpy module, `dev.py run`.

It starts the same worker as the button and adds what needs Blender: `--blend`, and the animated head as glTF, FBX, Alembic
or USD. Exit status as in backend/__main__.py.
"""

import argparse
import sys
import time
from pathlib import Path

from ..backend.arguments import build_parser
from ..backend.errors import MicrofaceError
from ..backend.messages import JsonLines, Message, Report, Terminal, claim_stdout, error_message
from ..backend.outputs import check_writable, refuse_same
from .worker import LAST, Worker, interrupt_cancels

STATUS = {"result": 0, "error": 1, "cancelled": 130}
ANIMATIONS = ("glb", "fbx", "abc", "usd")
BLENDER_OPTIONS = ("--blend", *(f"--{name}" for name in ANIMATIONS))  # unknown to the worker
TABLES = ("csv", "arkit", "flame", "elan", "casme2", "samm")


def main(argv: list[str]) -> int:
    """Run one verb and return the exit status."""
    try:
        options = build_parser(blender=True).parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong; Blender expects a status, not an exception
        return int(stop.code or 0)
    stream = claim_stdout("utf-8" if options.json else sys.stdout.encoding)
    report: Report = JsonLines(stream) if options.json else Terminal(stream, sys.stderr)
    try:
        if options.verb == "gpu" or getattr(options, "action", None) == "download":
            _refuse_offline()
        if getattr(options, "blend", None):
            check_writable(options.blend)
        animations = _paths(options, ANIMATIONS)
        if animations:
            refuse_same(options.take, *animations, *_paths(options, TABLES))
        last: Message = {"type": "result", "text": "", "files": []}
        if options.verb == "retarget":
            last = _retarget(options, report)
        elif not animations or _paths(options, TABLES):
            last = _run_worker(
                _for_worker(argv) + _host(options), _paths(options, ("out", "mesh", "preview", *TABLES)), report
            )
        if last["type"] == "result" and getattr(options, "blend", None):
            last = _add_scene(options, last, report)
        if last["type"] == "result" and animations:
            last = _add_animations(options, animations, last, report)
    except (MicrofaceError, OSError, MemoryError) as error:
        last = error_message(error)
    report(last)
    return STATUS[last["type"]]


def _run_worker(argv: list[str], outputs: list[Path], report: Report) -> Message:
    """Run the verb in the worker, pass on what it says, and return its last message."""
    worker = Worker(argv, outputs, _gpu_folder())
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


def _host(options: argparse.Namespace) -> list[str]:
    """For `doctor`, which runs in the worker: the Blender that asks."""
    if options.verb != "doctor" or "bpy" not in sys.modules:
        return []
    from .health import blender_in_words

    return ["--host", blender_in_words()]


def _gpu_folder() -> str:
    """The GPU runtime of Blender's preferences; outside Blender the environment speaks for itself."""
    if "bpy" not in sys.modules:
        return ""
    import bpy

    from .properties import gpu_folder

    return gpu_folder(bpy.context)


def _retarget(options: argparse.Namespace, report: Report) -> Message:
    from .retarget import retarget_file  # loads Blender, before the worker and after it

    return retarget_file(options, lambda argv, outputs: _run_worker(argv, outputs, report), report)


def _refuse_offline() -> None:
    """Blender's online access holds for its command line too."""
    from .heads import offline_reason  # loads Blender, which no other verb needs before its work

    if reason := offline_reason():
        raise MicrofaceError("offline", "Blender's online access is off.", f"{reason}.")


def _paths(options: argparse.Namespace, names: tuple[str, ...]) -> list[Path]:
    """The files asked for by these options."""
    paths = (getattr(options, name, None) for name in names)
    return [path for path in paths if path]


def _for_worker(argv: list[str]) -> list[str]:
    """Drop the options the worker does not know: `--blend F` or `--blend=F`."""
    kept: list[str] = []
    rest = iter(argv)
    for word in rest:
        if word in BLENDER_OPTIONS:
            next(rest, None)
        elif word.partition("=")[0] not in BLENDER_OPTIONS:
            kept.append(word)
    return kept


def _add_scene(options: argparse.Namespace, result: Message, report: Report) -> Message:
    """Write the .blend of a finished take."""
    # Blender and numpy load only for a scene: the verbs without one also run where there is no Blender
    from ..backend.heads import load_head
    from ..backend.take import read_take
    from . import micro_expressions
    from .lent import lent
    from .scene.build import corrective_note, write_blend

    report({"type": "progress", "stage": "Building the scene", "value": 1.0, "seconds_left": None, "rate": None})
    footage = options.source if options.verb == "reconstruct" else None
    name = None if footage else options.source.stem
    with lent(micro_expressions):
        built = write_blend(
            options.blend, read_take(options.out), load_head(options.head), clip_path=footage, name=name
        )
    said = (result["text"], f"wrote {options.blend}", corrective_note(built).strip())
    return {**result, "blend": str(options.blend), "text": "\n".join(filter(None, said))}


def _add_animations(options: argparse.Namespace, paths: list[Path], result: Message, report: Report) -> Message:
    """Build the take in an empty file and write the head of it in every format asked for."""
    import bpy

    from ..backend.heads import head_name, load_head
    from ..backend.take import read_take
    from .scene.build import corrective_note, open_take
    from .scene.interchange import head_of, write_animation

    report({"type": "progress", "stage": "Building the scene", "value": 0.5, "seconds_left": None, "rate": None})
    take = read_take(options.take)
    head = load_head(head_name(take, options.head))
    collection = open_take(take, head, name=options.take.name.partition(".")[0])
    said = [result["text"]]
    for path in paths:
        report({"type": "progress", "stage": f"Writing {path.name}", "value": 0.9, "seconds_left": None, "rate": None})
        clock = write_animation(bpy.context, head_of(collection), path)
        said.append(f"wrote {path}: {clock.rate:.6g} frames a second")
    said.append(corrective_note(collection).strip())
    return {**result, "text": "\n".join(filter(None, said)), "files": [*result["files"], *map(str, paths)]}
