# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole files or none: written beside their target, renamed when complete, removed when anything fails."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import MicrofaceError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path in the folder of `path`; rename it to `path` when the block ends well.

    Raises:
        MicrofaceError: ``disk_full``, ``read_only`` or ``not_written``, for any error of the system in the block.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        raise write_error(error, path) from error
    finally:
        with suppress(OSError):  # the first error is the one to tell
            part.unlink(missing_ok=True)


def write_error(error: OSError, path: Path) -> MicrofaceError:
    """What the system said when a file was written, and what to do about it."""
    if error.errno in _FULL:
        return MicrofaceError("disk_full", f"No room left to write {path}.", "Free some space or choose another disk.")
    if error.errno in _FORBIDDEN:
        return MicrofaceError("read_only", f"{path} may not be written.", "Choose a folder you may write to.")
    reason = error.strerror or str(error)
    return MicrofaceError("not_written", f"{path} could not be written: {reason}.", "Check the path and try again.")
