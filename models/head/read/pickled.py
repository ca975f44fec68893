# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pickle may say of an array: its type, byte order and shape; and SciPy's compressed matrices, without SciPy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_DENSE = 10_000_000  # items of a sparse matrix written out
_TYPE = re.compile(r"[fiu][1248]|b1|[US][0-9]{1,4}|O8?")


class Refused(ValueError):
    """The pickle wants what no head file needs."""


class Damaged(ValueError):
    """The pickle does not hold together."""


def type_code(code: Any) -> str:
    """A plain type's code: numbers, text, or "O" for one object."""
    if not isinstance(code, str) or not _TYPE.fullmatch(code):
        raise Refused("it holds an array of neither numbers nor text")
    return "O" if code.startswith("O") else code


def is_shape(shape: Any) -> bool:
    """Sizes of at most eight axes, none of them larger than a file."""
    return (
        isinstance(shape, tuple)
        and len(shape) <= 8
        and all(isinstance(size, int) and 0 <= size < 2**40 for size in shape)
    )


def ordered(code: str, state: Any) -> str:
    """The code with the byte order of a dtype's state (version, order, nothing for plain types ...)."""
    if state[1] not in ("<", ">", "|", "=") or any(part is not None for part in state[2:5]):
        raise Refused("it holds an array of a compound type")
    return code if code == "O" else state[1] + code


def dense(kind: str, state: Mapping[str, Any]) -> NDArray[np.float64]:
    """A compressed sparse matrix ("csc" or "csr") written out, of its attributes."""
    shape = state["_shape" if "_shape" in state else "shape"]
    parts = [state[name] for name in ("data", "indices", "indptr")]
    if not is_shape(shape) or not all(isinstance(part, np.ndarray) and part.ndim == 1 for part in parts):
        raise Damaged("a sparse matrix without its parts")
    values, indices, starts = parts
    along, across = shape if kind == "csr" else shape[::-1]
    if along * across > MAX_DENSE or len(starts) != along + 1:
        raise Damaged("a sparse matrix contradicts itself")
    counts = np.diff(starts)
    if starts[0] or not starts[-1] == len(values) == len(indices) or (counts < 0).any():
        raise Damaged("a sparse matrix contradicts itself")
    if len(indices) and not 0 <= indices.min() <= indices.max() < across:
        raise Damaged("a sparse matrix points outside itself")
    out = np.zeros((along, across))
    np.add.at(out, (np.repeat(np.arange(along), counts), indices), values)
    return out if kind == "csr" else out.T
