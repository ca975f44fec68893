# SPDX-License-Identifier: GPL-3.0-or-later
"""What limits the solve: `python tests/bench/oracle.py [--split dev] [--level 1] [--jobs N]` gives it parts of the truth.

For the reference clips of one level: as they are; without noise and compression; with the true depth; with the true motion of
the head (the one score.py takes out); with both; with all of it. Prints the medians of score.py's figures.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

if "microface" not in sys.modules:  # run as a script, or a process of its pool
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
import cv2
import numpy as np
from microface.backend import pipeline
from microface.backend.anchor import Anchor
from microface.backend.heads import load_head
from microface.backend.solve import block, posterior
from microface.backend.solve.columns import Columns
from microface.backend.types import Settings
from microface.models.head.raster import project
from microface.tests.bench.clips.clip import make
from microface.tests.bench.clips.faces import available
from microface.tests.bench.clips.plan import Plan
from microface.tests.bench.clips.split import plans
from microface.tests.bench.figures import figures
from numpy.typing import NDArray
from scipy.interpolate import NearestNDInterpolator
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
KNOWN_DEPTH_M = 0.0003  # what may still be learned where the depth is given
HELD = 1e6  # weight of a given pose over the picture's own
CLEAN = {"noise": 0.0, "flicker": 0.0, "crf": 0}
CASES = {
    "as filmed": (False, False, False),
    "no noise, no compression": (True, False, False),
    "true depth": (False, True, False),
    "true pose": (False, False, True),
    "true depth and pose": (False, True, True),
    "all of it": (True, True, True),
}
SHOWN = ("err2d", "err3d", "errz", "gain", "floor_px")


@dataclass(frozen=True)
class Truth:
    """vertices (T, N, 3) camera space m, camera (3, 3) source px, quiet (T,) frames without an expression."""

    vertices: Floats
    camera: Floats
    quiet: NDArray[np.bool_]

    def relief(self, pixels: Floats) -> Floats:
        """(M,) depth relative to the face's mean one, at places (M, 2) source px, times the focal length."""
        depth = self.vertices[0, :, 2]
        known = NearestNDInterpolator(project(self.vertices[0], self.camera)[:, :2], depth / depth.mean() - 1)
        return np.asarray(known(pixels)) * self.camera[0, 0]

    def pose(self, columns: Columns, factor: int) -> Floats:
        """(T, 6) motion of the head since the first frame as scaled pose columns, by the rigid motion that score.py takes out."""
        surface = columns.surface
        first, centre = self.vertices[0], self.vertices[0].mean(0)
        unit = surface.centre[2] / centre[2] * np.array([1, 1, 1.0])  # m of the solve for a m of the truth
        unit[:2] *= self.camera[0, 0] / (surface.reference.camera[0, 0] * factor)
        turn, shift = [], []
        for cloud in self.vertices:
            turned = Rotation.align_vectors(cloud - cloud.mean(0), first - centre)[0]
            turn.append(turned.as_rotvec())
            shift.append((cloud.mean(0) - centre) * unit)
        return np.concatenate([turn, shift], 1) * columns.pose_scale


@contextmanager
def given_depth(truth: Truth) -> Iterator[None]:
    """The template's points lie where they truly are, and learn no other depth."""
    original = pipeline.find_anchors

    def find_anchors(*stages: Any) -> Any:
        anchors, spans = original(*stages)
        neutral = anchors[0].neutral
        surface, window = copy(neutral.surface), neutral.window
        source = surface.project(surface.points) * window.factor + (window.x, window.y)
        focal = surface.reference.camera[0, 0] * window.factor
        depth = surface.centre[2] * (1 + truth.relief(source) / focal)
        surface.points = surface.ray * depth[:, None]
        surface.centre = surface.points.mean(0)
        return [Anchor(**{**vars(anchors[0]), "neutral": replace(neutral, surface=surface)}), *anchors[1:]], spans

    with patch.object(pipeline, "find_anchors", find_anchors), patch.object(posterior, "DEPTH_PRIOR_M", KNOWN_DEPTH_M):
        yield


@contextmanager
def given_pose(truth: Truth) -> Iterator[None]:
    """The head moves as it truly does, but for a constant: the solve finds expressions and depth alone."""
    first_pose, known = block._first_pose, {}

    def start(columns: Columns, measured: block.Block, prior: posterior.Prior, depth: Floats) -> Floats:
        free = first_pose(columns, measured, prior, depth)
        fine = truth.pose(columns, 1) - prior.coarse
        known["pose"] = fine - (fine - free)[truth.quiet].mean(0)
        return np.asarray(known["pose"])

    class Held(posterior.Posterior):
        def _reduce(self, state: posterior.State, evidence: Floats) -> tuple[Floats, Floats, Floats]:
            reduced, coupling, right = super()._reduce(state, evidence)
            self.weight = HELD * float(np.trace(reduced[:6, :6]))
            reduced[:6, :6] += self.weight * np.eye(6)
            right[:6] += self.weight * known["pose"].T @ state.basis.modes.T
            return reduced, coupling, right

        def _noise(self, reduced: Floats, quiet: Floats) -> float:
            pose = quiet[:6] / self.weight  # given, so no part of the noise
            return super()._noise(reduced[6:, 6:], quiet[6:] - reduced[6:, :6] @ pose)

    with patch.object(block, "_first_pose", start), patch.object(block, "Posterior", Held):
        yield


def solved(job: tuple[Plan, str], cache: Path) -> tuple[str, dict[str, Any]]:
    """Figures of one clip with what a case gives."""
    plan, case = job
    cv2.setNumThreads(1)
    clean, depth, pose = CASES[case]
    if clean:
        plan = replace(plan, name=plan.name + "-clean", **CLEAN)
    folder = make(plan, cache / plan.name, SHARED)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    with np.load(folder / "truth.npz") as stored:
        vertices, camera = stored["vertices"].astype(float), stored["K"]
    quiet = np.ones(len(vertices), bool)
    quiet[meta["onset"] : meta["offset"] + 1] = False
    truth = Truth(vertices, camera, quiet)
    with ExitStack() as stack:
        for wanted, given in ((depth, given_depth), (pose, given_pose)):
            if wanted:
                stack.enter_context(given(truth))
        take = pipeline.reconstruct(folder / "clip.mp4", Settings(device="cpu"), lambda stage, share: None)
    return case, figures(folder, take, load_head("generic"))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=("dev", "final"), default="dev")
    parser.add_argument("--level", type=float, default=1.0, help="peak of the clips' motion, px")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "microface-bench" / "clips")
    choice = parser.parse_args()
    chosen = [p for p in plans(choice.split) if p.condition == "reference" and p.level == choice.level]
    chosen = [p for p in chosen if p.face in available(SHARED)]
    rows: dict[str, list[dict[str, Any]]] = {case: [] for case in CASES}
    with multiprocessing.get_context("spawn").Pool(choice.jobs) as pool:
        work = [(plan, case) for plan in chosen for case in CASES]
        for case, row in pool.imap(functools.partial(solved, cache=choice.cache), work):
            rows[case].append(row)
    print(f"| medians of {len(chosen)} clips at {choice.level:g} px |", *(f"{name} |" for name in SHOWN))
    for case, found in rows.items():
        medians = [np.median([row[name] for row in found]) for name in SHOWN]
        print(f"| {case} |", *(f"{value:.3f} |" for value in medians))


if __name__ == "__main__":
    main()
