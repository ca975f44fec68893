# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays in an .npz, read with suspicion.

An .npz is a zip of .npy members. A member's own header says how much memory it wants, and the zip says how much is
there: both come from the file, so they are compared with each other and with what the caller expects before anything
is allocated.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_write_header: Any = np.lib.format.write_array_header_1_0  # without types in numpy 1.26
_EPOCH = (1980, 1, 1, 0, 0, 0)  # equal contents make equal files
_MAGIC = b"\x93NUMPY\x01\x00"
#: The one form NumPy writes for plain arrays. Its own reader also takes older dialects, and can be upset by them.
_HEADER = re.compile(
    rb"\{'descr': '(?P<type>[<>|](?:f[248]|[iu][1248]|U[0-9]{1,6}))', 'fortran_order': False, "
    rb"'shape': \((?P<shape>(?:[0-9]{1,15},? ?){0,8})\), \} *\n"
)
_CHUNK = 2**20  # bytes
_ENCRYPTED = 1  # zip flag
#: What reading raises where bytes are lost or changed.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError)


class Mismatch(ValueError):
    """A member is not what it should be; the text says which and how."""


@dataclass(frozen=True)
class Header:
    """What a member claims to be."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int  #: bytes before the data
    stored: int  #: bytes of the member as the zip declares them

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def begin(archive: zipfile.ZipFile, name: str, dtype: str, shape: Sequence[int], compress: bool = True) -> IO[bytes]:
    """Open a member for writing, its header done; the caller streams the data in C order and closes it."""
    info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    member = archive.open(info, "w", force_zip64=True)
    _write_header(member, {"descr": dtype, "fortran_order": False, "shape": tuple(shape)})
    return member


def write(archive: zipfile.ZipFile, name: str, values: ArrayLike) -> None:
    """Write one whole array."""
    array = np.asarray(values)
    with begin(archive, name, array.dtype.str, array.shape) as member:
        member.write(np.ascontiguousarray(array).tobytes())


def names(archive: zipfile.ZipFile) -> set[str]:
    """Names of the arrays.

    Raises:
        Mismatch: a member that is no array, or two of one name.
    """
    listed = [info.filename for info in archive.infolist()]
    if len(set(listed)) != len(listed) or not all(name.endswith(".npy") for name in listed):
        raise Mismatch("it holds more than one array of each name")
    return {name.removesuffix(".npy") for name in listed}


def header(archive: zipfile.ZipFile, name: str) -> Header:
    """Read what a member claims, and hold it against its size in the zip. Allocates nothing of that size.

    Raises:
        Mismatch: anything but a C-ordered array of numbers or text, or sizes that disagree.
    """
    info = archive.getinfo(f"{name}.npy")
    if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Mismatch(f"'{name}' is encrypted or packed in an unusual way")
    with archive.open(info) as member:
        start = member.read(len(_MAGIC) + 2)
        text = member.read(int.from_bytes(start[-2:], "little"))
    parsed = _HEADER.fullmatch(text)
    if not start.startswith(_MAGIC) or not parsed:
        raise Mismatch(f"'{name}' is no plain array of numbers or text")
    shape = tuple(int(size) for size in parsed["shape"].split(b",") if size.strip())
    claimed = Header(np.dtype(parsed["type"].decode()), shape, len(start) + len(text), info.file_size)
    if claimed.offset + claimed.nbytes != claimed.stored:
        raise Mismatch(f"'{name}' claims {shape} but holds {claimed.stored} bytes")
    return claimed


def read(archive: zipfile.ZipFile, name: str, claimed: Header) -> NDArray[Any]:
    """Read the data of a member whose header has been accepted.

    Raises:
        Mismatch: the data end early.
    """
    data = bytearray(claimed.nbytes)
    with archive.open(f"{name}.npy") as member:
        member.read(claimed.offset)
        for start in range(0, claimed.nbytes, _CHUNK):
            part = member.read(min(_CHUNK, claimed.nbytes - start))
            data[start : start + len(part)] = part
        if member.tell() != claimed.stored:
            raise Mismatch(f"'{name}' ends early")
    return np.frombuffer(data, claimed.dtype).reshape(claimed.shape)
