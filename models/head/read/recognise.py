# SPDX-License-Identifier: GPL-3.0-or-later
"""From a file or folder, whatever it is, to a head, or to one line that says why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import MicrofaceError
from ..model import HeadModel, read_head
from .flame import is_flame, read_flame
from .gnm import is_gnm, read_gnm
from .ict import NEUTRAL, is_ict, read_ict, read_ict_folder
from .npz import read_npz
from .pickled import Refused
from .unpickler import unpickle

MAX_PICKLE = 2**30  # bytes; FLAME has 53 MB
ZIP, OWN = b"PK\x03\x04", "landmark_triangle"
PICKLE = b"\x80(}]c"  # what a pickle begins with: its version, a container, a name
#: What FLAME's file is called in the folders of its own download, FLAME_PyTorch and smplx.
FLAME_FILES = ("flame2023*.pkl", "generic_model.pkl", "*male_model.pkl", "FLAME_*.pkl", "FLAME_*.npz", "flame2023*.npz")
REMEDY = "Choose a FLAME .pkl or .npz, gnm_head.npz, the folder of ICT-FaceKit, or a head written by Microface."


def read_any_head(path: Path) -> HeadModel:
    """Read FLAME, GNM Head, ICT-FaceKit or Microface's own head. Landmarks are those of the file, or none.

    Raises:
        MicrofaceError: ``no_file``, ``bad_head``, ``unsafe_head``, ``body_model``, ``unknown_layout`` or
            ``several_heads``.
    """
    path = Path(path)
    if not path.exists():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the head.")
    try:
        return _read_folder(path) if path.is_dir() else _read_file(path)
    except Refused as error:
        text = f"{path} was not opened, for it is no harmless head file: {error}."
        raise MicrofaceError("unsafe_head", text, "Download the file again from where it is published.") from error
    except (ValueError, KeyError, TypeError, IndexError, OSError, MemoryError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise MicrofaceError("bad_head", f"{path} is not a head that can be read: {reason}.", REMEDY) from error


def _read_file(path: Path) -> HeadModel:
    with path.open("rb") as file:
        start = file.read(4)
    if start == ZIP:
        arrays = read_npz(path)
        return read_head(path) if OWN in arrays else _of_arrays(arrays, path)
    if not start or start[0] not in PICKLE:
        raise ValueError("it is neither an .npz nor a pickle")
    if path.stat().st_size > MAX_PICKLE:
        raise ValueError("it is far larger than any head")
    held = unpickle(path.read_bytes())
    if not isinstance(held, dict):
        raise ValueError("it holds no arrays by name")
    return _of_arrays(held, path)


def _of_arrays(arrays: dict[str, Any], path: Path) -> HeadModel:
    if is_flame(arrays):
        return read_flame(arrays, str(path))
    if is_gnm(arrays):
        return read_gnm(arrays)
    if is_ict(arrays):
        return read_ict(arrays)
    names = ", ".join(ascii(str(name)[:20]) for name in list(arrays)[:4]) or "nothing"
    raise ValueError(f"it holds {names}")


def _read_folder(path: Path) -> HeadModel:
    meshes = sorted({*path.glob(NEUTRAL), *path.glob(f"*/{NEUTRAL}")})
    if meshes:
        return read_ict_folder(meshes[0].parent)
    found = sorted({file for name in FLAME_FILES for deep in ("", "*/") for file in path.glob(deep + name)})
    if len(found) > 1:
        text = f"The folder {path} holds several heads: {', '.join(file.name for file in found[:4])}."
        raise MicrofaceError("several_heads", text, "Choose one of these files.")
    if not found:
        raise ValueError("the folder holds no head")
    return _read_file(found[0])
