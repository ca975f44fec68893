# SPDX-License-Identifier: GPL-3.0-or-later
"""Where results go."""

import tempfile
from pathlib import Path

from .errors import MicrofaceError


def check_writable(path: Path) -> None:
    """Refuse an output that cannot be written before hours of work, not after."""
    if path.is_dir():
        raise MicrofaceError("is_folder", f"{path} is a folder.", "Name a file in it.")
    folder = next(folder for folder in path.absolute().parents if folder.exists())
    try:  # os.access knows neither Windows' rights nor full quotas
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        reason = error.strerror or str(error)
        remedy = "Choose a folder you may write to."
        raise MicrofaceError("read_only", f"{path} cannot be written: {reason}.", remedy) from error


def refuse_same(source: Path, *outputs: Path) -> None:
    """No output may be the input or another output, and all must be writable.

    Raises:
        MicrofaceError: ``same_file``, ``is_folder`` or ``read_only``.
    """
    seen = {source.resolve()}
    for path in outputs:
        check_writable(path)
        if path.resolve() in seen:
            raise MicrofaceError("same_file", f"{path} would be overwritten.", "Name another file.")
        seen.add(path.resolve())
