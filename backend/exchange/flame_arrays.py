# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays of a FLAME sequence in an .npz or in a folder of one .npz per frame, under any of their names."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MicrofaceError

Array = NDArray[np.float64]

MAX_BYTES = 2**30

#: What we read -> its names at VHAP, smplx, SMIRK, DECA and EMOCA, ours first; nothing else is looked at.
NAMES: dict[str, tuple[str, ...]] = {
    "shape": ("shape", "betas", "shape_params", "shapecode"),
    "expr": ("expr", "expression", "expression_params", "exp", "expcode"),
    "rotation": ("rotation", "global_orient", "pose_params"),
    "neck_pose": ("neck_pose", "neck_pose_params"),
    "jaw_pose": ("jaw_pose", "jaw_params"),
    "eyes_pose": ("eyes_pose", "eye_pose_params"),
    "pose": ("pose", "posecode"),  # DECA: 3 of the head, 3 of the jaw
    "translation": ("translation", "transl"),
    "static_offset": ("static_offset",),
    "dynamic_offset": ("dynamic_offset",),
    "eyelids": ("eyelid_params", "eyelid"),  # SMIRK: left and right, 1 = closed
    "time_s": ("time_s",),
    "fps": ("fps",),
    "model_sha256": ("model_sha256",),
}  # fmt: skip
WIDTHS = {"rotation": 3, "neck_pose": 3, "jaw_pose": 3, "eyes_pose": 6, "pose": 6, "translation": 3, "eyelids": 2}


def read_arrays(path: Path) -> tuple[dict[str, Array], str]:
    """The arrays of `NAMES` there are, under our names, and the hash of the head they are for ("" when unknown).

    Raises:
        MicrofaceError: ``no_file`` or ``bad_flame``.
    """
    return _of_folder(path) if path.is_dir() else _of_file(path)


def bad(path: Path, reason: str) -> MicrofaceError:
    """Say why a file is none."""
    text = f"{path} is not a FLAME sequence: {reason}."
    return MicrofaceError("bad_flame", text, "Export it from the tracker again.")


def _of_file(path: Path) -> tuple[dict[str, Array], str]:
    """The arrays of `NAMES` in a file, as float64, and the hash of the head; pickled objects are refused."""
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path.")
    found: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist()]
            wanted = {ours: name for ours, all_ in NAMES.items() for name in reversed(all_) if f"{name}.npy" in names}
            if sum(archive.getinfo(f"{name}.npy").file_size for name in wanted.values()) > MAX_BYTES:
                raise bad(path, "it claims more than 1 GB")
        with np.load(path, allow_pickle=False) as file:
            model = str(file[wanted.pop("model_sha256")]) if "model_sha256" in wanted else ""
            for ours, name in wanted.items():
                found[ours] = _floats(path, name, file[name])
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError) as error:
        raise bad(path, "it is damaged, or holds Python objects") from error
    if not found:
        raise bad(path, "it holds nothing of a FLAME sequence")
    return found, model


def _floats(path: Path, name: str, array: NDArray[Any]) -> Array:
    if array.dtype.kind not in "fiu":
        raise bad(path, f"'{name}' holds {array.dtype}, not numbers")
    return array.astype(np.float64)


def _of_folder(path: Path) -> tuple[dict[str, Array], str]:
    """One array per name over the numbered files of a folder; identity and offsets are those of the first."""
    files = sorted(path.glob("*.npz"), key=lambda file: (int((re.findall(r"\d+", file.stem) or ["0"])[-1]), file.name))
    if not files:
        raise bad(path, "it holds no .npz")
    read = [_of_file(file) for file in files]
    parts, first = [arrays for arrays, _ in read], read[0][0]
    moving = [name for name in first if name in WIDTHS or name in ("expr", "dynamic_offset")]
    for file, part in zip(files, parts, strict=True):
        if any(
            name not in part or np.atleast_2d(part[name]).shape != np.atleast_2d(first[name]).shape for name in moving
        ):
            raise bad(file, "it is not laid out as the first of its folder")
    still = {name: first[name] for name in ("shape", "static_offset") if name in first}
    stacked = {name: np.concatenate([np.atleast_2d(part[name]) for part in parts]) for name in moving}
    return still | stacked, read[0][1]
