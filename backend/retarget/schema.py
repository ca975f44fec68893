# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the .npz files of retargeting: every member is held against a table before it is read."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import npz
from ..errors import MicrofaceError

#: name -> type and size; letters are sizes that must agree with one another. `schema_version` comes first.
Schema = Mapping[str, tuple[str, tuple[str | int, ...]]]

VERSION = 1


def text(words: Iterable[str]) -> NDArray[np.str_]:
    """(n,) unicode, of one letter at least: an .npy of empty text has items of no bytes."""
    return np.array([*words, "_"], dtype=np.str_)[:-1]


def checked(path: Path, schema: Schema, code: str, what: str) -> dict[str, NDArray[Any]]:
    """The arrays of a file that keeps to its schema.

    Raises:
        MicrofaceError: ``no_file``, or `code` with what is wrong.
    """
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check its path.")
    try:
        with zipfile.ZipFile(path) as archive:
            return _arrays(archive, schema)
    except npz.Mismatch as error:
        reason = str(error)
    except npz.DAMAGED:
        reason = "it is damaged or truncated"
    raise MicrofaceError(code, f"{path} is not {what}: {reason}.", "Make it again.")


def _arrays(archive: zipfile.ZipFile, schema: Schema) -> dict[str, NDArray[Any]]:
    present = npz.names(archive)
    if present != set(schema):
        raise npz.Mismatch(f"missing or unknown: {', '.join(sorted(present ^ set(schema))[:4])}")
    sizes: dict[str, int] = {}
    out = {}
    for name, (kind, dims) in schema.items():
        claimed = npz.header(archive, name)
        fits = claimed.dtype.kind == "U" if kind == "U" else claimed.dtype == np.dtype(kind)
        shape = claimed.shape
        if len(dims) == len(shape):
            named = zip(dims, shape, strict=True)
            fits &= shape == tuple(d if isinstance(d, int) else sizes.setdefault(d, n) for d, n in named)
        if not fits or len(dims) != len(shape):
            raise npz.Mismatch(f"'{name}' is {claimed.dtype} of shape {shape}")
        out[name] = npz.read(archive, name, claimed)
        if name == "schema_version" and int(out[name]) != VERSION:
            raise npz.Mismatch(f"its version is {int(out[name])}; this Microface reads {VERSION}")
        if out[name].dtype.kind == "f" and not np.isfinite(out[name]).all():
            raise npz.Mismatch(f"'{name}' has numbers that are not finite")
    return out
