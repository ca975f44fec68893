# SPDX-License-Identifier: GPL-3.0-or-later
"""From footage to take: a portrait that moves in a known way, and everything that is not footage of a face."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from microface.backend.deviation import motion_deviation
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.mesh import hidden_vertices
from microface.backend.pipeline import reconstruct
from microface.backend.types import BRIDGED, MEASURED, NO_FACE, OCCLUDED, Settings, Take
from microface.models.head.model import HeadModel
from microface.models.head.raster import project
from microface.tests.bench.clips.encoder import write_video

pytestmark = pytest.mark.usefixtures("built")

FRAMES, APEX, PEAK_PX = 40, 20, 1.0
PER_FRAME = (
    "expression",
    "expression_std",
    "expression_factor",
    "pose",
    "translation",
    "translation_std",
    "detail",
    "detail_std",
)


def take_of(source: Path, **settings: object) -> Take:
    return reconstruct(source, Settings(device="cpu", **settings), lambda stage, share: None)


def clip_of(path: Path, pictures: Sequence[np.ndarray]) -> Path:
    write_video(path, iter(pictures), 25, 18)
    return path


def moved(picture: np.ndarray, shift: np.ndarray, corner: np.ndarray, size: float) -> np.ndarray:
    """The picture shifted, with a bump of skin about `corner` pulled up and out by `size` px."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float64)
    back = np.stack([x, y], -1) - shift
    for _ in range(10):
        back = np.stack([x, y], -1) - shift - bump(back, corner, size)
    return cv2.remap(
        picture, *np.moveaxis(back.astype(np.float32), -1, 0), cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REPLICATE
    )


def bump(at: np.ndarray, corner: np.ndarray, size: float) -> np.ndarray:
    return size * np.exp(-((at - corner) ** 2).sum(-1, keepdims=True) / (2 * 14**2)) * [0.6, -0.8]


def shift_of(frame: int) -> np.ndarray:
    return np.array([1.5 * np.sin(frame / 8), 0.7 * (1 - np.cos(frame / 11))])


def size_of(frame: int) -> float:
    return PEAK_PX * float(np.exp(-(((frame - APEX) / 3.0) ** 2) / 2))


