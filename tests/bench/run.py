# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark: `python tests/bench/run.py --split dev|final|quiet|smoke [--only CONDITION] [--jobs N] [--out DIR]`.

Makes every clip of the split (in --cache, where a second run finds them), reconstructs it, scores it and adds a line to
results.jsonl in --out; clips that have one are not run again. Then writes table.md and the plots there and prints the table.
A clip takes 10 to 15 s on one core; one process each, --jobs at a time. Faces whose material is not in --shared are left
out, and the table says so.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core a clip
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import functools
import json
import multiprocessing
import runpy
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

if "microface" not in sys.modules:  # run as a script, or a process of its pool
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
import cv2
from microface.backend.errors import MicrofaceError
from microface.backend.heads import load_head
from microface.backend.pipeline import reconstruct
from microface.backend.types import Settings
from microface.tests.bench.chart import write_charts
from microface.tests.bench.clips.clip import made_by, make
from microface.tests.bench.clips.faces import available
from microface.tests.bench.clips.plan import Plan
from microface.tests.bench.clips.split import plans
from microface.tests.bench.figures import figures
from microface.tests.bench.table import tables

ROOT = Path(__file__).resolve().parents[2]
Row = dict[str, Any]


def run_clip(plan: Plan, cache: Path, shared: Path) -> Row:
    """Make, reconstruct and score one clip; a failure is a row with its reason."""
    cv2.setNumThreads(1)
    start = time.perf_counter()
    folder = make(plan, cache / plan.name, shared)
    made = time.perf_counter()
    row: Row = {"plan": asdict(plan), "made_by": made_by(), "made_s": made - start}
    try:
        take = reconstruct(folder / "clip.mp4", Settings(device="cpu"), lambda stage, share: None)
        row["solved_s"] = time.perf_counter() - made
        row |= figures(folder, take, load_head("generic"))
    except (MicrofaceError, ValueError) as error:
        row["error"] = f"{type(error).__name__}: {error}"
    return row


def run(chosen: list[Plan], results: Path, cache: Path, shared: Path, jobs: int) -> None:
    """Add the rows that `results` lacks."""
    have = [row["plan"] for row in read_rows(results)]
    left = [plan for plan in chosen if asdict(plan) not in have]
    left.sort(key=lambda plan: -plan.frames)  # the long ones first: none is left for the end
    results.parent.mkdir(parents=True, exist_ok=True)
    work = functools.partial(run_clip, cache=cache, shared=shared)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool, results.open("a", encoding="utf-8") as file:
        for number, row in enumerate(pool.imap_unordered(work, left), 1):
            file.write(json.dumps(row) + "\n")
            file.flush()
            said = row.get("error") or " ".join(f"{k} {row[k]:.3f}" for k in ("err2d", "err3d", "floor_px") if k in row)
            print(
                f"{number}/{len(left)} {row['plan']['name']} {row['plan']['face']}: {said}", file=sys.stderr, flush=True
            )


def read_rows(results: Path) -> list[Row]:
    """Those of today's clips."""
    if not results.exists():
        return []
    rows = [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    return [row for row in rows if row["made_by"] == made_by()]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=("dev", "final", "quiet", "smoke"), default="smoke")
    parser.add_argument("--only", metavar="CONDITION", help="clips of one condition, as the table calls it")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="clips at a time")
    parser.add_argument("--out", type=Path, help="folder of results.jsonl, table.md and plots")
    parser.add_argument("--cache", type=Path, help="folder of the clips")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of shared test material")
    choice = parser.parse_args()
    scratch = Path(tempfile.gettempdir()) / "microface-bench"
    out, cache = choice.out or scratch / f"out-{choice.split}", choice.cache or scratch / "clips"
    chosen = [plan for plan in plans(choice.split) if choice.only in (None, plan.condition)]
    faces = available(choice.shared)
    possible = [plan for plan in chosen if plan.face in faces]
    run(possible, out / "results.jsonl", cache, choice.shared, choice.jobs)
    names = {plan.name for plan in possible}
    rows = [row for row in read_rows(out / "results.jsonl") if row["plan"]["name"] in names]
    left_out = sorted({plan.face for plan in chosen} - set(faces))
    text = tables(rows, left_out)
    (out / "table.md").write_text(text, encoding="utf-8")
    charts = write_charts(rows, out)
    print(text)
    print("\n".join(["Written:", str(out / "table.md"), *map(str, charts)]))


if __name__ == "__main__":
    main()
