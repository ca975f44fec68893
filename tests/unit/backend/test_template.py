# SPDX-License-Identifier: GPL-3.0-or-later
"""The neutral template, from pictures of one continuous texture on a known head."""

import tempfile
from dataclasses import dataclass

import numpy as np
import pytest
from microface.backend.motion.footage import DenseMotion
from microface.backend.motion.mask import Doubt
from microface.backend.motion.rigid import RigidMotion
from microface.backend.motion.sweep import beyond_lids
from microface.backend.motion.window import BLUR, Window, highpass
from microface.backend.neutral import Neutral
from microface.backend.noise import REGIONS, leftover, outside, reason_of, smallest_visible, white_deviation
from microface.backend.template import build_neutral
from microface.backend.types import Event
from microface.backend.usual import usual_frames
from microface.models.head.raster import project

WIDTH, HEIGHT, NOISE = 200, 240, 1.5
REST, SMILING = 16, 8  #: pictures
ANCHOR = np.array([100.0, 140.0])  #: the cheek that moves


def texture(at: np.ndarray) -> np.ndarray:
    """Luma at any points (..., 2) px: random waves of 6 to 25 px."""
    random = np.random.default_rng(2)
    angle, length, phase = random.uniform(0, np.pi, 60), random.uniform(6, 25, 60), random.uniform(0, 2 * np.pi, 60)
    wave = 2 * np.pi / length * np.stack([np.cos(angle), np.sin(angle)])
    return 120 + 4 * np.sin(at @ wave + phase).sum(-1)


def cheek(at: np.ndarray, size: float) -> np.ndarray:
    """(..., 2) px motion of an expression."""
    return size * np.exp(-((at - ANCHOR) ** 2).sum(-1, keepdims=True) / (2 * 20**2)) * [0.6, -0.8]


