# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: one parser for the worker, for `dev.py run` and for `blender -c microface`."""

import argparse
import re
from collections.abc import Callable
from pathlib import Path

QUALITIES = ("full", "draft")
DEVICES = ("auto", "cpu", "cuda", "directml", "coreml")  # of models/runtime.py


def build_parser(*, blender: bool = False) -> argparse.ArgumentParser:
    """Make the parser of all verbs.

    Args:
        blender: also offer what needs Blender (`--blend`, `--glb` ...).
    """
    parser = argparse.ArgumentParser(prog="microface", description="Micro-expressions from video to an animated head.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _add_reconstruct(verbs.add_parser("reconstruct", help="video of a face -> take, mesh, preview"), blender)
    events = verbs.add_parser("events", help="list the expression events of a take")
    events.add_argument("take", type=Path, metavar="TAKE")
    events.add_argument("--csv", type=Path, metavar="F", help="also write them as a table")
    told = "also draw every region's motion against the smallest visible one"
    events.add_argument("--plot", type=_file_of("picture"), metavar="F.png|F.jpg", help=told)
    _add_head_of_take(events)
    info = verbs.add_parser("info", help="say what a take holds")
    info.add_argument("take", type=Path, metavar="TAKE")
    _add_export(verbs.add_parser("export", help="take -> tables, other programs' files"), blender)
    _add_import(verbs.add_parser("import", help="Live Link Face CSV or FLAME sequence -> take"), blender)
    _add_retarget(verbs.add_parser("retarget", help="put a take on the rig of any character"), blender)
    _add_texture(
        verbs.add_parser("texture", help="draw the skin of a take's person from its footage, for the head's UVs")
    )
    _add_annotations(verbs.add_parser("annotations", help="compare a take's events with coded onset, apex and offset"))
    doctor = verbs.add_parser("doctor", help="check that everything Microface needs is here")
    doctor.add_argument("--host", default="", help=argparse.SUPPRESS)
    cache = verbs.add_parser("cache", help="say how much is kept of earlier runs")
    cache.add_argument("--clear", action="store_true", help="remove it")
    gpu = verbs.add_parser("gpu", help="install ONNX Runtime for NVIDIA cards into a folder (1.6 GB)")
    gpu.add_argument(
        "folder", type=Path, metavar="FOLDER", help="a new one, or an earlier runtime's; MICROFACE_GPU=FOLDER uses it"
    )
    heads = _add_heads(verbs.add_parser("heads", help="list, add, draw or remove heads of others"))
    for verb in (*(verb for name, verb in verbs.choices.items() if name != "heads"), *heads):
        verb.add_argument("--json", action="store_true", help="print JSON lines")
        # JSON lines, and stdin is the parent's hand: a cancel line or its end stops the job
        verb.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    return parser


def _add_reconstruct(verb: argparse.ArgumentParser, blender: bool) -> None:
    verb.add_argument("source", type=Path, metavar="SRC", help="video file or folder of numbered images")
    verb.add_argument("--out", type=Path, metavar="TAKE.npz", required=True, help="the result")
    verb.add_argument("--mesh", type=Path, metavar="MESH.npz", help="also write the mesh of every frame")
    verb.add_argument("--preview", type=Path, metavar="F.mp4", help="also write a video of footage and head")
    if blender:
        verb.add_argument("--blend", type=Path, metavar="F.blend", help="also write a Blender scene")
    verb.add_argument("--head", default="generic", metavar="generic|NAME|FILE", help="which head (default: generic)")
    verb.add_argument("--device", default="auto", choices=DEVICES, help="where the networks run")
    told = "draft looks at about 30 frames a second of fast footage, for a quick look (default: full)"
    verb.add_argument("--quality", default="full", choices=QUALITIES, help=told)
    verb.add_argument("--face", type=_face, metavar="N|x,y", help="N-th largest face from 0, or the one at a pixel")
    verb.add_argument("--range", type=_frames, metavar="A:B", help="only frames A to B-1")
    verb.add_argument("--neutral", type=_frames, metavar="A:B", help="frames known to show the neutral face")
    verb.add_argument("--fov", type=_degrees, metavar="DEG", help="horizontal field of view, when known")
    told = "leave out frames A to B-1: no keys, no events; may be given several times"
    verb.add_argument("--exclude", type=_frames, metavar="A:B", action="append", default=[], help=told)
    told = "grey pictures, white where something hides the face: one for each frame (folder, video) or one for all"
    verb.add_argument("--mask", type=Path, metavar="FOLDER|F", help=told)
    told = "points of the head found in the picture: a list of frame, vertex, x, y; three or more are worth it"
    verb.add_argument("--pins", type=Path, metavar="F.json", help=told)
    told = "keep results up to this size for later runs with other settings (default: 1); 0 computes all anew"
    verb.add_argument("--cache", type=_gigabytes, metavar="GB", default=1.0, help=told)


def _add_export(verb: argparse.ArgumentParser, blender: bool) -> None:
    verb.add_argument("take", type=Path, metavar="TAKE")
    verb.add_argument("--csv", type=Path, metavar="F.csv", help="units, action units, pose, regions with deviations")
    verb.add_argument("--arkit", type=Path, metavar="F.csv", help="52 weights, head and eyes, as Live Link Face does")
    verb.add_argument(
        "--flame", type=_file_of("npz"), metavar="F.npz", help="FLAME coefficients, of a take on a FLAME head"
    )
    verb.add_argument("--elan", type=Path, metavar="F.txt", help="events as ELAN's tab-delimited text")
    verb.add_argument("--casme2", type=Path, metavar="F.csv", help="events as a coding sheet of CASME II")
    verb.add_argument("--samm", type=Path, metavar="F.csv", help="events as a coding sheet of SAMM")
    if blender:
        for name, what in (("glb", "glTF"), ("fbx", "FBX"), ("abc", "Alembic"), ("usd", "USD")):
            told = f"the animated head as {what}"
            verb.add_argument(f"--{name}", type=_file_of(name), metavar=f"F.{name}", help=told)
    _add_head_of_take(verb)


def _add_head_of_take(verb: argparse.ArgumentParser) -> None:
    told = "the head of the take (default: generic, or the added head it was made with)"
    verb.add_argument("--head", metavar="generic|NAME|FILE", help=told)


def _add_import(verb: argparse.ArgumentParser, blender: bool) -> None:
    verb.add_argument("source", type=Path, metavar="SRC", help="Live Link Face .csv, FLAME .npz or folder of them")
    verb.add_argument("--out", type=Path, metavar="TAKE.npz", required=True, help="the take")
    verb.add_argument("--fps", type=_rate, metavar="N", help="frames a second of the sequence or of the timecode")
    told = "say a FLAME sequence in the 52 named units; what these cannot say becomes detail"
    verb.add_argument("--units", action="store_true", help=told)
    if blender:
        verb.add_argument("--blend", type=Path, metavar="F.blend", help="also write a Blender scene")
    verb.add_argument("--head", default="generic", metavar="generic|NAME|FILE", help="the head it shall move")


def _add_retarget(verb: argparse.ArgumentParser, blender: bool) -> None:
    verb.add_argument("take", type=Path, metavar="TAKE")
    if blender:
        told = "the character: .blend, .glb, .gltf or .fbx"
        verb.add_argument("--rig", type=_file_of("blend", "glb", "gltf", "fbx"), metavar="F", required=True, help=told)
        told = "the animated character: .blend, .glb or .fbx"
        verb.add_argument("--out", type=_file_of("blend", "glb", "fbx"), metavar="F", required=True, help=told)
        verb.add_argument("--object", default="", metavar="NAME", help="its mesh or armature, where there are several")
        told = "where the character is animated already (default: refuse)"
        verb.add_argument("--existing", default="refuse", choices=("refuse", "add", "replace"), help=told)
        verb.add_argument(
            "--strength", type=_strength, default=1.0, metavar="X", help="times which the motion is keyed"
        )
    else:
        verb.add_argument("--basis", type=Path, metavar="RIG.npz", required=True, help="the probed rig")
        verb.add_argument("--out", type=Path, metavar="F.npz", required=True, help="the values of its controls")
    verb.add_argument("--controls", default="auto", choices=("auto", "keys", "bones", "all"), help="what to move")
    verb.add_argument("--turn-head", action="store_true", help="also turn the bone of the head")
    verb.add_argument("--map", type=Path, metavar="F.json", help="which controls to use, and how far each may go")
    verb.add_argument("--save-map", type=Path, metavar="F.json", help="write that table, to be edited")
    _add_head_of_take(verb)


def _add_texture(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("take", type=Path, metavar="TAKE")
    verb.add_argument("--out", type=_file_of("picture"), metavar="F.png|F.jpg", required=True, help="the texture")
    verb.add_argument("--footage", type=Path, metavar="SRC", help="the take's footage, where it was moved")
    _add_head_of_take(verb)


def _add_annotations(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("take", type=Path, metavar="TAKE")
    verb.add_argument("annotations", type=Path, metavar="F", help="coding sheet (CASME II, SAMM) or ELAN's text")
    verb.add_argument("--fps", type=_rate, metavar="N", help="rate of the sheet's frames, if not the take's own times")
    verb.add_argument("--first-frame", type=int, default=1, metavar="N", help="number of the footage's first frame")
    verb.add_argument("--clip", default="", metavar="NAME", help="only rows of this file name, or SUBJECT/FILENAME")
    verb.add_argument("--out", type=Path, metavar="TAKE.npz", help="also write the take with them as its events")


def _add_heads(verb: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    actions = verb.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="which are here, under which terms, and where others are published")
    add = actions.add_parser("add", help="keep a head ready: FLAME, GNM Head, ICT-FaceKit")
    add.add_argument("file", type=Path, metavar="FILE", help="its file or folder")
    download = actions.add_parser("download", help="the same from an address; goes on where an earlier try stopped")
    download.add_argument("address", metavar="ADDRESS", help="http or https")
    download.add_argument("--sha256", default="", metavar="HEX", help="refuse any other file")
    for action in (add, download):
        action.add_argument("--name", metavar="NAME", help="what to call it (default: its edition)")
    picture = actions.add_parser("picture", help="draw its 52 named units beside the built-in head's, to be looked at")
    picture.add_argument("head", metavar="NAME|FILE", help="an added head, or a file or folder")
    picture.add_argument("--out", type=_file_of("picture"), metavar="F.png|F.jpg", required=True, help="the picture")
    actions.add_parser("remove", help="forget an added head").add_argument("name", metavar="NAME")
    return [*actions.choices.values()]


def _file_of(*formats: str) -> Callable[[str], Path]:
    """A path whose ending is that of a format: readers and Blender's exporters go by it. Some formats have several."""
    several = {"usd": (".usd", ".usda", ".usdc"), "picture": (".png", ".jpg")}
    endings = tuple(ending for name in formats for ending in several.get(name, (f".{name}",)))

    def path(text: str) -> Path:
        if Path(text).suffix.lower() not in endings:
            raise argparse.ArgumentTypeError(f"{text!r} does not end in {' or '.join(endings)}")
        return Path(text)

    return path


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0.1 <= rate <= 32767:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate like 25 or 59.94")
    return rate


def _strength(text: str) -> float:
    try:
        strength = float(text)
    except ValueError:
        strength = float("nan")
    if not -10 <= strength <= 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a strength like 1.5, between -10 and 10")
    return strength


def _face(text: str) -> str:
    if not re.fullmatch(r"\d+|\d+(\.\d+)?,\d+(\.\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number like 1 nor a pixel like 320,240")
    return text


def _frames(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if not match or int(match[1]) >= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of frames like 10:50")
    return int(match[1]), int(match[2])


def _gigabytes(text: str) -> float:
    try:
        size = float(text)
    except ValueError:
        size = -1.0
    if not 0 <= size < 1e6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 1 or 0.5")
    return size


def _degrees(text: str) -> float:
    try:
        angle = float(text)
    except ValueError:
        angle = 0.0
    if not 0 < angle < 180:
        raise argparse.ArgumentTypeError(f"{text!r} is not an angle between 0 and 180 degrees")
    return angle
