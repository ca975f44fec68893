# SPDX-License-Identifier: GPL-3.0-or-later
"""Kept results: found by what they were made of, never stale, bounded, and losing them costs only time."""

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend import fitted, kept, pipeline, store, tracked
from microface.backend.errors import MicrofaceError
from microface.backend.heads import load_head
from microface.backend.reconstruction import known_or_new
from microface.backend.store import Store
from microface.backend.take import read_take, write_take
from microface.backend.types import CUT, MEASURED, Progress, Settings, Take, Tracks
from microface.backend.video import open_clip

ROOMY = Store(1e9)


SETTINGS = Settings(device="cpu")
CORRECTED = Settings(device="cpu", neutral=(3, 6), fov_deg=40.0, exclude=((0, 3), (6, 7)))


def silent(stage: str, share: float) -> None:
    pass


@pytest.fixture(scope="module")
def clip(built: None, portrait_clip: Callable[[list[int]], Path]) -> Path:
    return portrait_clip([0, 0, 1, 1, 0, 0, 1, 1, 0, 0])


@pytest.fixture(scope="module")
def first(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Take, Path]:
    """The take of a first run, as its file says it, and the cache folder that it filled."""
    with pytest.MonkeyPatch.context() as patch:
        cache = tmp_path_factory.mktemp("filled")
        patch.setenv("MICROFACE_CACHE", str(cache))
        take, known = known_or_new(clip, SETTINGS, silent, ROOMY)
        assert not known
    write_take(cache / "first.npz", take)
    return read_take(cache / "first.npz"), cache


@pytest.fixture(autouse=True)
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def filled_store(first: tuple[Take, Path], empty_store: None) -> None:
    shutil.copytree(first[1] / "results", store.folder())


def keep(name: str, size: int, age_s: float) -> Path:
    path = store.folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


def reconstruct_with_store(clip: Path, settings: Settings, progress: Progress = silent) -> Take:
    """As `known_or_new` does when the take is not known."""
    return pipeline.reconstruct_clip(open_clip(clip), load_head("generic"), settings, progress, ROOMY)


