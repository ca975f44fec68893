# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast `reconstruct` is, against what landmarks alone cost: `python tests/bench/speed.py [FOLDER]`.

300 pictures of 640 x 480 with a face of 240 px at 30 fps. In one run: the whole reconstruction with the share of each stage,
then the tracker's landmarks on every frame (MediaPipe's nets, not MediaPipe), decoding included in both. The shortest of
three rounds counts: what else the machine does only adds.
"""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the worker

import runpy
import tempfile
import time
from pathlib import Path

if "microface" not in sys.modules:  # run as a script
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
from microface.backend.pipeline import STAGES, reconstruct
from microface.backend.tracking import FaceTracker
from microface.backend.types import Settings
from microface.backend.video import frames, open_clip
from microface.tests.bench.demo_clip import make

CLIP = {"width": 640, "height": 480, "frames": 300, "fps": 30, "onset": 60, "apex": 63, "offset": 69}
ROUNDS = 3


def stages(path: Path) -> dict[str, float]:
    """Seconds of each stage of a reconstruction."""
    begin = dict(zip(STAGES, [0.0, *STAGES.values()], strict=False))
    spent = dict.fromkeys(STAGES, 0.0)
    now, last = "reading", time.perf_counter()

    def progress(stage: str, share: float) -> None:
        nonlocal now, last
        # a stage says that it begins, or only how much of it is done: then what has passed was its own
        spent[stage if share > begin[stage] else now] += time.perf_counter() - last
        now, last = stage, time.perf_counter()

    reconstruct(path, Settings(), progress)
    spent[now] += time.perf_counter() - last
    return spent


def landmarks_on_every_frame(path: Path) -> float:
    """Seconds."""
    tracker, roi = FaceTracker(), None
    start = time.perf_counter()
    for frame in frames(open_clip(path)):
        roi = roi or tracker.detect(frame.rgb)[0].roi
        points, _ = tracker.landmarks(frame.rgb, roi)
        roi = tracker.roi_of(points)
    return time.perf_counter() - start


def main(folder: Path) -> None:
    path = folder / "clip.mp4"
    if not (folder / "meta.json").exists():
        make(folder, **CLIP)
    runs, every = [], []
    for _ in range(ROUNDS):
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores:", end=" ", flush=True)
        runs.append(stages(path))
        every.append(landmarks_on_every_frame(path))
        print(f"reconstruct {sum(runs[-1].values()):.1f} s, landmarks {every[-1]:.1f} s")
    spent = min(runs, key=lambda run: sum(run.values()))
    total = sum(spent.values())
    print(f"reconstruct       {CLIP['frames'] / total:6.1f} frames/s")
    for name, seconds in spent.items():
        print(f"  {name:<15} {seconds / total:6.1%}")
    print(f"landmarks, every  {CLIP['frames'] / min(every):6.1f} frames/s")
    print(f"reconstruct takes {total / min(every):.1f} times as long as landmarks on every frame")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
