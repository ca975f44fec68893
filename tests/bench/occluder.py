# SPDX-License-Identifier: GPL-3.0-or-later
"""What an occluder costs the rest of the face: `python tests/bench/occluder.py [NAME ...] [--painted] [--limits]`.

The demo clip is filmed again with something that passes before the face during its smile, and compared with the clip as it is:
the motion of the same points in the same frames, those that nothing covers and that the take does not mark, laid rigidly by
themselves on where they were in the first frame. With `--painted` also when the user has painted it out. With `--limits` also the
clip without occluder in which the very same cells, or only those that the occluder truly touches, are declared hidden: nobody
can be asked to know more than is there to be seen; and the occluded clip given the true cells, or the landmarks of the clip
without occluder: what finding them costs.

Which frames make the template hangs on the last digits of the landmarks, so that another processor changes such a ratio by a
tenth. So every clip is also reconstructed with landmarks that jitter by JITTER: the mean of N draws is told, of which the first has
none, and the least and the largest. `--draws N`, `--jobs N`.
"""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core a clip
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import multiprocessing
import runpy
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

if "microface" not in sys.modules:  # run as a script, or a process of its pool
    runpy.run_path(str(Path(__file__).resolve().parents[2] / "backend" / "bootstrap.py"))["install_package"]()
import cv2
import numpy as np
from microface.backend import pipeline, tracked
from microface.backend.heads import load_head
from microface.backend.mesh import hidden_vertices, vertices_at
from microface.backend.motion import footage
from microface.backend.motion.mask import Doubt, OccluderMask
from microface.backend.neutral import Neutral
from microface.backend.types import BRIDGED, Settings, Take
from microface.backend.video import open_clip, write_video
from microface.models.head.raster import project
from microface.tests.bench.demo_clip import Performance, Plan, Portrait, recorded, truth_pixels
from microface.tests.bench.figures import MATCH, overlap
from microface.tests.bench.score import _laid_on, tied_points
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Layer = tuple[
    Floats, Floats | float
]  #: how much of the face it covers (H, W), and its grey levels (3, H, W) or all the same
HiddenAt = Callable[[int, Floats], Mask]  #: in a frame, at points (M, 2) px -> (M,)

BEGIN, END = 18, 72  #: frames [,) in which something passes; the smile is from 24 to 66
CLEAR = 0.02  #: a point covered by less is seen
SPOILED = 3  #: px around an occluder that its edge is blurred over
JITTER = 0.02  #: px, standard deviation: a fifteenth of what the landmarks do by themselves
DRAWS = 3
SAME = 0.5  #: of a cell's pixels marked in another reconstruction: the cell is
MOUTH, CHIN, NOSE, CHEEKS, EYES, BRIDGE = (61, 291), 152, 4, (234, 454), ((33, 133), (362, 263)), 168  # landmarks


@dataclass(frozen=True)
class Scene:
    """The portrait with what passes before it."""

    portrait: Portrait

    def at(self, *landmarks: int) -> Floats:
        """(2,) px: the middle between some landmarks."""
        return np.asarray(self.portrait.landmarks[list(landmarks)].mean(0))

    def across(self, share: float) -> float:
        """Px from left to right: from left of the face to right of it."""
        left, right = (self.portrait.landmarks[k, 0] for k in CHEEKS)
        return float(left - 40 + share * (right - left + 80))

    def away(self, centre: Floats) -> Floats:
        """(2, H, W) px from a point."""
        return np.asarray(self.portrait.grid - centre[:, None, None])

    def patch(self, share: float) -> Layer:
        """A square of 44 px with a texture of its own crosses the mouth."""
        x, y = self.away(np.array([self.across(share), self.at(*MOUTH)[1]]))
        grains = np.random.default_rng(3).integers(60, 160, (9, 9)).astype(np.float32)
        texture = cv2.resize(grains, (64, 64), interpolation=cv2.INTER_CUBIC)
        there = np.stack([x, y]).astype(np.float32) + 32
        return (np.maximum(abs(x), abs(y)) < 22) * 1.0, cv2.remap(texture, *there, cv2.INTER_LINEAR)[None].repeat(3, 0)

    def glare(self, share: float) -> Layer:
        """A reflection crosses the cheeks below the eyes."""
        away = self.away(np.array([self.across(share), self.at(NOSE)[1] - 10]))
        return 0.9 * np.exp(-(away**2).sum(0) / (2 * 11**2)), 255.0

    def bar(self, share: float) -> Layer:
        """A rod of 14 px, from top to bottom."""
        x = self.away(np.array([self.across(share), 0.0]))[0]
        return (abs(x) < 7) * 1.0, (110 + 6 * x)[None].repeat(3, 0)

    def glasses(self, share: float) -> Layer:
        """Dark rims come down from the brow to the nose and go up again."""
        up = np.array([0.0, 130 * np.clip(abs(2 * share - 1) * 2 - 1, 0, 1)])
        rims = [abs(np.hypot(*self.away(self.at(*eye) - up)) - 31) < 3 for eye in EYES]
        x, y = self.away(self.at(BRIDGE) - up)
        return (rims[0] | rims[1] | ((abs(x) < 12) & (abs(y) < 3))) * 1.0, 35.0

    def hair(self, share: float) -> Layer:
        """A strand hangs over brow, eye and cheek, and swings."""
        x, y = self.away(self.at(EYES[1][0], EYES[1][1]) + np.array([40 * np.cos(np.pi * share), 0]))
        strand = (abs(x + 12 * np.sin(y / 40)) < 4) & (y < 70)
        return strand * 1.0, 30.0