def picture(shift: np.ndarray, size: float, seed: int) -> np.ndarray:
    """(H, W): the texture moved by an expression of `size` px and shifted."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    at = np.stack([x, y], -1) - shift
    back = at
    for _ in range(15):
        back = at - cheek(back, size)
    noise = np.random.default_rng(seed).normal(0, NOISE, (HEIGHT, WIDTH))
    return (texture(back) + noise).astype(np.float32)


@dataclass(frozen=True)
class Shots:
    pictures: list[np.ndarray]
    landmarks: np.ndarray
    motion: RigidMotion
    first: np.ndarray  #: (478, 2) in the reference


@pytest.fixture(scope="module")
def shots(stage) -> Shots:
    """Pictures at rest and, after them, with an expression; the head hardly shifts."""
    random = np.random.default_rng(0)
    reference = stage.surface.reference
    image = project(reference.head.landmark_points(reference.vertices()), reference.camera)[:, :2]
    first = np.tile(image.mean(0), (478, 1))
    first[reference.head.landmark_index] = image
    count = REST + SMILING
    shifts, sizes = random.normal(0, 0.5, (count, 2)), np.r_[np.zeros(REST), np.full(SMILING, 2.0)]
    shifts[0] = 0
    pictures = [picture(*each) for each in zip(shifts, sizes, range(count), strict=True)]
    landmarks = np.stack([first + shift + cheek(first, size) for shift, size in zip(shifts, sizes, strict=True)])
    landmarks += random.normal(0, 0.7, (count, 1, 2)) + random.normal(0, 0.3, landmarks.shape)
    still = RigidMotion(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    return Shots(pictures, landmarks, still, first)


@pytest.fixture(scope="module")
def neutral(stage, shots: Shots) -> Neutral:
    window = Window(0, 0, WIDTH, HEIGHT, 1, stage.surface.reference.scale)
    frames = 100 + 3 * np.arange(REST + SMILING)
    return build_neutral(stage.surface.reference, window, frames, shots.pictures, shots.landmarks, shots.motion, 0)


def test_frames_with_an_expression_are_not_averaged(neutral: Neutral) -> None:
    assert len(neutral.frames) >= 0.8 * REST
    assert neutral.frames.max() < 100 + 3 * REST


def test_the_usual_form_is_rest(stage, shots: Shots) -> None:
    clear, usual = usual_frames(stage.surface.reference, shots.pictures, shots.landmarks, shots.motion)
    assert len(clear) == len(shots.pictures) and usual < REST


def test_what_passes_before_the_face_makes_no_template(stage, shots: Shots) -> None:
    """A strand of hair in the first candidate and four others, each time elsewhere."""
    pictures, passing = [one.copy() for one in shots.pictures], [0, 3, 4, 9, 17]
    for n, k in enumerate(passing):
        pictures[k][:, 70 + 12 * n : 78 + 12 * n] = 30
    clear, usual = usual_frames(stage.surface.reference, pictures, shots.landmarks, shots.motion)
    assert sorted({*range(REST + SMILING)} - {*clear.tolist()}) == passing
    assert clear[usual] < REST


def test_the_average_has_less_noise_than_a_frame(neutral: Neutral) -> None:
    """Against the noiseless texture, brought to the same place."""
    scale = neutral.window.scale
    clean = highpass(texture(np.stack(np.mgrid[:HEIGHT, :WIDTH][::-1], -1)).astype(np.float32), scale)
    single = highpass(picture(np.zeros(2), 0, 99), scale)
    template = neutral.field.template
    x, y = template.points.astype(int).T
    assert np.std(template.value - clean[y, x]) < 0.6 * np.std(single[y, x] - clean[y, x])


def test_a_new_frame_is_measured_against_the_template(neutral: Neutral, shots: Shots) -> None:
    shift, size = np.array([0.3, -0.2]), 0.8
    new, rest = picture(shift, size, 500), picture(np.zeros(2), 0.0, 501)
    pictures, landmarks = [rest, new], np.stack([shots.first, shots.first + shift])
    c, residual, _ = neutral.measure(pictures, landmarks, shots.motion[:2])
    found = neutral.field.displacement(c)
    at = neutral.field.template.points
    inside = (np.abs(at - at.mean(0)) < 0.35 * np.ptp(at, axis=0)).all(1)
    truth = shift + cheek(at, size)
    # Against the rest frame of the same footage: a constant of the template drops out.
    assert np.sqrt((((found[1] - found[0]) - truth)[inside] ** 2).mean()) < 0.06
    assert (residual < 3 * neutral.residual_variance).all()


def test_a_hidden_face_shows_in_the_residual(neutral: Neutral, shots: Shots) -> None:
    hand = np.random.default_rng(1).normal(90, NOISE, (HEIGHT, WIDTH)).astype(np.float32)
    seen = picture(np.zeros(2), 0.0, 502)
    _, residual, _ = neutral.measure([seen, hand], np.stack([shots.first, shots.first]), shots.motion[:2])
    assert residual[0] < 0.05 * neutral.texture
    assert residual[1] > 0.5 * neutral.texture


def test_a_blink_does_not_pull_at_the_skin_beside_it(neutral: Neutral, shots: Shots) -> None:
    """The left lid shows another texture; the cheek moves as ever, and what lies around the eye stays where it is."""
    size = 0.8
    at = np.stack(np.mgrid[:HEIGHT, :WIDTH][::-1], -1).astype(float)
    lid = (beyond_lids(at.reshape(-1, 2), neutral.landmarks, neutral.window.scale)[0] == 0).reshape(HEIGHT, WIDTH)
    blink, rest = picture(np.zeros(2), size, 503), picture(np.zeros(2), 0.0, 504)
    blink[lid] = texture(at[lid] + [0.0, 7.0]) - 25
    landmarks, points = np.stack([shots.first, shots.first]), neutral.field.template.points
    beyond = beyond_lids(points, neutral.landmarks, neutral.window.scale)[0]
    beside = (beyond > 0) & (beyond < 12)

    def error(shut: bool) -> float:
        c, *_ = neutral.measure([rest, blink], landmarks, shots.motion[:2], np.array([False, shut]))
        found = neutral.field.displacement(c)
        return float(np.sqrt(((found[1] - found[0] - cheek(points, size))[beside] ** 2).mean()))

    assert error(False) > 0.3
    assert error(True) < 0.04


def test_what_crosses_the_cheek_does_not_pull_at_the_skin_beside_it(neutral: Neutral, shots: Shots) -> None:
    """A dark square beside the moving cheek, and one that has left the face by its edge: only the first is marked."""
    size, points = 0.8, neutral.field.template.points
    over, past, rest = (picture(np.zeros(2), each, 505 + k) for k, each in enumerate((size, size, 0.0)))
    corner = ANCHOR.astype(int) + np.array([12, -40])
    over[corner[1] : corner[1] + 24, corner[0] : corner[0] + 24] = 20
    edge = int(points[:, 0].max()) + 4
    past[:, edge:] = 20
    landmarks = np.tile(shots.first, (3, 1, 1))
    c, _, hidden = neutral.measure([rest, over, past], landmarks, shots.motion[:3])
    found, away = neutral.field.displacement(c), np.abs(points - corner - 11.5).max(1) - 12
    marked = neutral.mask.pixels(hidden)
    assert marked[1][away < 0].all() and not marked[1][away > 24].any()
    for frame, beside in ((1, ~marked[1] & (away < 24)), (2, points[:, 0] > edge - 24)):
        error = found[frame] - found[0] - cheek(points, size)
        assert np.sqrt((error[beside] ** 2).mean()) < 0.06, frame


def test_what_is_doubted_comes_down_to_what_is_hidden(neutral: Neutral, shots: Shots) -> None:
    """Most of the face is, from where the whole fit had drawn it; nothing of a frame in which nothing is in the way."""
    size, points = 0.8, neutral.field.template.points
    over, rest = picture(np.zeros(2), size, 508), picture(np.zeros(2), 0.0, 509)
    low = ANCHOR.astype(int) + np.array([12, -40])
    over[low[1] : low[1] + 24, low[0] : low[0] + 24] = 20
    away, motion, shut = np.abs(points - low - 11.5).max(1) - 12, shots.motion[:2], np.zeros(2, bool)
    whole = neutral.whole([rest, over], np.tile(shots.first, (2, 1, 1)), motion, shut)
    doubted = np.bincount(neutral.mask.cell[away < 60], minlength=len(neutral.mask.texture)) > 0
    doubt = Doubt(np.tile(doubted, (2, 1)), shut)
    c, _, hidden = neutral.beside([rest, over], motion, whole, doubt, shut)
    marked, found = neutral.mask.pixels(hidden), neutral.field.displacement(c)
    assert doubted[neutral.mask.cell].mean() > 0.6
    assert not marked[0].any() and marked[1][away < 0].all() and not marked[1][away > 24].any()
    error = found[1] - found[0] - cheek(points, size)
    assert np.sqrt((error[~marked[1]] ** 2).mean()) < 0.08
    near = np.bincount(neutral.mask.cell[away < 0], minlength=len(neutral.mask.texture)) > 0
    for cells, clear in (
        (doubted, True),
        (near, False),
    ):  # of frames that are only watched one is mostly clear, one is not
        watched, _, still_hidden = neutral.beside(
            [rest, over], motion, whole, Doubt(np.tile(cells, (2, 1)), ~shut), shut
        )
        assert (watched[1] == (c[1] if clear else whole.motion[1])).all()
        assert not still_hidden[0].any() and (still_hidden[1] == (hidden[1] & clear)).all()


def still(neutral: Neutral, shots: Shots, pictures: list[np.ndarray]) -> DenseMotion:
    """What is measured in pictures of a face at rest, as the footage's stage keeps it."""
    count, size = len(pictures), 2 * neutral.field.sheet.size
    coarse = RigidMotion(np.tile(np.eye(3), (count, 1, 1)), np.zeros((count, 3)))
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the motion
    nothing = np.zeros((count, len(neutral.mask.texture)), bool)
    motion = DenseMotion(100, np.full(count, np.nan), nothing, coarse, size, file)
    measured = neutral.measure(pictures, np.tile(shots.first, (count, 1, 1)), coarse)
    motion.add(100 + np.arange(count), *measured, coarse)
    return motion


