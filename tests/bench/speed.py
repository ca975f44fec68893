# SPDX-License-Identifier: GPL-3.0-or-later
"""How fast `reconstruct` is, against what landmarks alone cost: `python tests/bench/speed.py [FOLDER]`.

300 pictures of 640 x 480 with a face of 240 px at 30 fps. In one run: the whole reconstruction with the share of each stage,
then the tracker's landmarks on every frame (MediaPipe's nets, not MediaPipe), decoding included in both. A table sets the CPU time
of each stage beside its floor (floors.py), and says what a further frame costs where a first half is reconstructed alone as well:
the rest is spent once, however long the clip. Where
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
from microface.backend.pipeline import reconstruct
from microface.backend.stages import STAGES
from microface.backend.tracking import FaceTracker
from microface.backend.types import Settings
from microface.backend.video import frames, open_clip
from microface.tests.bench.demo_clip import make
from microface.tests.bench.floors import floors

CLIP = {"width": 640, "height": 480, "frames": 300, "fps": 30, "onset": 60, "apex": 63, "offset": 69}
HALF = 150  #: frames of the clip reconstructed alone as well
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


Spent = dict[str, tuple[float, float]]  #: stage -> seconds on the clock and of CPU time, all threads


def stages(path: Path, settings: Settings) -> Spent:
    """What each stage of a reconstruction takes."""
    begin = dict(zip(STAGES, [0.0, *STAGES.values()], strict=False))
    spent = {stage: np.zeros(2) for stage in STAGES}
    now, last = "reading", clocks()

    def progress(stage: str, share: float) -> None:
        nonlocal now, last
        # a stage says that it begins, or only how much of it is done: then what has passed was its own
        spent[stage if share > begin[stage] else now] += clocks() - last
        now, last = stage, clocks()

    reconstruct(path, settings, progress)
    spent[now] += clocks() - last
    return {stage: (float(wall), float(cpu)) for stage, (wall, cpu) in spent.items()}


def clocks() -> np.ndarray:
    return np.array([time.perf_counter(), time.process_time()])


def total(spent: Spent, clock: int = 0) -> float:
    return sum(times[clock] for times in spent.values())


def profile(spent: Spent, half: Spent, least: dict[str, float]) -> str:
    """A table of the stages: share of the time, ms of CPU time a frame, of a further frame, and the floor."""
    rows = [
        "| stage | share of the time | CPU ms a frame | CPU ms a further frame | floor, CPU ms a frame |",
        "|" + " --- |" * 5,
    ]
    for stage, (wall, cpu) in spent.items():
        further = 1e3 * (cpu - half[stage][1]) / (CLIP["frames"] - HALF)
        floor = f"{least[stage]:.1f}" if stage in least else "-"
        share = f"{wall / total(spent):.0%}"
        rows.append(f"| {stage} | {share} | {1e3 * cpu / CLIP['frames']:.1f} | {further:.1f} | {floor} |")
    every, further = (
        1e3 * total(spent, 1) / CLIP["frames"],
        1e3 * (total(spent, 1) - total(half, 1)) / (CLIP["frames"] - HALF),
    )
    low = sum(least[stage] for stage in STAGES if stage in least)
    rows.append(f"| all | 100% | {every:.1f} | {further:.1f} | {low:.1f} |")
    rows.append(
        f"\nOn two cores that no one else uses: at most {2e3 / every:.0f} frames/s, {2e3 / further:.0f} in a long clip."
    )
    rows.append(f"Decoding once takes {least['decoding']:.1f} ms of CPU time a frame.")
    return "\n".join(rows)


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
    runs, halves, every, theirs = [], [], [], []
    for _ in range(ROUNDS):
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores:", end=" ", flush=True)
        runs.append(stages(path, Settings()))
        halves.append(stages(path, Settings(range=(0, HALF))))
        every.append(landmarks_on_every_frame(path))
        print(f"reconstruct {total(runs[-1]):.1f} s, landmarks {every[-1]:.1f} s", end="")
        if python:
            theirs.append(mediapipe_on_every_frame(python, pictures) + decoding(path))
            print(f", MediaPipe's graph {theirs[-1]:.1f} s", end="")
        print(flush=True)
    spent, half = min(runs, key=total), min(halves, key=lambda run: total(run, 1))
    seconds = total(spent)
    print(profile(min(runs, key=lambda run: total(run, 1)), half, floors(path, CLIP["frames"])))
    print(f"reconstruct       {CLIP['frames'] / seconds:6.1f} frames/s")
    print(f"landmarks, every  {CLIP['frames'] / min(every):6.1f} frames/s")
    print(f"reconstruct takes {seconds / min(every):.1f} times as long as landmarks on every frame")
    if theirs:
        print(f"MediaPipe's graph {CLIP['frames'] / min(theirs):6.1f} frames/s")
        print(f"reconstruct takes {seconds / min(theirs):.1f} times as long as MediaPipe's own graph on every frame")
    else:
        print("MediaPipe's own graph: not measured, MICROFACE_MEDIAPIPE_PYTHON names no Python that has it")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as scratch:
            main(Path(scratch))
