# SPDX-License-Identifier: GPL-3.0-or-later
"""Faces that act, talk and turn: nothing diverges, and dense motion is no further from the truth than landmarks alone.

The plain landmark fit is the pipeline's own first step: the same person, with the pose and the expression of every tracked
frame. Of its two ways of telling an expression, from the model's rest and from this person's, the better one counts.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from microface.backend.cover import Cover
from microface.backend.form import form_offset
from microface.backend.head_fit import fit_head, settled
from microface.backend.heads import load_head
from microface.backend.mesh import vertices_at
from microface.backend.motion.rigid import smoothed
from microface.backend.pipeline import reconstruct
from microface.backend.rest import rest_candidates
from microface.backend.tracking import track
from microface.backend.types import BRIDGED, HeadFit, Settings, Tracks
from microface.backend.video import open_clip
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from microface.tests.bench.clips.clip import make
from microface.tests.bench.clips.plan import Plan
from microface.tests.bench.clips.script import syllables
from microface.tests.bench.film import FPS, Film, Motion
from microface.tests.bench.score import displacement, tied_points

REST = 6  #: frames at the beginning of every film
BROWS = ("browInnerUp", "browOuterUpLeft", "browOuterUpRight")
SMILE = ("mouthSmileLeft", "mouthSmileRight")
SPOKEN = {"mouthFunnel": 0.25, "mouthStretchLeft": 0.2, "mouthStretchRight": 0.2}
DIVERGED_PX = 6.0  #: RMS over the face: a landmark errs by 2 px


def quiet(stage: str, share: float) -> None:
    """No progress is shown."""


def swell(*corners: int) -> np.ndarray:
    """(T,) raised cosines: 0 up to the first frame, 1 from the second to the third, 0 from the fourth, T frames with the last."""
    begin, full, ease, end, count = corners
    return (1 - np.cos(np.pi * np.interp(np.arange(count), [begin, full, ease, end], [0, 1, 1, 0]))) / 2


def motion(head: HeadModel, units: dict[str, np.ndarray], jaw: np.ndarray, yaw: np.ndarray) -> Motion:
    expression = np.zeros((len(jaw), len(head.expression)))
    for name, course in units.items():
        expression[:, head.expression_names.index(name)] = course
    return Motion(expression, jaw, yaw)


def acting(head: HeadModel, brows: float, smile: float, jaw: float) -> Motion:
    course = swell(REST, REST + 9, REST + 16, REST + 26, 40)
    units = dict.fromkeys(BROWS, brows * course) | dict.fromkeys(SMILE, smile * course)
    return motion(head, units, jaw * course, 0 * course)


def talking(head: HeadModel) -> Motion:
    jaw, corners = syllables(Plan("talk", "film", "speech", 0, "head_a", 77, seconds=50 / FPS, fps=FPS))
    still = np.zeros(REST)
    jaw, corners = np.r_[still, jaw], np.r_[still, corners]
    shapes = {name: most * np.clip(corners if "Stretch" in name else -corners, 0, 1) for name, most in SPOKEN.items()}
    return motion(head, shapes, 0.12 * jaw, 0 * jaw)


def turning(head: HeadModel) -> Motion:
    course = swell(REST + 2, REST + 20, REST + 28, REST + 46, 60)
    return motion(head, {}, 0 * course, np.radians(30) * course)


#: a motion that no unit of ours knows, of the benchmark's own kind
OUTSIDE = Plan("outside 10 px", "film", "large", 10, "head_b", 4242, amp_px=10, seconds=1.4, fps=FPS, face_px=200)
#: film -> its motion; the largest motion in the picture, px
FILMS = {
    "smile 10 px": (lambda head: acting(head, 0.42, 0.42, 0.0), 10),
    "smile 20 px": (lambda head: acting(head, 0.85, 0.85, 0.0), 20),
    "laugh 32 px": (lambda head: acting(head, 0.85, 0.85, 0.36), 32),
    "shout 41 px": (lambda head: acting(head, 0.85, 0.85, 0.46), 41),
    "talk": (talking, 13),
    "turn": (turning, 120),
    OUTSIDE.name: (None, 11),
}


@dataclass(frozen=True)
class Errors:
    """px; of the solve and of the better plain fit."""

    overlay: (
        np.ndarray
    )  #: (T,) RMS distance in the picture of points of the face from where they are, since the first frames
    inner: float  #: RMS error of the motion that no rigid motion explains, in space


def landmark_meshes(head: HeadModel, tracks: Tracks, fit: HeadFit) -> list[np.ndarray]:
    """Two times (T, V, 3) m: expressions from the model's rest, and from this person's."""
    offset = form_offset(head, fit, tracks, rest_candidates(tracks, fit, None)[:8])
    pose = np.zeros((len(fit.pose), len(head.joint_names), 3))
    pose[:, 0] = fit.pose
    return [
        np.stack([head.vertices(fit.shape, *frame, form) for frame in zip(told, pose, fit.translation, strict=True)])
        for told, form in ((fit.expression, np.zeros_like(offset)), (fit.change, offset))
    ]


@dataclass(frozen=True)
class Filmed:
    path: Path
    true: np.ndarray  #: (T, N, 3) m
    camera: np.ndarray  #: K (3, 3)


def filmed(name: str, head: HeadModel, folder: Path, shared: Path) -> Filmed:
    if name == OUTSIDE.name:
        make(OUTSIDE, folder, shared)
        with np.load(folder / "truth.npz") as truth:
            return Filmed(folder / "clip.mp4", truth["vertices"].astype(float), truth["K"])
    film = Film(head, "head_a", FILMS[name][0](head))
    return Filmed(film.write(folder / "clip.mp4"), film.vertices[:, film.points], film.camera)


def errors(film: Filmed, head: HeadModel, mesh: np.ndarray, camera: np.ndarray) -> Errors:
    true, size = film.true, open_clip(film.path)
    seen = project(true, film.camera)
    covered, found = tied_points(mesh, head.faces, camera, seen[0], {"width": size.width, "height": size.height})
    assert covered.mean() > 0.97
    away = project(found, camera)[..., :2] - seen[:, covered, :2]
    away -= away[:4].mean(0)
    inner = displacement(found, camera[0, 0]) - displacement(true[:, covered], film.camera[0, 0])
    return Errors(np.sqrt((away**2).sum(2).mean(1)), float(np.sqrt((inner[REST:] ** 2).sum(2).mean())))


@pytest.fixture(scope="module", params=FILMS)
def played(request: pytest.FixtureRequest, built: None, tmp_path_factory: pytest.TempPathFactory):
    """(largest motion px, motion the film should have, errors of the solve, errors of the two plain fits)."""
    head, size = load_head("generic"), FILMS[request.param][1]
    folder = tmp_path_factory.mktemp("film")
    film = filmed(request.param, head, folder, folder)  # painted heads need no shared material
    clip = open_clip(film.path)
    take = reconstruct(film.path, Settings(device="cpu"), quiet)
    assert (take.valid <= BRIDGED).all()
    tracks = track(clip, Settings(device="cpu"), quiet)
    assert len(tracks.frame) == len(film.true)  # every frame has landmarks
    fit = smoothed(settled(fit_head(head, tracks, clip.width, clip.height)))
    mesh = np.stack([vertices_at(take, head, k) for k in range(len(take.time_s))])
    solved = errors(film, head, mesh, take.camera)
    plain = [errors(film, head, mesh, fit.camera) for mesh in landmark_meshes(head, tracks, fit)]
    at = project(film.true, film.camera)[..., :2]
    largest = float(np.linalg.norm(at - at[0], axis=2).max())
    print(f"\n{request.param}: {largest:.1f} px")
    for name, each in zip(("solve", "landmarks", "landmarks, own rest"), (solved, *plain), strict=True):
        print(
            f"  {name}: {_rms(each.overlay[REST:]):.2f} RMS, {each.overlay.max():.2f} at worst, {each.inner:.2f} in the head"
        )
    return largest, size, solved, plain


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt((values**2).mean()))


@pytest.mark.long
def test_a_shout_is_not_taken_for_a_hand(built: None, tmp_path: Path) -> None:
    """A mouth that is torn open, with a full smile and teeth, changes as much of the face as a hand."""
    head = load_head("generic")
    path = Film(head, "head_a", acting(head, 0.85, 0.85, 0.46)).write(tmp_path / "shout.mp4")
    cover = Cover(head)
    tracks = track(open_clip(path), Settings(device="cpu"), quiet, cover.look)
    assert not cover.judged(tracks)[0].any()


@pytest.mark.long
def test_the_film_moves_as_far_as_it_says(played) -> None:
    largest, size, *_ = played
    assert largest == pytest.approx(size, rel=0.15)


@pytest.mark.long
def test_nothing_diverges(played) -> None:
    *_, solved, _ = played
    assert solved.overlay.max() < DIVERGED_PX
    assert solved.overlay[-3:].mean() < 1  # and it comes back


@pytest.mark.long
def test_the_overlay_is_at_least_as_close_as_a_plain_landmark_fit(played) -> None:
    *_, solved, plain = played
    assert _rms(solved.overlay[REST:]) <= min(_rms(each.overlay[REST:]) for each in plain)


@pytest.mark.long
def test_the_face_in_the_head_is_at_least_as_close_as_a_plain_landmark_fit(played) -> None:
    *_, solved, plain = played
    assert solved.inner <= min(each.inner for each in plain)