def scatter(neutral: Neutral, motion: DenseMotion, shifts: np.ndarray, region: str) -> float:
    """Deviation of what is measured in a region beyond the head's true shifts (T, 2) px."""
    n, c = neutral.field.sheet.size, motion.rows(0, len(shifts))
    phi = neutral.field.sheet.design(neutral.landmarks[list(REGIONS[region])])
    found = np.stack([(phi @ c[:, :n].T).T, (phi @ c[:, n:].T).T], -1) - shifts[:, None]
    return float(np.median(np.sqrt(found.var(0, ddof=1).mean(-1))))


def test_white_noise_moves_still_skin_as_much_as_its_residual_says(neutral: Neutral, shots: Shots) -> None:
    motion = still(neutral, shots, [picture(np.zeros(2), 0.0, 600 + k) for k in range(12)])
    for name in ("nose", "cheeks", "mouth"):
        told = np.median(white_deviation(neutral, neutral.landmarks[list(REGIONS[name])]))
        assert told == pytest.approx(scatter(neutral, motion, np.zeros((12, 2)), name), rel=0.5), name


def test_the_smallest_visible_motion_is_two_deviations_of_what_still_skin_seems_to_do(
    neutral: Neutral, shots: Shots
) -> None:
    """Frame by frame at 10 frames a second; the head's own shifts do not count."""
    shifts = np.random.default_rng(3).normal(0, 0.4, (24, 2))
    motion = still(neutral, shots, [picture(shift, 0.0, 700 + k) for k, shift in enumerate(shifts)])
    told = smallest_visible(neutral, motion, 100 + np.arange(24), 10.0)
    for name in ("nose", "cheeks", "mouth"):
        assert told[name] / 2 == pytest.approx(scatter(neutral, motion, shifts, name), rel=0.4), name