OCCLUDERS = ("patch", "glare", "bar", "glasses", "hair")


def layer(scene: Scene, name: str, frame: int) -> Layer | None:
    """What passes in a frame; its edge is as soft as a lens makes it."""
    if not BEGIN <= frame < END:
        return None
    cover, grey = getattr(scene, name)((frame - BEGIN) / (END - 1 - BEGIN))
    return gaussian_filter(cover, 0.7), grey


@dataclass(frozen=True)
class Occluded(Performance):
    name: str

    def picture(self, frame: int) -> Floats:
        shown, over = super().picture(frame), layer(Scene(self.portrait), self.name, frame)
        return shown if over is None else shown * (1 - over[0]) + over[0] * over[1]


@dataclass(frozen=True)
class Filmed:
    """A clip, and the truth: points (T, N, 3) m, camera (3, 3), where something covers the face (T, H, W) 0 to 1."""

    path: Path
    vertices: Floats
    camera: Floats
    cover: Floats
    face: Mask

    def covered(self, frame: int, points: Floats) -> Mask:
        """(M,) of points (M, 2) px."""
        return self._at(self.cover[frame], points)

    def spoiled(self, frame: int, points: Floats) -> Mask:
        """(M,) of points (M, 2) px, those that an occluder covers or stands close to."""
        return self._at(cv2.dilate(self.cover[frame], np.ones((2 * SPOILED + 1,) * 2)), points)

    def _at(self, cover: Floats, points: Floats) -> Mask:
        column, row = np.clip(np.round(points), 0, np.array(cover.shape[::-1]) - 1).astype(int).T
        return np.asarray(cover[row, column] > CLEAR)