def same(one: Take, other: Take) -> bool:
    """Whether two takes are equal in every bit."""
    return all(
        np.array_equal(a, b, equal_nan=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else np.all(a == b)
        for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


def test_a_name_says_what_the_file_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    path = ROOMY.path("take", footage="a", settings={"range": (0, 5)})
    assert path == ROOMY.path("take", footage="a", settings={"range": (0, 5)})
    others = [
        ROOMY.path("tracks", footage="a", settings={"range": (0, 5)}),
        ROOMY.path("take", footage="b", settings={"range": (0, 5)}),
        ROOMY.path("take", footage="a", settings={"range": (0, 6)}),
    ]
    monkeypatch.setattr(store, "software_digest", lambda: "another version")
    others.append(ROOMY.path("take", footage="a", settings={"range": (0, 5)}))
    assert len({path, *others}) == 5


def test_the_digest_knows_every_line_of_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "assets").mkdir(parents=True)
    source, asset = tmp_path / "models" / "a.py", tmp_path / "models" / "assets" / "net.onnx"
    monkeypatch.setattr(store, "ROOT", tmp_path)
    digests = set()
    for text, net in (("a = 1", b"1"), ("a = 2", b"1"), ("a = 2", b"2")):
        source.write_text(text)
        asset.write_bytes(net)
        digests.add(store.software_digest.__wrapped__())
    assert len(digests) == 3


def test_what_was_used_longest_ago_goes_first() -> None:
    old, used, new = keep("a.take.npz", 400, 300), keep("b.take.npz", 400, 200), keep("c.tracks.npz", 400, 100)
    assert store.size() == 1200
    assert Store(1000).has(old)  # now the youngest
    Store(1000).trim()
    assert [path.exists() for path in (old, used, new)] == [True, False, True]


def test_clearing_leaves_files_that_are_not_kept_results() -> None:
    keep("a.take.npz", 100, 0)
    part = keep(".b.take.npz.77.part", 10, 0)
    os.utime(part)  # another process writes it now
    left = keep(".c.take.npz.78.part", 10, 0)  # its process was killed, years ago
    assert store.clear() == 110
    assert store.size() == 0
    assert part.exists()
    assert not left.exists()


def test_a_store_of_no_size_finds_nothing() -> None:
    path = keep("a.take.npz", 1, 0)
    assert Store(1).has(path)
    assert not Store(0).has(path)


def test_a_second_run_is_the_first_one_read_again(
    clip: Path, first: tuple[Take, Path], filled_store: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sorted(path.name.split(".")[1] for path in store.folder().iterdir()) == ["fit", "take", "tracks"]
    moved = tmp_path / "moved.mp4"
    moved.write_bytes(clip.read_bytes())
    monkeypatch.setattr(pipeline, "reconstruct_clip", None)  # it would be an error to call it
    again, known = known_or_new(moved, SETTINGS, silent, ROOMY)
    assert known
    assert again.source["path"] == str(moved.resolve())
    write_take(tmp_path / "again.npz", replace(again, source=first[0].source))
    assert same(first[0], read_take(tmp_path / "again.npz"))
    with pytest.raises(TypeError):  # other settings are other work
        known_or_new(clip, Settings(device="cpu", neutral=(0, 2)), silent, ROOMY)


def test_damaged_files_are_made_again(clip: Path, first: tuple[Take, Path], filled_store: None, tmp_path: Path) -> None:
    for path in store.folder().iterdir():
        path.write_bytes(path.read_bytes()[:-200])
    again, known = known_or_new(clip, SETTINGS, silent, ROOMY)
    assert not known
    write_take(tmp_path / "again.npz", again)
    assert same(first[0], read_take(tmp_path / "again.npz"))
    assert known_or_new(clip, SETTINGS, silent, ROOMY)[1]


@pytest.fixture(scope="module")
def corrected(clip: Path) -> Take:
    """Computed without any store."""
    return pipeline.reconstruct(clip, CORRECTED, silent)


def test_a_correction_tracks_nothing_again_and_ends_where_a_fresh_run_does(
    clip: Path, corrected: Take, filled_store: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracked, "track", None)
    told: list[tuple[str, float]] = []
    again = reconstruct_with_store(clip, CORRECTED, lambda stage, share: told.append((stage, share)))
    assert same(again, corrected)
    assert "tracking" not in dict(told)
    assert dict(told)["head"] < 0.2  # what is known is no part of the job
    assert [share for _, share in told] == sorted(share for _, share in told)
    with pytest.raises(TypeError):  # another range needs other tracks
        reconstruct_with_store(clip, Settings(device="cpu", range=(0, 5)))


def test_other_neutral_frames_leave_the_poses_as_they_are(
    clip: Path, filled_store: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(SETTINGS, neutral=(3, 6))
    fresh = pipeline.reconstruct(clip, settings, silent)
    monkeypatch.setattr(fitted, "fit_poses", None)
    assert same(reconstruct_with_store(clip, settings), fresh)
    with pytest.raises(TypeError):  # another lens needs other poses
        reconstruct_with_store(clip, CORRECTED)


def test_frames_left_out_get_no_values_and_no_say(corrected: Take) -> None:
    assert corrected.valid.tolist() == [CUT] * 3 + [MEASURED] * 3 + [CUT] + [MEASURED] * 3
    out = corrected.valid == CUT
    assert np.isnan(corrected.expression[out]).all()
    assert np.isfinite(corrected.expression[~out]).all()
    assert not set(corrected.template_frames.tolist()) & {0, 1, 2, 6}


def test_tracks_are_kept_in_every_bit(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    landmarks = random.normal(200, 50, (4, 478, 3)).astype(np.float32)
    landmarks[1] = np.nan  # a lost face
    frame, shot = np.array([0, 7, 14, 20]), np.array([0, 0, 1, 1])
    tracks = Tracks(frame, landmarks, random.random(4, np.float32), shot, np.array([14]))
    hidden = np.array([False, False, True, True])
    disturbed = np.array([True, False, True, True])
    kept.keep(ROOMY, tmp_path / "a.npz", {**vars(tracks), "hidden": hidden, "disturbed": disturbed}, tracked.COLUMNS)
    read, *also = tracked.read_tracks(tmp_path / "a.npz")
    for name, values in asdict(tracks).items():
        np.testing.assert_array_equal(getattr(read, name), values)
    np.testing.assert_array_equal(also, [hidden, disturbed])


def test_leaving_out_every_face_is_refused(clip: Path, filled_store: None) -> None:
    with pytest.raises(MicrofaceError, match="left out") as caught:
        reconstruct_with_store(clip, Settings(device="cpu", exclude=((0, 5), (5, 99))))
    assert caught.value.code == "all_left_out"
