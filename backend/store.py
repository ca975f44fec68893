# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that are kept so that no work is done twice.

A kept file is named by the hash of all that its contents depend on: footage, settings, head, software. So none is ever
stale, a file that was moved is recognised, and going back to earlier settings costs nothing. When the store outgrows its
limit, what was used longest ago goes first. Losing any of it costs only time.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from .errors import MicrofaceError
from .folders import cache_folder

GB = 10**9  # bytes
ABANDONED_S = 86400.0  #: a part as old as this is no longer being written
PACKAGES = ("numpy", "scipy", "opencv-python-headless", "onnxruntime", "av")
ROOT = Path(__file__).resolve().parents[1]


def folder() -> Path:
    """Where results are kept."""
    return cache_folder("results")


class Store:
    """The kept results.

    Args:
        limit: bytes; 0 keeps nothing and finds nothing.
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def path(self, kind: str, **made_of: object) -> Path:
        """Where the result of this kind lies, or would lie.

        Args:
            kind: tracks, fit or take.
            made_of: whatever it depends on besides the software; JSON.
        """
        text = json.dumps([software_digest(), made_of], sort_keys=True)
        return folder() / f"{hashlib.sha256(text.encode()).hexdigest()[:40]}.{kind}.npz"

    def has(self, path: Path) -> bool:
        """Whether it is here; if so it counts as used now."""
        if not self.limit or not path.is_file():
            return False
        with suppress(OSError):
            path.touch()
        return True

    def trim(self) -> None:
        """Remove what was used longest ago until the rest is within the limit."""
        total = 0
        for file in sorted(_kept(), key=lambda file: file.used, reverse=True):
            total += file.size
            if total > self.limit:
                with suppress(OSError):
                    file.path.unlink()


def size() -> int:
    """Bytes of all kept results."""
    return sum(file.size for file in _kept())


def clear() -> int:
    """Remove all kept results.

    Returns:
        bytes that became free.

    Raises:
        MicrofaceError: ``not_cleared`` when the system refuses.
    """
    before = size()
    try:
        for file in _kept():
            file.path.unlink(missing_ok=True)
    except OSError as error:
        text = f"{error.filename} cannot be removed: {error.strerror}."
        raise MicrofaceError("not_cleared", text, "Close other programs that use it and try again.") from error
    return before


class _File(NamedTuple):
    path: Path
    size: int  #: bytes
    used: float  #: when last, s


def _kept() -> Iterator[_File]:
    """Files that are whole, and parts whose writer must be gone; what another process removes meanwhile is none."""
    for path in folder().glob("*.npz*"):
        with suppress(OSError):
            state = path.stat()
            if path.suffix == ".npz" or time.time() - state.st_mtime > ABANDONED_S:
                yield _File(path, state.st_size, state.st_mtime)


@cache
def software_digest() -> str:
    """Hash of our own program, networks and heads, and of the packages that compute. A changed line makes all anew."""
    digest = hashlib.sha256(json.dumps([_version(name) for name in PACKAGES]).encode())
    sources = [path for name in ("backend", "models") for path in (ROOT / name).rglob("*.py")]
    assets = [path for path in (ROOT / "models" / "assets").glob("*") if path.is_file()]
    for path in sorted([*sources, *assets]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except ImportError:  # a package without its metadata
        return "unknown"