def test_an_event_among_the_frames_at_rest_makes_nothing_invisible(neutral: Neutral, shots: Shots) -> None:
    frames, time_s = 100 + np.arange(21), np.arange(200) / 10.0
    event = Event(11.6, 11.8, 12.0, "micro", ("cheekSquintLeft",), 2.0, 0.1, 1.0)
    calm = outside([event], frames, time_s)
    assert calm.tolist() == list(range(100, 116))
    sizes = np.r_[np.zeros(16), np.full(5, 2.0)]
    motion = still(neutral, shots, [picture(np.zeros(2), size, 800 + k) for k, size in enumerate(sizes)])
    without, among = (smallest_visible(neutral, motion, rest, 10.0)["cheeks"] for rest in (calm, frames))
    alone = still(neutral, shots, [picture(np.zeros(2), 0.0, 800 + k) for k in range(16)])
    assert without == pytest.approx(smallest_visible(neutral, alone, calm, 10.0)["cheeks"], rel=0.2)
    assert among > 2 * without


def test_rare_errors_count_though_most_frames_have_none(neutral: Neutral, shots: Shots) -> None:
    """As a codec's do: what is off by A in a share p of the frames deviates by A sqrt(p (1 - p)), also where p is small."""

    def told(every: int) -> float:
        sizes = np.where(np.arange(24) % every == 0, 3.0, 0.0)
        motion = still(neutral, shots, [picture(np.zeros(2), size, 1000 + k) for k, size in enumerate(sizes)])
        return smallest_visible(neutral, motion, 100 + np.arange(24), 10.0)["cheeks"]

    assert told(6) / told(2) == pytest.approx(np.sqrt(5) / 6 / 0.5, rel=0.05)


def test_noise_is_new_in_every_frame_and_a_codecs_leftover_stays(neutral: Neutral, shots: Shots) -> None:
    fresh = [picture(np.zeros(2), 0.0, 900 + k) for k in range(16)]
    kept = [fresh[k - k % 4] for k in range(16)]  # four frames alike: three of four steps change nothing
    level, held = leftover(neutral, still(neutral, shots, fresh), fresh, 0)
    assert level == pytest.approx(NOISE / np.sqrt(4 * np.pi * BLUR**2), rel=0.15)
    assert held < 0.1
    assert leftover(neutral, still(neutral, shots, kept), kept, 0)[1] == pytest.approx(0.75, abs=0.1)


@pytest.mark.parametrize(
    ("noise", "held", "face_px", "fps", "reason"),
    [(2.0, 0.0, 240, 100, "noise"), (0.2, 0.8, 240, 100, "compression"), (0.5, 0.1, 80, 100, "size"), (0.5, 0.1, 240, 25, "rate")],
)  # fmt: skip
def test_the_one_defect_is_the_reason(noise: float, held: float, face_px: float, fps: float, reason: str) -> None:
    assert reason_of(noise, held, face_px, fps) == reason
