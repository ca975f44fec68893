# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's clips show the motion that their truth claims, and the split is what it says."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend.heads import load_head
from microface.backend.video import frames, open_clip
from microface.tests.bench.clips.clip import expression, make, perform, true_places
from microface.tests.bench.clips.encoder import write_video
from microface.tests.bench.clips.faces import ALWAYS, BEND, available, find_face
from microface.tests.bench.clips.geometry import bent, generic
from microface.tests.bench.clips.landmarks import EYES
from microface.tests.bench.clips.lattice import read, splines
from microface.tests.bench.clips.openings import eyes, mouth
from microface.tests.bench.clips.performance import Performance
from microface.tests.bench.clips.plan import Plan
from microface.tests.bench.clips.script import PLACES, Script, Unit, sway, write_script
from microface.tests.bench.clips.sculpture import find_landmarks
from microface.tests.bench.clips.split import ALONE, BEHAVIOUR, FACES, SMOKE, plans

NOWHERE = Path("no shared material")
LUMA = np.array([0.299, 0.587, 0.114])
PLAN = Plan("test", "dev", "reference", 1.0, "astronaut", 5, amp_px=2.0, drift_px=4.0)


@pytest.fixture(scope="module", params=["astronaut", "head_a"])
def performance(request: pytest.FixtureRequest, built: None) -> Performance:
    return perform(replace(PLAN, face=request.param), NOWHERE)


def misfit(performance: Performance, frame: int, shift: float = 0.0) -> float:
    """RMS grey levels: the picture of a frame where the skin went, against the resting picture where it came from."""
    face = performance.face
    places = face.lattice.nodes[:, face.skin]
    first = np.tensordot(LUMA, face.picture, 1)
    there = face.project(performance.points(frame, places)) + np.array([[shift], [0.0]])
    relief = performance.relief(performance.surface(frame))[face.skin]
    seen = read(splines([performance.picture(frame) @ LUMA]), there)[0] / relief
    return float(np.sqrt(np.mean((seen - read(splines([first]), places)[0]) ** 2)))


def test_pictures_move_as_the_truth_says(performance: Performance) -> None:
    apex = round(write_script(PLAN).units[0].peak_s * PLAN.fps)
    for frame in (0, apex, PLAN.frames - 1):
        assert misfit(performance, frame) < 0.4
        assert misfit(performance, frame, 0.1) > 1.5 * misfit(performance, frame)  # a tenth of a pixel would show


def test_the_expression_has_the_planned_size_and_more_than_one_course(performance: Performance) -> None:
    motion = expression(performance)
    size = np.linalg.norm(motion, axis=2).max(1)
    assert size.max() == pytest.approx(PLAN.amp_px, rel=0.01)
    assert size[[0, -1]].max() < 1e-9


def test_the_iris_stays_when_lids_move(built: None) -> None:
    plan = replace(PLAN, face="head_a", drift_px=0, turn_deg=0)
    lids = [Unit("AU5", k, (0, 0), (0, -1, 0), (0.06, 0.06), 0, 0.1, 0.2, 0.3) for k in (159, 386)]
    performance = Performance(find_face(plan, NOWHERE), Script(tuple(lids), ()), plan)
    first, apex = performance.picture(0), performance.picture(40)
    for upper, lower in EYES:
        x, y = np.round(performance.face.landmarks[[upper[4], lower[4]]].mean(0)).astype(int)
        assert np.abs(apex - first)[y - 2 : y + 3, x - 6 : x + 7].max() < 1
        x, y = np.round(performance.face.landmarks[upper[4]]).astype(int)
        assert np.abs(apex - first)[y - 6 : y + 3, x - 6 : x + 7].max() > 20  # the lid has moved by 2 px


def test_units_rise_at_different_times() -> None:
    ratios = []
    for seed in range(40):
        courses = []
        for unit in write_script(replace(PLAN, seed=seed)).units:
            time_s = np.arange(PLAN.frames) / PLAN.fps
            assert 0 < unit.start_s < unit.peak_s < unit.stop_s < PLAN.seconds
            courses.append(unit.course(time_s) * np.linalg.norm(unit.direction))
        values = np.linalg.svd(np.array(courses), compute_uv=False)
        ratios.append(values[1] / values[0])
    assert np.median(ratios) > 0.15  # of rank 1 they would be 0


