# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast `reconstruct` is, against what landmarks alone cost: `python tests/bench/speed.py [FOLDER]`.

300 pictures of 640 x 480 with a face of 240 px at 30 fps. In one run: the whole reconstruction with the share of each stage,
then the tracker's landmarks on every frame (MediaPipe's nets, not MediaPipe), decoding included in both. Where
MICROFACE_MEDIAPIPE_PYTHON names a Python with MediaPipe 0.10.21 (see tests/unit/backend/tracking/mediapipe_reference.py), its own
graph follows a face through the same pictures as well, on two threads of a process of its own; there the pictures are
decoded beforehand, so our decoding is added. Rounds are interleaved and the shortest of each counts: what else the
machine does only adds.
"""

import os
import sys

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the worker

import runpy
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

if "microface" not in sys.modules:  # run as a script
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
from microface.backend.pipeline import STAGES, reconstruct
from microface.backend.tracking import FaceTracker
from microface.backend.types import Settings
from microface.backend.video import frames, open_clip
from microface.tests.bench.demo_clip import make

CLIP = {"width": 640, "height": 480, "frames": 300, "fps": 30, "onset": 60, "apex": 63, "offset": 69}
ROUNDS = 3
REFERENCE = Path(__file__).resolve().parents[1] / "unit" / "backend" / "tracking" / "mediapipe_reference.py"
#: run by MediaPipe's Python on two cores: seconds of its face mesh; the first picture, which loads the nets, goes before
MEDIAPIPE = """
import os, runpy, sys, time
import numpy as np
if hasattr(os, "sched_setaffinity"):  # its threads are as many as the cores it sees
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
pictures = np.load(sys.argv[2], mmap_mode="r")
options = {"static_image_mode": False, "refine_landmarks": True, "max_num_faces": 1}
with runpy.run_path(sys.argv[1])["face_mesh_module"]().FaceMesh(**options) as mesh:
    mesh.process(np.array(pictures[0]))
    start = time.perf_counter()
    missed = sum(mesh.process(np.array(picture)).multi_face_landmarks is None for picture in pictures)
    print(time.perf_counter() - start, missed)
"""


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


def decoding(path: Path, save: Path | None = None) -> float:
    """Seconds of reading every picture as rgb; on request the pictures are saved as (300, H, W, 3) uint8."""
    start = time.perf_counter()
    pictures = [frame.rgb for frame in frames(open_clip(path))]
    spent = time.perf_counter() - start
    if save:
        np.save(save, np.stack(pictures))
    return spent


def mediapipe_on_every_frame(python: str, pictures: Path) -> float:
    """Seconds of MediaPipe's own graph, pictures already decoded. It must find the face in every one of them."""
    command = [python, "-c", MEDIAPIPE, str(REFERENCE), str(pictures)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    if said[-1] != "0":
        raise RuntimeError(f"MediaPipe lost the face in {said[-1]} pictures: the times do not compare")
    return float(said[-2])


def main(folder: Path) -> None:
    path, pictures = folder / "clip.mp4", folder / "pictures.npy"
    if not (folder / "meta.json").exists():
        make(folder, **CLIP)
    python = os.environ.get("MICROFACE_MEDIAPIPE_PYTHON")
    if python:
        decoding(path, pictures)
    runs, every, theirs = [], [], []
    for _ in range(ROUNDS):
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores:", end=" ", flush=True)
        runs.append(stages(path))
        every.append(landmarks_on_every_frame(path))
        print(f"reconstruct {sum(runs[-1].values()):.1f} s, landmarks {every[-1]:.1f} s", end="")
        if python:
            theirs.append(mediapipe_on_every_frame(python, pictures) + decoding(path))
            print(f", MediaPipe's graph {theirs[-1]:.1f} s", end="")
        print()
    spent = min(runs, key=lambda run: sum(run.values()))
    total = sum(spent.values())
    print(f"reconstruct       {CLIP['frames'] / total:6.1f} frames/s")
    for name, seconds in spent.items():
        print(f"  {name:<15} {seconds / total:6.1%}")
    print(f"landmarks, every  {CLIP['frames'] / min(every):6.1f} frames/s")
    print(f"reconstruct takes {total / min(every):.1f} times as long as landmarks on every frame")
    if theirs:
        print(f"MediaPipe's graph {CLIP['frames'] / min(theirs):6.1f} frames/s")
        print(f"reconstruct takes {total / min(theirs):.1f} times as long as MediaPipe's own graph on every frame")
    else:
        print("MediaPipe's own graph: not measured, MICROFACE_MEDIAPIPE_PYTHON names no Python that has it")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
