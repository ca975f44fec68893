# SPDX-License-Identifier: GPL-3.0-or-later
"""A file from an address the user gives: kept in parts, resumed, checked against its hash.

No address of a model stands in Microface: where heads are published, they are behind their licence. A part that is there
is continued only when the server says that its file is still the same one (RFC 9110, `Range` with `If-Range`).
"""

from __future__ import annotations

import hashlib
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .atomic import write_error
from .errors import MicrofaceError
from .folders import cache_folder
from .messages import Progress

BLOCK = 1 << 18  # bytes
TIMEOUT_S = 30  # without a byte
LARGEST = 2**30  # bytes; the largest head that is published has a fifth of it
AGAIN = "Try again: what has come is kept, and it goes on from there."


def fetch(address: str, sha256: str, progress: Progress) -> Path:
    """Get a file, or the rest of one whose first part is there.

    Args:
        address: http or https.
        sha256: 64 hexadecimal digits of the whole file, or empty for no check.
        progress: called with shares 0..1 while the length is known.

    Returns:
        The file, in the user's cache, under the name it has in the address. The caller removes it.

    Raises:
        MicrofaceError: ``bad_address``, ``bad_hash``, ``no_answer``, ``refused``, ``interrupted``, ``too_large``,
            ``wrong_hash``, or the disk's errors.
    """
    _check(address, sha256)
    path = place(address)
    with _disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    if not (sha256 and path.is_file() and _digest(path) == sha256.lower()):
        _transfer(address, path, progress)
    if sha256 and _digest(path) != sha256.lower():
        forget(path)
        text = f"What came from {address} is not the file with this SHA-256, and was removed."
        raise MicrofaceError("wrong_hash", text, "Compare the hash with the publisher's, and try again.")
    return path


def place(address: str) -> Path:
    """Where the file of an address lies while it comes: under its own name, which tells editions apart."""
    name = re.sub(r"[^A-Za-z0-9._-]", "_", unquote(urlsplit(address).path).rpartition("/")[2])[-100:].lstrip(".")
    return cache_folder("downloads") / hashlib.sha256(address.encode()).hexdigest()[:16] / (name or "head")


def forget(path: Path) -> None:
    """Remove a file that came, or a part of it."""
    path.unlink(missing_ok=True)
    _mark(path).unlink(missing_ok=True)


def _check(address: str, sha256: str) -> None:
    try:
        parts = urlsplit(address)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and address.isascii() and " " not in address
    except ValueError:
        right = False
    if not right:
        remedy = "Copy it from the browser: it begins with https://."
        raise MicrofaceError("bad_address", f"'{address}' is not an address to download from.", remedy)
    if sha256 and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        text = f"'{sha256}' is not a SHA-256."
        raise MicrofaceError("bad_hash", text, "It has 64 hexadecimal digits; leave it empty to go without.")


def _mark(path: Path) -> Path:
    """What the server called the version a part is of."""
    return path.with_name(f"{path.name}.version")


def _transfer(address: str, path: Path, progress: Progress) -> None:
    have = path.stat().st_size if path.is_file() and _mark(path).is_file() else 0
    request = urllib.request.Request(address, headers={"Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", _mark(path).read_text(encoding="latin1"))
    with _open(address, request) as answer:
        if answer.status == 416:  # there is nothing after the part
            whole = answer.headers.get("Content-Range", "").rpartition("/")[2] == str(have)
        elif answer.status == 206:
            whole = None if _continues(answer, have) else False
        else:
            whole, have = None, 0
        if whole is None:
            _receive(answer, path, have, progress)
    if whole is False:
        forget(path)
        if not have:
            text = f"{address} was not given: the server sent another part than it was asked for."
            raise MicrofaceError("refused", text, "Download the file with the browser, and add it.")
        _transfer(address, path, progress)


def _open(address: str, request: urllib.request.Request) -> Any:
    """Give the server's answer, which may also be that a part is the whole.

    Raises:
        MicrofaceError: ``refused`` or ``no_answer``.
    """
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code == 416 and request.has_header("Range"):
            return error
        error.close()
        login = "It may want a login: download the file with the browser, and add it."
        remedy = login if error.code in (401, 403) else "Check the address in the browser."
        text = f"{address} was not given: the server answered {error.code} {error.reason}."
        raise MicrofaceError("refused", text, remedy) from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        remedy = "Check the address and the connection."
        raise MicrofaceError("no_answer", f"Nothing came from {address}: {reason}.", remedy) from error


def _continues(answer: HTTPResponse, have: int) -> bool:
    """Whether what comes follows on what is there."""
    return answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")


def _receive(answer: HTTPResponse, path: Path, have: int, progress: Progress) -> None:
    length = answer.headers.get("Content-Length") or ""
    whole = have + int(length) if length.isdigit() else None
    _refuse_large(whole or 0, path)
    with _disk(path):
        if not have:
            _begin(answer, path)
        with path.open("ab") as file:
            for block in _blocks(answer):
                file.write(block)
                have += len(block)
                _refuse_large(have, path)
                if whole:
                    progress("download", have / whole)
    if whole and have < whole:
        raise MicrofaceError("interrupted", f"The download stopped at {have:,} of {whole:,} bytes.", AGAIN)


def _begin(answer: HTTPResponse, path: Path) -> None:
    """Start a file anew, and note which version it is; without one it cannot be continued."""
    forget(path)
    tag = answer.headers.get("ETag", "")
    version = tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")
    if version:
        _mark(path).write_text(version, encoding="latin1")


def _blocks(answer: HTTPResponse) -> Iterator[bytes]:
    while True:
        try:
            block = answer.read(BLOCK)
        except (OSError, HTTPException) as error:
            raise MicrofaceError("interrupted", f"The download stopped: {error}.", AGAIN) from error
        if not block:
            return
        yield block


def _refuse_large(count: int, path: Path) -> None:
    if count > LARGEST:
        forget(path)
        text = f"The file is larger than any head: more than {LARGEST >> 20} MB."
        raise MicrofaceError("too_large", text, "Check the address in the browser.")


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(error, path) from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
