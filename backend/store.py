# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that are kept so that no work is done twice.

A kept file is named by the hash of all that its contents depend on: footage, settings, head, software. So none is ever
stale, a file that was moved is recognised, and going back to earlier settings costs nothing. When the store outgrows its
limit, what was used longest ago goes first. Losing any of it costs only time.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

from .errors import MicrofaceError
from .folders import cache_folder

GB = 10**9  # bytes
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
            kind: tracks or take.
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
        kept = sorted(_kept(), key=lambda entry: entry.stat().st_mtime, reverse=True)
        total = 0
        for entry in kept:
            total += entry.stat().st_size
            if total > self.limit:
                with suppress(OSError):
                    Path(entry).unlink()


def size() -> int:
    """Bytes of all kept results."""
    return sum(entry.stat().st_size for entry in _kept())


def clear() -> int:
    """Remove all kept results.

    Returns:
        bytes that became free.

    Raises:
        MicrofaceError: ``not_cleared`` when the system refuses.
    """
    before = size()
    try:
        for entry in _kept():
            Path(entry).unlink()
    except OSError as error:
        text = f"{error.filename} cannot be removed: {error.strerror}."
        raise MicrofaceError("not_cleared", text, "Close other programs that use it and try again.") from error
    return before


def _kept() -> Iterator[os.DirEntry[str]]:
    """Files that are whole; another process may be writing one."""
    if folder().is_dir():
        with os.scandir(folder()) as entries:
            yield from [entry for entry in entries if entry.name.endswith(".npz") and entry.is_file()]


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
