# SPDX-License-Identifier: GPL-3.0-or-later
"""What a draft costs and saves: `python tests/bench/draft.py [--count N]`.

The first development clips of the reference condition at 2, 1 and 0.5 px, each reconstructed in full and as a draft; both are
scored at the draft's frames. Prints medians of score.py's figures and how much longer the full job takes; these clips are
half a second long, so the demo clip's three seconds of 200 frames are timed as well.
"""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the worker

import argparse
import json
import runpy
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

if "microface" not in sys.modules:  # run as a script
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
from microface.backend.heads import load_head
from microface.backend.pipeline import reconstruct
from microface.backend.types import Settings, Take
from microface.tests.bench.clips.clip import make
from microface.tests.bench.clips.faces import available
from microface.tests.bench.clips.split import plans
from microface.tests.bench.demo_clip import make as film
from microface.tests.bench.figures import against_truth, event_figures, motions

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
LEVELS = (2, 1, 0.5)
SHOWN = ("err2d", "err3d", "gain", "floor_px", "events_hit", "events_false")


def at(take: Take, frames: np.ndarray) -> Take:
    """The take at some frames of the footage alone, as far as a mesh and its deviation need it."""
    rows = np.searchsorted(take.footage_frames, frames)
    names = ("time_s", "valid", "expression", "expression_std", "expression_factor", "pose", "pose_std", "translation",
             "translation_std", "detail", "detail_std", "depth_std", "seen", "covered")  # fmt: skip
    return replace(take, **{name: getattr(take, name)[rows] for name in names})


def timed(source: Path, quality: str) -> tuple[Take, float]:
    """The take, and its seconds."""
    start = time.perf_counter()
    take = reconstruct(source, Settings(device="cpu", quality=quality), lambda stage, share: None)
    return take, time.perf_counter() - start


def scored(folder: Path, quality: str, frames: np.ndarray) -> dict[str, Any]:
    """Figures of one job at frames of the footage, and its seconds."""
    take, seconds = timed(folder / "clip.mp4", quality)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    rows = {name: int(np.abs(frames - meta[name]).argmin()) for name in ("onset", "apex", "offset")}
    with np.load(folder / "truth.npz") as truth:
        true, claimed, _, _ = motions(
            truth["vertices"][frames].astype(float), truth["K"], at(take, frames), load_head("generic"), meta
        )
    return {**against_truth(true, claimed, meta | rows), **event_figures(take.events, meta), "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", type=int, default=3, help="clips of each size")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "microface-bench" / "clips")
    choice = parser.parse_args()
    print("| | full job takes |", *(f"{name} |" for name in SHOWN))
    for level in LEVELS:
        found = [plan for plan in plans("dev") if (plan.condition, plan.level) == ("reference", level)]
        found = [plan for plan in found if plan.face in available(SHARED)][: choice.count]
        rows: dict[str, list[dict[str, Any]]] = {"full": [], "draft": []}
        for plan in found:
            folder = make(plan, choice.cache / plan.name, SHARED)
            frames = np.arange(0, plan.frames, round(plan.fps / 30))
            for quality, scores in rows.items():
                scores.append(scored(folder, quality, frames))
        longer = np.median([a["seconds"] / b["seconds"] for a, b in zip(*rows.values(), strict=True)])
        for quality, scores in rows.items():
            medians = (f"{np.median([row[name] for row in scores]):.3f} |" for name in SHOWN)
            print(f"| {level} px, {quality} | {f'{longer:.1f} times as long' if quality == 'full' else ''} |", *medians)
    with tempfile.TemporaryDirectory() as folder:
        film(Path(folder), frames=600, onset=300, apex=330, offset=370)
        full, draft = (timed(Path(folder) / "clip.mp4", quality)[1] for quality in ("full", "draft"))
    print(f"three seconds: full {full:.1f} s, draft {draft:.1f} s")


if __name__ == "__main__":
    main()