def test_every_rate_holds_a_whole_event() -> None:
    for plan in (plan for split in ("dev", "final") for plan in plans(split)):
        for unit in write_script(plan).units:
            assert 0 < unit.start_s < unit.peak_s < unit.stop_s < plan.seconds, plan.name
            assert (unit.stop_s - unit.start_s) * plan.fps > 3, plan.name


def test_the_head_sways_from_rest_as_far_as_planned() -> None:
    shift, turn = sway(replace(PLAN, drift_px=8, turn_deg=2))
    assert not shift[0].any() and not turn[0].any()
    assert np.linalg.norm(shift, axis=1).max() == pytest.approx(8)
    assert np.degrees(np.linalg.norm(turn, axis=1)).max() == pytest.approx(2)


def test_lids_and_lips_come_back_from_where_they_go(built: None) -> None:
    face = find_face(replace(PLAN, face="head_a"), NOWHERE)
    places = face.lattice.nodes[:, face.skin]
    for part in (*eyes(face, 0.7, np.array([0.1, 0.03]), np.zeros_like), mouth(face, 8.0)):
        near = places[:, part.near(places)]
        there = part.forth(near)
        assert near.shape[1] > 50
        assert np.abs(there - near).max() > 3  # px
        back, _ = part.back(there)
        # the edges are smoothed landmarks: some skin beside them counts as eye or mouth
        assert np.quantile(np.abs(back - near).max(0), 0.9) < 0.02


def test_a_clip_is_what_its_files_say(tmp_path: Path) -> None:
    plan = replace(PLAN, crf=0, flicker=0.0, noise=1.0, width=320, height=320, face_px=180.0)
    folder = make(plan, tmp_path / "clip", NOWHERE)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    assert {k: meta[k] for k in asdict(plan)} == asdict(plan)
    assert 0 < meta["onset"] < meta["apex"] < meta["offset"] < plan.frames - 1
    with np.load(folder / "truth.npz") as truth:
        vertices, camera = truth["vertices"].astype(float), truth["K"]
    assert len(vertices) == plan.frames
    luma = {frame.index: frame.luma.astype(float) for frame in frames(open_clip(folder / "clip.mp4"))}
    image = vertices @ camera.T
    px = np.moveaxis(image[..., :2] / image[..., 2:], 2, 1)
    first = read(splines([luma[0]]), px[0])[0]
    for k in (meta["apex"], plan.frames - 1):
        noise = read(splines([luma[k]]), px[k])[0] - first
        assert noise.std() < 1.25 * np.sqrt(2) * plan.noise + 0.4  # rounding, and the light on a turned head


def test_a_plan_makes_one_clip(tmp_path: Path) -> None:
    plan = replace(PLAN, seconds=0.2, width=256, height=256, face_px=130.0)
    one, two, other = (
        make(p, tmp_path / name, NOWHERE) for p, name in ((plan, "1"), (plan, "2"), (replace(plan, seed=6), "3"))
    )
    assert (one / "clip.mp4").read_bytes() == (two / "clip.mp4").read_bytes() != (other / "clip.mp4").read_bytes()
    with np.load(one / "truth.npz") as a, np.load(two / "truth.npz") as b:
        assert all(np.array_equal(a[name], b[name]) for name in a.files)


def test_a_still_face_has_no_event(tmp_path: Path) -> None:
    plan = replace(PLAN, amp_px=0.0, seconds=0.12)
    meta = json.loads((make(plan, tmp_path / "still", NOWHERE) / "meta.json").read_text(encoding="utf-8"))
    assert meta["events"] == []
    still = perform(plan, NOWHERE)
    assert np.abs(expression(still)).max() < 1e-9
    assert len(true_places(still)[0]) > 500


@pytest.mark.parametrize("name", ALWAYS)
def test_the_tracker_sees_every_face(name: str, built: None) -> None:
    face = find_face(replace(PLAN, face=name), NOWHERE)
    picture = np.clip(np.moveaxis(face.picture, 0, 2), 0, 255).astype(np.uint8)
    away = np.linalg.norm(find_landmarks(picture) - face.landmarks, axis=1)
    assert np.median(away) < 0.02 * face.width_px
    assert face.width_px == pytest.approx(PLAN.face_px, rel=0.02)


