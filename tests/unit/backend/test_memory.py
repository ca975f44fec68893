# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory does not grow with the footage: the take itself is all that may."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from microface.backend.take import read_take

BOOTSTRAP = Path(__file__).resolve().parents[3] / "backend" / "bootstrap.py"
RUN = f"""
import resource, runpy, sys
from pathlib import Path
runpy.run_path({str(BOOTSTRAP)!r})["install_package"]()
from microface.backend.pipeline import reconstruct
from microface.backend.take import write_take
from microface.backend.types import Settings
take = reconstruct(Path(sys.argv[1]), Settings(device="cpu"), lambda stage, share: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
write_take(Path(sys.argv[2]), take)
"""


def peak(source: Path, out: Path) -> tuple[int, int]:
    """Bytes at most resident in a process that reconstructs, and bytes of the take's arrays."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(source), str(out)], capture_output=True, text=True, check=True
    )
    take = read_take(out)
    values = [getattr(take, field.name) for field in fields(take)]
    return int(done.stdout), sum(value.nbytes for value in values if isinstance(value, np.ndarray))


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no getrusage")
def test_ten_minutes_take_hardly_more_memory_than_ten_seconds(
    built: None, portrait_clip: Callable[[list[int]], Path], tmp_path: Path
) -> None:
    shifts = [0] * 100 + [1] * 50 + [0] * 100 + [-1] * 50
    short, _ = peak(portrait_clip(shifts), tmp_path / "short.npz")
    long, take = peak(portrait_clip(shifts * 60), tmp_path / "long.npz")
    print(f"{short >> 20} MiB for 300 frames, {long >> 20} MiB for 18000, of which the take {take >> 20} MiB")
    assert long <= 1.5 * short + take