@pytest.fixture(scope="module")
def large(portrait: np.ndarray) -> np.ndarray:
    """The face at 155 px."""
    return cv2.resize(portrait[:260, 80:340], None, fx=5 / 3, fy=5 / 3, interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def corner(large: np.ndarray) -> np.ndarray:
    """(2,) px, the mouth's corner on the subject's left, by the tracker."""
    from microface.backend.tracking import FaceTracker

    tracker = FaceTracker("cpu", threads=1)
    return tracker.landmarks(large, tracker.detect(large)[0].roi)[0][291, :2].astype(float)


@pytest.fixture(scope="module")
def footage(large: np.ndarray, corner: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The head drifts by a pixel and a half; one corner of the mouth twitches."""
    noise = np.random.default_rng(0)
    pictures = [
        moved(large, shift_of(k), corner, size_of(k)) + noise.normal(0, 1.5, large.shape) for k in range(FRAMES)
    ]
    folder = tmp_path_factory.mktemp("footage")
    return clip_of(folder / "twitch.mp4", [np.clip(p, 0, 255).astype(np.uint8) for p in pictures])


@pytest.fixture(scope="module")
def take(footage: Path) -> Take:
    return take_of(footage)


def image_points(take: Take, head: HeadModel) -> np.ndarray:
    """(T, V, 2) px: where the take's head is in the picture."""
    out = []
    for k in range(len(take.time_s)):
        offset = take.shape_offset + np.tensordot(take.detail[k], take.detail_basis, 1)
        vertices = head.vertices(take.shape, take.expression[k], take.pose[k], take.translation[k], offset)
        out.append(project(vertices, take.camera)[:, :2])
    return np.array(out)


def test_the_head_moves_in_the_picture_as_the_face_did(take: Take, generic_head: HeadModel, corner: np.ndarray) -> None:
    image = image_points(take, generic_head)
    rest = image[:8].mean(0) - np.mean([shift_of(k) for k in range(8)], axis=0)  # where skin was in the portrait
    near = generic_head.face_mask & (np.linalg.norm(rest - corner, axis=1) < 8)
    far = generic_head.face_mask & (np.linalg.norm(rest - corner, axis=1) > 50)
    assert near.sum() > 5
    motion = image - image[:8].mean(0)
    shifts = np.array([shift_of(k) for k in range(FRAMES)])
    shifts -= shifts[:8].mean(0)
    assert np.sqrt(((motion[:, far] - shifts[:, None]) ** 2).sum(2).mean()) < 0.15
    twitch = np.array([bump(rest[near], corner, size_of(k)) for k in range(FRAMES)]).mean(1)
    found = (motion[:, near] - shifts[:, None]).mean(1)
    assert 0.5 < (found * twitch).sum() / (twitch**2).sum() < 1.3
    assert np.sqrt(((found - twitch) ** 2).sum(1).mean()) < 0.25
    assert abs(int(np.argmax(found @ [0.6, -0.8])) - APEX) <= 2


def test_a_take_says_what_it_is_made_of(take: Take, footage: Path, generic_head: HeadModel) -> None:
    assert np.allclose(take.time_s, np.arange(FRAMES) / 25, atol=1e-3)
    assert (take.valid == MEASURED).all()
    assert take.size == (434, 434)  # 433 and a column and a row: H.264 has even sizes
    assert take.head == {"name": "generic", "sha256": generic_head.sha256}
    assert take.source["path"] == str(footage.resolve())
    assert take.source["fps"] == pytest.approx(25)
    assert take.template_frames.min() >= 0
    assert take.template_frames.max() < FRAMES
    assert not set(take.template_frames.tolist()) & set(range(APEX - 2, APEX + 3))
    assert set(take.noise_px) == {"brows", "eyes", "nose", "mouth", "cheeks", "jaw"}
    assert all(0 < value < 0.5 for value in take.noise_px.values())
    for name in PER_FRAME:
        assert np.isfinite(getattr(take, name)).all(), name


def test_progress_rises_to_the_end_and_names_its_stages(footage: Path) -> None:
    told: list[tuple[str, float]] = []
    reconstruct(footage, Settings(device="cpu", range=(0, 4)), lambda stage, share: told.append((stage, share)))
    values = [share for _, share in told]
    assert values == sorted(values)
    assert 0 <= values[0] < 0.02
    assert 0.9 < values[-1] <= 1
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["reading", "tracking", "head", "neutral", "motion", "solving", "events"]


def test_a_range_is_the_same_frames_of_the_footage(footage: Path) -> None:
    part = take_of(footage, range=(10, 16))
    assert np.allclose(part.time_s, np.arange(10, 16) / 25, atol=1e-3)
    assert part.source["first_frame"] == 10
    assert part.template_frames.max() < 6
    assert part.landmark_frames.tolist() == list(range(6))


def test_one_frame_is_a_take_at_rest(footage: Path, large: np.ndarray, tmp_path: Path) -> None:
    for one in (take_of(footage, range=(3, 4)), take_of(clip_of(tmp_path / "one.mp4", [large]))):
        assert len(one.time_s) == 1
        assert one.valid.tolist() == [MEASURED]
        assert np.abs(one.expression).max() < 1e-3
        assert one.events == ()
        assert np.isfinite(one.pose).all()
        assert one.translation[0, 2] > 0.2


def test_a_folder_of_pictures_is_footage(large: np.ndarray, tmp_path: Path) -> None:
    for k in range(5):
        cv2.imwrite(str(tmp_path / f"{k:03d}.png"), large[..., ::-1])
    take = take_of(tmp_path)
    assert len(take.time_s) == 5
    assert (take.valid == MEASURED).all()
    assert np.abs(take.expression).max() < 1e-3
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("texture", [0, 60])
def test_a_face_lost_half_way_is_kept_and_the_gap_marked(
    portrait: np.ndarray, generic_head: HeadModel, tmp_path: Path, texture: int
) -> None:
    """A board, blank or of wood, slides over a still face and off again."""
    board = np.random.default_rng(0).integers(100, 101 + texture, (12, 12, 3), dtype=np.uint8)
    board = cv2.resize(board, (150, 170), interpolation=cv2.INTER_CUBIC)
    pictures = []
    for left in np.interp(np.arange(40), [0, 12, 18, 26, 32, 40], [400, 400, 135, 135, -150, -150]).astype(int):
        picture = portrait.copy()
        x = slice(max(left, 0), max(left + 150, 0))
        picture[30:200, x] = board[:, : picture[:, x].shape[1]]
        pictures.append(picture)
    take = take_of(clip_of(tmp_path / "lost.mp4", pictures))
    assert len(take.time_s) == 40
    assert (take.valid[:13] == MEASURED).all()
    assert (take.valid[33:] == MEASURED).all()
    assert np.isin(take.valid[18:27], (NO_FACE, OCCLUDED)).all()
    unknown = take.valid > BRIDGED
    for name in PER_FRAME:
        values = getattr(take, name).reshape(40, -1)
        if values.shape[1]:
            assert (np.isnan(values).any(1) == unknown).all(), name
            assert (np.isnan(values).all(1) == unknown).all(), name
    image = image_points(take, generic_head)[:, generic_head.face_mask]
    away = np.sqrt(((image - image[:10].mean(0)) ** 2).sum(2).mean(1))
    assert away[:14].max() < 0.1
    assert away[33:].max() < 0.4
    assert np.abs(take.expression[take.valid == MEASURED]).max() < 0.15
    assert not any(take.time_s[14] < event.apex_s < take.time_s[30] for event in take.events)


def with_hand(picture: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Four fingers of the colour of the skin, one above the other, over the mouth."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] - np.add(corner[::-1], [0, -22])[:, None, None]
    finger = np.where(np.abs(y) < 36, 0.75 + 0.3 * np.abs(np.sin(np.pi * (y + 36) / 18)), 0) * (np.abs(x) < 44)
    skin = picture[int(corner[1]) - 40, int(corner[0])].astype(float)
    return np.where(finger[..., None] > 0, finger[..., None] * skin, picture)


def smile_of(frame: int) -> float:
    """Px, before and after the hand, gone where it comes and not there yet where it goes."""
    return size_of(frame + 15) + size_of(frame - 19)


def test_a_hand_before_the_mouth_is_no_rest_and_hides_only_the_mouth(
    large: np.ndarray, corner: np.ndarray, tmp_path: Path, generic_head: HeadModel
) -> None:
    """It stays for a third of the clip, calmer than the face without it; in the template it would measure itself."""
    noise, pictures = np.random.default_rng(0), []
    for k in range(45):
        hand = 15 <= k < 30
        calm = moved(large, shift_of(k), corner, 0.0 if hand else smile_of(k))
        shown = with_hand(calm, corner + shift_of(k)) if hand else calm
        pictures.append(np.clip(shown + noise.normal(0, 1.5, large.shape), 0, 255).astype(np.uint8))
    take = take_of(clip_of(tmp_path / "hand.mp4", pictures))
    assert not set(take.template_frames.tolist()) & set(range(15, 30))
    assert (take.valid[:12] == MEASURED).all() and (take.valid[33:] == MEASURED).all()
    known = 15 + np.flatnonzero(take.valid[15:30] <= BRIDGED)  # on its way it may hide the whole face for a moment
    assert len(known) > 8
    smiles = [generic_head.expression_names.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
    brow = generic_head.expression_names.index("browOuterUpLeft")
    shown, visible = image_points(take, generic_head), take.patch >= 0
    hidden = hidden_vertices(take, 26)
    off = np.abs(shown[26] - corner - shift_of(26) - [-22, 0])
    under, beside = (off < [44, 36]).all(1) & visible, (off > [44 + 45, 36 + 45]).any(1) & visible
    energy = (generic_head.expression[smiles] ** 2).sum(2) * visible
    truly = 1 - energy[:, under].sum(1) / energy.sum(1)
    # One corner of the mouth is behind the hand, the other beside it.
    assert truly[0] < 0.1 and truly[1] > 0.8
    assert (take.seen[known][:, smiles].max(0) < truly + 0.02).all()
    assert take.seen[known, smiles[1]].min() > truly[1] - 0.25
    assert (take.seen[:12, smiles] == 1).all() and (take.seen[33:, smiles] == 1).all()
    assert take.seen[:, brow].min() > 0.5 and np.median(take.seen[known, brow]) > 0.9
    assert hidden[under].mean() > 0.95
    doubt = np.sqrt((motion_deviation(take, generic_head, np.flatnonzero(under))[..., :2] ** 2).sum(2))
    assert np.median(doubt[known]) > 2 * np.median(doubt[1:12])
    assert beside.sum() > 100 and hidden[beside].mean() < 0.25
    start = np.mean([shift_of(k) for k in range(5)], axis=0)
    first = shown[:5, under].mean(0)
    rest = first - bump(first - start, corner, np.mean([smile_of(k) for k in range(5)]))  # it began with a smile
    shifts = np.array([shift_of(k) for k in known]) - start
    assert np.abs(shown[known][:, under] - rest - shifts[:, None]).max() < 0.6
    assert not any(take.time_s[14] < event.apex_s < take.time_s[30] for event in take.events)


def test_what_crosses_the_face_moves_nothing_there_or_elsewhere(
    large: np.ndarray, corner: np.ndarray, tmp_path: Path, generic_head: HeadModel
) -> None:
    """A square of another texture passes over a cheek, from the ear to the nose, while the other corner twitches."""
    noise, pictures = np.random.default_rng(0), []
    square = cv2.resize(noise.integers(60, 160, (9, 9, 3), dtype=np.uint8), (44, 44), interpolation=cv2.INTER_CUBIC)
    begin, end, speed = 10, 30, 5
    lefts = {k: int(corner[0]) - 175 + speed * (k - begin) for k in range(begin, end)}
    top = int(corner[1]) - 70
    for k in range(FRAMES):
        shown = moved(large, shift_of(k), corner, size_of(k)) + noise.normal(0, 1.5, large.shape)
        if k in lefts:
            shown[top : top + 44, lefts[k] : lefts[k] + 44] = square
        pictures.append(np.clip(shown, 0, 255).astype(np.uint8))
    take = take_of(clip_of(tmp_path / "cross.mp4", pictures))
    assert (take.valid == MEASURED).all()
    assert take.covered[18:28].any(1).all() and not take.covered[:7].any() and not take.covered[35:].any()
    image = image_points(take, generic_head)
    rest = image[:8].mean(0) - np.mean([shift_of(k) for k in range(8)], axis=0)
    still = generic_head.face_mask & (np.linalg.norm(rest - corner, axis=1) > 50)
    shifts = np.array([shift_of(k) for k in range(FRAMES)]) - np.mean([shift_of(k) for k in range(8)], axis=0)
    off = image[:, still] - image[:8, still].mean(0) - shifts[:, None]
    assert np.sqrt((off**2).sum(2).mean()) < 0.25
    assert np.percentile(np.linalg.norm(off, axis=2), 99) < 0.6
    assert all(abs(event.apex_s - take.time_s[APEX]) < 0.1 and event.peak_px < 2 for event in take.events)


def test_a_cut_between_two_faces_names_the_range_to_take(large: np.ndarray, tmp_path: Path) -> None:
    other = np.ascontiguousarray(255 - large[:, ::-1] // 2)
    other[60:300, 120:360] = cv2.resize(large, (240, 240), interpolation=cv2.INTER_AREA)
    source = clip_of(tmp_path / "cut.mp4", [large] * 12 + [other] * 7)
    with pytest.raises(MicrofaceError) as error:
        take_of(source)
    assert error.value.code == "cut"
    assert "frame 12" in error.value.text
    assert "--range 0:12" in error.value.remedy
    assert len(take_of(source, range=(0, 12)).time_s) == 12


def text_file(path: Path, _: Path) -> Path:
    path.write_text("This is not a video.", encoding="utf-8")
    return path


def empty_file(path: Path, _: Path) -> Path:
    path.touch()
    return path


def truncated_file(path: Path, footage: Path) -> Path:
    path.write_bytes(footage.read_bytes()[:3000])
    return path


def no_face_file(path: Path, _: Path) -> Path:
    pictures = np.random.default_rng(0).integers(0, 255, (3, 27, 48, 3), dtype=np.uint8)
    return clip_of(path, [cv2.resize(p, (192, 108)) for p in pictures])


def small_face_file(path: Path, footage: Path) -> Path:
    from skimage import data

    small = cv2.resize(data.astronaut()[:400, 20:420], (140, 140), interpolation=cv2.INTER_AREA)
    picture = np.full((200, 240, 3), 110, np.uint8)
    picture[30:170, 50:190] = small
    return clip_of(path, [picture] * 3)


@pytest.mark.parametrize(
    ("codes", "make"),
    [
        (("no_file",), lambda path, _: path),
        (("not_video",), text_file),
        (("empty",), empty_file),
        (("truncated", "not_video"), truncated_file),
        (("no_face",), no_face_file),
        (("face_too_small", "no_face"), small_face_file),
        (("not_video",), lambda path, _: path.parent),
    ],
    ids=["no such file", "not a video", "empty", "truncated", "no face", "small face", "folder without images"],
)
def test_bad_footage_is_one_line_with_a_code(
    codes: tuple[str, ...], make: Callable[[Path, Path], Path], footage: Path, tmp_path: Path
) -> None:
    source = make(tmp_path / "clip.mp4", footage)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MicrofaceError) as error:
        take_of(source)
    assert error.value.code in codes
    for sentence in (error.value.text, error.value.remedy):
        assert sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("wanted", [(50, 60), (5, 5), (-1, 4)])
def test_a_range_without_frames_is_an_error(footage: Path, wanted: tuple[int, int]) -> None:
    with pytest.raises(MicrofaceError) as error:
        take_of(footage, range=wanted)
    assert error.value.code == "bad_range"
    assert "0:40" in error.value.remedy


@pytest.mark.parametrize("stage", ["reading", "tracking", "neutral", "motion", "solving"])
def test_a_cancelled_job_leaves_nothing(
    stage: str, footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = sorted(footage.parent.iterdir())

    def progress(at: str, share: float) -> None:
        if at == stage:
            raise Cancelled

    with pytest.raises(Cancelled):
        reconstruct(footage, Settings(device="cpu", range=(0, 6)), progress)
    assert list(scratch.iterdir()) == []
    assert sorted(footage.parent.iterdir()) == before