def test_no_identity_modes_know_the_people(built: None) -> None:
    """What the head's identity modes leave of a bent head: millimetres, laid on rigidly and with scale."""
    head = load_head("generic")
    face = head.face_mask
    modes = np.concatenate([head.identity[:, face], _rigid(head.template[face])]).reshape(-1, 3 * face.sum()).T
    for seed in (101, 104):
        move = (bent(generic(), seed, BEND).vertices - head.template)[face].ravel()
        left = move - modes @ np.linalg.lstsq(modes, move, rcond=None)[0]
        assert np.sqrt((left.reshape(-1, 3) ** 2).sum(1).mean()) > 0.001


def _rigid(points: np.ndarray) -> np.ndarray:
    """(7, N, 3) shifts, turns and growth."""
    shifts = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    return np.stack([*shifts, *(np.cross(axis, points) for axis in np.eye(3)), points])


def test_the_split() -> None:
    development, final = plans("dev"), plans("final")
    everything = [*development, *final, *plans("quiet")]
    assert len(development) + len(final) >= 200
    assert len({plan.name for plan in everything}) == len(everything)
    assert not set(FACES["dev"]) & set(FACES["final"])
    assert {plan.face for plan in development} == set(FACES["dev"])
    assert {plan.face for plan in final} == set(FACES["final"])
    assert not {plan.seed for plan in development} & {plan.seed for plan in final}
    assert len(ALWAYS) >= 8
    assert {plan.face for plan in plans("smoke")} <= set(ALWAYS)
    assert len(plans("smoke")) == len(SMOKE)
    assert available(NOWHERE) == list(ALWAYS)
    assert sum(plan.seconds for plan in plans("quiet")) >= 600


@pytest.mark.parametrize("split", ["dev", "final"])
def test_reference_clips_are_within_the_reference_condition(split: str) -> None:
    for plan in plans(split):
        if plan.condition in ("reference", "strong drift"):
            assert plan.noise <= 2 and plan.crf <= 12 and plan.face_px >= 200 and plan.fps >= 100
            strong = plan.condition == "strong drift"
            assert (plan.drift_px, plan.turn_deg) == (8, 2) if strong else plan.drift_px <= 4 and plan.turn_deg <= 1
            assert not (plan.blinks or plan.gazes or plan.speech_px or plan.light)
            assert plan.level == plan.amp_px


@pytest.mark.parametrize("split", ["dev", "final"])
def test_conditions_vary_alone(split: str) -> None:
    everything = [asdict(plan) for plan in plans(split)]
    plain = {plan["seed"]: plan for plan in everything if plan["condition"] == "reference"}
    seen = set()
    for plan in everything:
        if plan["condition"] not in ALONE:
            continue
        base = plain[plan["seed"]]
        assert base["amp_px"] == 1
        allowed = {"name", "condition", "level", plan["condition"]}
        if plan["condition"] in (*BEHAVIOUR, "fps"):
            allowed |= {"fps", "seconds"}
        assert {key for key in plan if plan[key] != base[key]} <= allowed
        assert plan[plan["condition"]] == plan["level"]
        seen.add((plan["condition"], plan["level"]))
    assert seen == {(condition, float(level)) for condition, levels in ALONE.items() for level in levels}


def test_places_lie_on_both_sides() -> None:
    for landmarks, direction, _ in PLACES.values():
        assert len(landmarks) in (1, 2)
        assert 0.5 < np.linalg.norm(direction) < 1.3


def test_a_clip_made_twice_is_the_same_file(tmp_path: Path) -> None:
    """Whatever the memory held before: x264 alone makes 2 to 7 different files of ten."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:448, :456]
    skin = 120 + 60 * np.sin(rows / 17) * np.cos(columns / 23)
    pictures = [np.roll(skin, k // 3, 1)[..., None] + rng.normal(0, 1.5, (448, 456, 3)) for k in range(48)]
    made = set()
    for number in range(6):
        _ = [rng.bytes(1 << 20) for _ in range(4)]
        write_video(tmp_path / "clip.mp4", (p.astype(np.uint8) for p in pictures), 100, 12 + 6 * (number % 2))
        made.add((tmp_path / "clip.mp4").read_bytes())
    assert len(made) == 2
