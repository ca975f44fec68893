# SPDX-License-Identifier: GPL-3.0-or-later
"""What limits the solve: `python tests/bench/oracle.py [--split dev] [--level 1] [--count N]` gives it parts of the truth.

For the first reference clips of one level: as they are; without noise and compression; with the true course in time (when and how
fast, not what moves); with the true motion in the picture, as a noiseless fit would measure it; with the true depth; with the true
motion of the head (the one score.py takes out); with these together. Prints the medians of score.py's figures. Of the shared clips
(`--split shared`), which cannot be filmed again, every clip has its rows.
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
from microface.backend.motion.footage import DenseMotion
from microface.backend.neutral import Neutral
from microface.backend.solve import block, posterior
from microface.backend.solve.columns import Columns
from microface.backend.solve.hidden import HiddenPart
from microface.backend.solve.temporal import smooth_covariance
from microface.backend.types import Settings
from microface.models.head.raster import project
from microface.tests.bench.clips.clip import make
from microface.tests.bench.clips.faces import available
from microface.tests.bench.clips.plan import Plan
from microface.tests.bench.clips.split import plans
from microface.tests.bench.figures import against_truth, motions
from microface.tests.bench.score import displacement
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
KNOWN_DEPTH_M = 0.0003  # what may still be learned where the depth is given
LITTLE = 1e-3  # of the usual covariance in time, where the true one is given
HELD = 1e6  # weight of a given pose over the picture's own
CLEAN = {"noise": 0.0, "flicker": 0.0, "crf": 0}
CASES: dict[str, tuple[str, ...]] = {
    "as filmed": (),
    "no noise, no compression": ("clean",),
    "true course in time": ("course",),
    "true image motion": ("motion",),
    "true depth": ("depth",),
    "true pose": ("pose",),
    "true depth and pose": ("depth", "pose"),
    "true image motion, depth and pose": ("motion", "depth", "pose"),
}
SHARED_CASES = {name: given for name, given in CASES.items() if "clean" not in given}
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

    def start(
        columns: Columns, measured: block.Block, part: HiddenPart, prior: posterior.Prior, depth: Floats
    ) -> Floats:
        free = first_pose(columns, measured, part, prior, depth)
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


class Followed:
    """Dense motion as the footage would show it without noise, told by the truth where its points lie (the mask's most)."""

    def __init__(self, measured: DenseMotion, neutral: Neutral, truth: Truth) -> None:
        self.first, self.residual, self.hidden, self.coarse, self.size = (
            measured.first, measured.residual, measured.hidden, measured.coarse, measured.size,
        )  # fmt: skip
        field, surface, window = neutral.field, neutral.surface, neutral.window
        columns = Columns(surface, field)
        at = columns._anchor
        views = self.coarse.views(surface.sighted[at], surface.reference.camera, surface.sighted.mean(0))
        own = measured.rows(0, len(self.residual))
        seen = views.apply(field.displacement(own)[:, at])
        course = (project(truth.vertices, truth.camera)[..., :2] - (window.x, window.y)) / window.factor
        follow = LinearNDInterpolator(course[0], (course - course[0]).swapaxes(0, 1).reshape(course.shape[1], -1))
        moved = follow(seen[0]).reshape(len(at), -1, 2).swapaxes(0, 1)
        wrong = np.nan_to_num(seen[0] + moved - seen) @ np.linalg.inv(views.affine).transpose(0, 2, 1)
        pull = field.information @ columns.to_sheet(wrong).T
        self._rows = own + np.linalg.solve(field.information + field.prior, pull).T  # as a fit would smooth it

    def rows(self, start: int, stop: int) -> Floats:
        return np.asarray(self._rows[start:stop])


@contextmanager
def given_motion(truth: Truth) -> Iterator[None]:
    """The sheet moves as the surface truly does in the picture. For clips that one template serves."""
    original = pipeline.measure_footage

    def measure_footage(anchors: Any, spans: Any, *others: Any) -> Iterator[tuple[float, list[Any]]]:
        for _, found in original(anchors, spans, *others):  # noqa: B007
            pass
        yield 1.0, [Followed(one, anchors[span.anchor].neutral, truth) for one, span in zip(found, spans, strict=True)]

    with patch.object(pipeline, "measure_footage", measure_footage):
        yield


@contextmanager
def given_course(truth: Truth) -> Iterator[None]:
    """It is known when and how fast the face moves, not what moves: what noise leaves to find. For clips of one block."""
    moved = displacement(truth.vertices, 1.0).reshape(len(truth.vertices), -1)
    course = moved @ moved.T

    def covariance(frames: int, fps: float) -> Floats:
        rest = smooth_covariance(frames, fps)
        return np.asarray(course * np.trace(rest) / np.trace(course) + LITTLE * rest)

    class Told(posterior.Posterior):
        def _temporal(self, state: posterior.State) -> Floats:
            return self.smooth

    with patch.object(posterior, "smooth_covariance", covariance), patch.object(block, "Posterior", Told):
        yield


GIVEN = {"motion": given_motion, "depth": given_depth, "pose": given_pose, "course": given_course}


def solved(job: tuple[Plan | Path, str], cache: Path) -> dict[str, Any]:
    """Figures of one clip with what a case gives."""
    clip, case = job
    cv2.setNumThreads(1)
    wanted = (CASES if isinstance(clip, Plan) else SHARED_CASES)[case]
    if isinstance(clip, Plan):
        plan = replace(clip, name=clip.name + "-clean", **CLEAN) if "clean" in wanted else clip
        folder = make(plan, cache / plan.name, SHARED)
    else:
        folder = clip
    truth = truth_of(folder)
    with ExitStack() as stack:
        for given in wanted:
            if given != "clean":
                stack.enter_context(GIVEN[given](truth))
        take = pipeline.reconstruct(folder / "clip.mp4", Settings(device="cpu"), lambda stage, share: None)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    true, claimed, _, _ = motions(truth.vertices, truth.camera, take, load_head("generic"), meta)
    return against_truth(true, claimed, meta)


def truth_of(folder: Path) -> Truth:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    with np.load(folder / "truth.npz") as stored:
        vertices, camera = stored["vertices"].astype(float), stored["K"]
    quiet = np.ones(len(vertices), bool)
    quiet[meta["onset"] : meta["offset"] + 1] = False
    return Truth(vertices, camera, quiet)


def chosen(split: str, level: float, count: int) -> list[Plan | Path]:
    """The clips: plans of ours, or folders of the shared ones."""
    if split == "shared":
        moving = [folder for folder in sorted((SHARED / "bench" / "dev").glob("d*")) if "still" not in folder.name]
        return [*moving[:count]]
    found = [plan for plan in plans(split) if plan.condition == "reference" and plan.level == level]
    return [plan for plan in found if plan.face in available(SHARED)][:count]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--split", choices=("dev", "final", "shared"), default="dev")
    parser.add_argument("--level", type=float, default=1.0, help="peak of the clips' motion, px")
    parser.add_argument("--count", type=int, default=100, help="clips at most")
    parser.add_argument("--case", choices=CASES, action="append", help="only these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "microface-bench" / "clips")
    choice = parser.parse_args()
    clips = chosen(choice.split, choice.level, choice.count)
    known = SHARED_CASES if choice.split == "shared" else CASES
    cases = [case for case in known if case in (choice.case or known)]
    jobs = [(clip, case) for clip in clips for case in cases]
    with multiprocessing.get_context("spawn").Pool(choice.jobs) as pool:
        rows = list(zip(jobs, pool.imap(functools.partial(solved, cache=choice.cache), jobs), strict=True))
    groups = {clip.name: [clip] for clip in clips} if choice.split == "shared" else {"medians": clips}
    for name, members in groups.items():
        print(f"| {name}, {len(members)} clips |", *(f"{shown} |" for shown in SHOWN))
        for case in cases:
            found = [row for (clip, given), row in rows if given == case and clip in members]
            print(f"| {case} |", *(f"{np.median([row[shown] for row in found]):.3f} |" for shown in SHOWN))


if __name__ == "__main__":
    main()