def filmed(name: str, cache: Path) -> Filmed:
    """The demo clip with an occluder; "" = with none."""
    plan = Plan()
    portrait = Portrait(plan)
    performance = Occluded(portrait, name) if name else Performance(portrait)
    folder = cache / f"occluder-{name or 'none'}"
    if not (folder / "meta.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write_video(folder / "clip.mp4", recorded(performance), plan.fps, plan.crf)
        (folder / "meta.json").write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")
    x, y = truth_pixels(portrait)
    vertices = np.array([performance.points(frame)[:, y, x].T for frame in range(plan.frames)])
    layers = [layer(Scene(portrait), name, frame) if name else None for frame in range(plan.frames)]
    none = np.zeros((plan.height, plan.width))
    cover = np.array([none if each is None else each[0] for each in layers])
    return Filmed(folder / "clip.mp4", vertices, portrait.camera, cover, portrait.face)


class Marks:
    """What a reconstruction took for hidden: for every frame the template's pixels (M, 2) px and which of them (M,)."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[cKDTree, Mask]] = {}

    def __call__(self, frame: int, points: Floats) -> Mask:
        tree, hidden = self.seen[frame]
        return np.asarray(hidden[tree.query(points)[1]])


def _places(neutral: Neutral, motion: Any) -> Floats:
    """(B, M, 2) source px: where the head's coarse motion takes the template's pixels."""
    window, views = neutral.window, motion.views(neutral.surface.sighted, neutral.surface.reference.camera)
    return np.asarray(views.base * window.factor + (window.x, window.y))


@contextmanager
def watched(marks: Marks | None, given: HiddenAt | None, least: float) -> Iterator[None]:
    """Notes what is taken for hidden, or says what is: cells of which more than `least` of the pixels are."""
    grown, beside = footage._grown, Neutral.beside
    here = threading.local()

    def growing(part: Any, before: Any, after: Any, mask: OccluderMask) -> Doubt:
        here.frames = part.frames.tolist()
        none = Doubt(np.zeros((len(part.frames), len(mask.texture)), bool), np.zeros(len(part.frames), bool))
        return none if given else grown(part, before, after, mask)

    def measuring(neutral: Neutral, work: Any, motion: Any, whole: Any, doubt: Doubt, shut: Any) -> Any:
        at, mask = _places(neutral, motion), neutral.mask
        if given:
            shares = [
                np.bincount(mask.cell, given(*pair), len(mask.texture)) for pair in zip(here.frames, at, strict=True)
            ]
            cells = np.array(shares) > least * np.maximum(np.bincount(mask.cell, minlength=len(mask.texture)), 1)
            doubt = Doubt(cells, doubt.watched)
        found = beside(neutral, work, motion, whole, doubt, shut)
        if marks:
            for frame, points, cells in zip(here.frames, at, mask.pixels(found[2]), strict=True):
                marks.seen[frame] = cKDTree(points), cells
        return found

    with ExitStack() as stack:
        stack.enter_context(patch.object(footage, "_grown", growing))
        stack.enter_context(patch.object(Neutral, "beside", measuring))
        if given:
            stack.enter_context(patch.object(OccluderMask, "revised", lambda mask, residual, hidden: hidden))
        yield


@contextmanager
def landmarks_of(clear: Path) -> Iterator[None]:
    """Faces are tracked in another clip."""
    track = tracked.track
    with patch.object(tracked, "track", lambda clip, *others: track(open_clip(clear), *others)):
        yield


@dataclass(frozen=True)
class Claim:
    """What a take says of true points: which (N,) it covers, where these (T, n, 3) are, which (T, n) it marks; and the take."""

    covers: Mask
    points: Floats
    marked: Mask
    take: Take


def painted(film: Filmed) -> Path:
    """A folder of masks beside the clip: what is covered, and a pixel around it."""
    folder = film.path.with_name("painted")
    folder.mkdir(exist_ok=True)
    for frame, cover in enumerate(film.cover):
        wide = cv2.dilate(cover, np.ones((3, 3))) > CLEAR
        cv2.imwrite(str(folder / f"{frame:04d}.png"), 255 * wide.astype(np.uint8))
    return folder


def claimed(
    film: Filmed, path: Path, given: HiddenAt | None = None, least: float = 0, mask: Path | None = None
) -> tuple[Claim, Marks]:
    marks = Marks()
    with watched(marks, given, least):
        settings = Settings(device="cpu", mask=mask and str(mask))
        take = pipeline.reconstruct(path, settings, lambda stage, share: None)
    if (take.valid > BRIDGED).any():
        raise ValueError(f"{path}: no result in {(take.valid > BRIDGED).sum()} frames")
    head, size = load_head("generic"), {"width": film.face.shape[1], "height": film.face.shape[0]}
    mesh = np.stack([vertices_at(take, head, frame) for frame in range(len(take.time_s))])
    covers, points = tied_points(mesh, head.faces, take.camera, project(film.vertices[0], film.camera), size)
    face = np.flatnonzero(head.face_mask)
    nearest = face[cKDTree(mesh[0][face]).query(points[0])[1]]
    marked = np.array([hidden_vertices(take, frame)[nearest] for frame in range(len(mesh))])
    return Claim(covers, points * film.camera[0, 0] / take.camera[0, 0], marked, take), marks


def spread(film: Filmed, claim: Claim, both: Mask, use: Mask) -> float:
    """RMS error, px, in the picture, of points `both` (N,) where they count (T, N); a frame's are laid on the first alone."""
    squares, count = 0.0, 0
    own = claim.points[:, both[claim.covers]]
    scale = film.camera[0, 0] / film.vertices[0, :, 2].mean()
    depth = own[0, :, 2].mean() / film.vertices[0, both, 2].mean()
    for frame in range(BEGIN, END):
        some = use[frame, both]
        true, found = film.vertices[:, both][:, some], own[:, some] / depth
        moved = [_laid_on(cloud[frame], cloud[0]) - cloud[0] for cloud in (true, found)]
        squares += float(((moved[0] - moved[1])[:, :2] ** 2).sum()) * scale**2
        count += int(some.sum())
    return float(np.sqrt(squares / count))


def invented(take: Take, plan: Plan) -> list[str]:
    """Events that are not the smile, each by its kind, time and units."""
    true = {"onset_s": plan.onset / plan.fps, "offset_s": plan.offset / plan.fps}
    return [
        f"{e.kind} {e.onset_s * plan.fps:.0f}-{e.offset_s * plan.fps:.0f} {e.peak_px:.2f} px {' '.join(e.units)}"
        for e in take.events
        if e.kind not in ("micro", "macro") or overlap(e, true) < MATCH
    ]


@contextmanager
def jittered(draw: int) -> Iterator[None]:
    """Landmarks are off by JITTER, other ones for every draw but 0."""
    track, random = tracked.track, np.random.default_rng(draw)

    def off(*given: Any) -> Any:
        tracks = track(*given)
        tracks.landmarks[:] += random.normal(0, JITTER * (draw > 0), tracks.landmarks.shape)
        return tracks

    with patch.object(tracked, "track", off):
        yield


def pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of one occluder over its draws: means, and of what is no number all."""
    return {
        figure: float(np.mean([each[figure] for each in rows])) if isinstance(value, float)
        else [one for each in rows for one in each[figure]]
        for figure, value in rows[0].items()
    }  # fmt: skip


def row(case: tuple[str, int], cache: Path, limits: bool, paint: bool = False) -> dict[str, Any]:
    """Figures of one occluder in one draw."""
    with jittered(case[1]):
        return _row(case[0], cache, limits, paint)


def _row(name: str, cache: Path, limits: bool, paint: bool) -> dict[str, Any]:
    cv2.setNumThreads(1)
    clear, film = filmed("", cache), filmed(name, cache)
    plain, _ = claimed(clear, clear.path)
    found, marks = claimed(film, film.path)
    by_hand = claimed(film, film.path, mask=painted(film))[0] if paint else found
    seen = [project(cloud, film.camera)[:, :2] for cloud in film.vertices]
    under = np.array([film.covered(frame, points) for frame, points in enumerate(seen)])

    def marks_of(claim: Claim) -> Mask:
        marked = np.zeros_like(under)
        marked[:, claim.covers] = claim.marked
        return marked

    marked = marks_of(found)

    def ratio(claim: Claim, use: Mask) -> float:
        both = plain.covers & claim.covers & found.covers
        return spread(film, claim, both, use) / spread(film, plain, both, use)

    during = under[BEGIN:END]
    out: dict[str, Any] = {
        "covered": float(during.mean()), "most": float(during.mean(1).max()),
        "marked of it": float(marked[BEGIN:END][during].mean()), "marked of the face": float(marked[BEGIN:END].mean()),
        "clean px": spread(film, plain, plain.covers & found.covers, ~under & ~marked),
        "unmarked": ratio(found, ~under & ~marked), "outside": ratio(found, ~under),
        "marked before and after": float(marked[: BEGIN - 8].mean() + marked[END + 8 :].mean()),
        "invented": invented(found.take, Plan()),
        "units": [" ".join(e.units) for e in found.take.events], "units without": [" ".join(e.units) for e in plain.take.events],
    }  # fmt: skip
    if paint:
        told = marks_of(by_hand)
        out |= {
            "painted out, marked of it": float(told[BEGIN:END][during].mean()),
            "painted out, marked of the face": float(told[BEGIN:END].mean()),
            "painted out, unmarked": ratio(by_hand, ~under & ~told), "painted out, outside": ratio(by_hand, ~under),
            "painted out, invented": invented(by_hand.take, Plan()),
            "painted out, units": [" ".join(e.units) for e in by_hand.take.events],
        }  # fmt: skip
    if limits:
        cases: dict[str, Any] = {
            "clear, the same hidden": partial(claimed, clear, clear.path, marks, SAME),
            "clear, what is touched hidden": partial(claimed, clear, clear.path, film.spoiled),
            "told what is touched": partial(claimed, film, film.path, film.spoiled),
        }
        for case, run in cases.items():
            out[case] = ratio(run()[0], ~under & ~marked)
        with landmarks_of(clear.path):
            out["told the landmarks"] = ratio(claimed(film, film.path)[0], ~under & ~marked)
            out["told both"] = ratio(claimed(film, film.path, film.spoiled)[0], ~under & ~marked)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(OCCLUDERS), metavar="NAME", help=", ".join(OCCLUDERS))
    parser.add_argument("--painted", action="store_true")
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--draws", type=int, default=DRAWS)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "microface-bench" / "clips")
    choice = parser.parse_args()
    filmed("", choice.cache)
    cases = [(name, draw) for name in choice.names for draw in range(choice.draws)]
    with multiprocessing.get_context("spawn").Pool(choice.jobs) as pool:
        rows = pool.imap(partial(row, cache=choice.cache, limits=choice.limits, paint=choice.painted), cases)
        for name in choice.names:
            found = [next(rows) for _ in range(choice.draws)]
            print(f"{name}:")
            for figure, value in pooled(found).items():
                print(f"  {figure}: {told(value, [each[figure] for each in found])}", flush=True)


def told(value: Any, several: list[Any]) -> str:
    """A mean with the least and the largest of the draws."""
    return f"{value:.3f} ({min(several):.3f} to {max(several):.3f})" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
