# SPDX-License-Identifier: GPL-3.0-or-later
"""The arrays in an .npz that somebody else wrote: any order and version of NumPy's format, nothing trusted.

A member's header says how much memory it wants, the zip says how much is there; both are compared before anything is
allocated. Members that hold a pickled object (a SciPy matrix, a dict) go through `unpickler`.
"""

from __future__ import annotations

import ast
import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .pickled import Damaged
from .unpickler import unpickle

MAX_BYTES = 2 * 2**30  # of all arrays together: GNM Head has 0.2 GB
_MAX_HEADER = 10_000
_TYPE = re.compile(r"[<>|=]?(?:[fiu][1248]|b1|[US][0-9]{1,6}|O)")


def read_npz(path: Path) -> dict[str, Any]:
    """Arrays of an .npz by name; an array of one pickled object becomes that object, if it is harmless.

    Raises:
        Damaged: it is no .npz, cut short, or a member contradicts itself.
        Refused: a pickled member is not harmless.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
            if sum(info.file_size for info in members) > MAX_BYTES:
                raise Damaged("it claims more than 2 GB")
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in members}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Damaged("it is cut short or no .npz") from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Any:
    with archive.open(info) as member:
        dtype, shape, order, offset = _header(member.read(_MAX_HEADER), info.filename)
        if dtype != "O" and offset + math.prod(shape) * np.dtype(dtype).itemsize != info.file_size:
            raise Damaged(f"{info.filename!a} claims {shape} but holds {info.file_size} bytes")
    data = archive.read(info)[offset:]
    if dtype == "O":
        return unpickle(data) if shape == () else None
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _header(start: bytes, name: str) -> tuple[str, tuple[int, ...], Any, int]:
    """Type, shape, order and size of a member's header, from its first bytes."""
    size = 2 if start[6:7] == b"\x01" else 4
    begin = 8 + size
    end = begin + int.from_bytes(start[8:begin], "little")
    try:
        told = ast.literal_eval(start[begin:end].decode("utf-8").strip())
        dtype, shape, fortran = told["descr"], told["shape"], told["fortran_order"]
        good = start.startswith(b"\x93NUMPY") and end <= len(start) and len(shape) <= 8 and _TYPE.fullmatch(dtype)
        if not good or not all(type(axis) is int and axis >= 0 for axis in shape):
            raise ValueError(dtype)
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
        raise Damaged(f"{name!a} is no plain array") from error
    return "O" if dtype.endswith("O") else dtype, tuple(shape), "F" if fortran else "C", end
