# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of a kept intermediate result: some arrays of known types."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import npz
from .atomic import whole_file
from .errors import MicrofaceError
from .store import Store

UNREADABLE = (npz.Mismatch, KeyError, *npz.DAMAGED)  #: what `read` raises where a file is damaged


def keep(store: Store, path: Path, values: Mapping[str, ArrayLike], kinds: Mapping[str, str]) -> None:
    """Keep some arrays if the store keeps anything. A folder that cannot be written costs only time."""
    if store.limit:
        with suppress(MicrofaceError):
            write(path, values, kinds)


def write(path: Path, values: Mapping[str, ArrayLike], kinds: Mapping[str, str]) -> None:
    """Write the arrays that `kinds` names.

    Raises:
        MicrofaceError: as `whole_file`.
    """
    with whole_file(path) as part, zipfile.ZipFile(part, "w") as archive:
        for name, kind in kinds.items():
            npz.write(archive, name, np.asarray(values[name], kind))


def read(path: Path, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """Read what `write` wrote.

    Raises:
        npz.Mismatch, KeyError, npz.DAMAGED: it is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        arrays = {name: npz.read(archive, name, npz.header(archive, name)) for name in kinds}
    if {name: array.dtype.str for name, array in arrays.items()} != dict(kinds):
        raise npz.Mismatch("its arrays are of other types")
    return {name: array.copy() for name, array in arrays.items()}
