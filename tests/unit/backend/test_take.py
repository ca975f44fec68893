# SPDX-License-Identifier: GPL-3.0-or-later
"""The take file: what goes in comes out, and nothing hostile gets in."""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend import take as take_file
from microface.backend.errors import MicrofaceError
from microface.backend.summary import describe
from microface.backend.take import FIELDS, read_take, write_take
from microface.backend.types import Event, Take

ROOT = Path(__file__).resolve().parents[3]


def make_take(frames: int = 7, vertices: int = 11) -> Take:
    rng = np.random.default_rng(3)

    def f4(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    expression = f4(frames, 3)
    expression[2] = np.nan
    return Take(
        time_s=np.arange(frames) / 30 + 0.1,
        valid=np.array([0, 0, 2, 0, 1, 0, 4][:frames], np.uint8),
        shape=f4(4),
        shape_std=f4(4),
        shape_offset=f4(vertices, 3),
        expression_names=("browInnerUp", "mouthSmileLeft", "mouthSmileRight"),
        expression=expression,
        expression_std=f4(frames, 3),
        expression_factor=f4(frames, 3, 2),
        joint_names=("root", "neck"),
        pose=f4(frames, 2, 3),
        pose_std=f4(frames, 2, 3),
        translation=rng.normal(size=(frames, 3)),
        translation_std=f4(frames, 3),
        detail_basis=f4(2, vertices, 3),
        detail=f4(frames, 2),
        detail_std=f4(frames, 2),
        detail_kept=0.75,
        depth_std=f4(frames),
        camera=np.array([[900.0, 0, 320], [0, 900, 240], [0, 0, 1]]),
        size=(640, 480),
        landmark_frames=np.array([0, 3]),
        landmarks=f4(2, 478, 2),
        confidence=f4(frames),
        seen=f4(frames, 3),
        patch=np.arange(vertices, dtype=np.int32) % 3 - 1,
        covered=(np.arange(2 * frames).reshape(frames, 2) % 3 == 0).astype(np.uint8),
        noise_px={"brow": 0.04, "mouth": 0.05},
        noise_reason="noise",
        template_frames=np.array([0, 1]),
        events=(
            Event(0.1, 0.2, 0.3, "micro", ("browInnerUp", "mouthSmileLeft"), 1.5, 0.1, 0.99),
            Event(0.2, 0.25, 0.3, "blink", (), 3.0, 0.2, 1.0),
        ),
        head={"name": "generic", "sha256": "ab"},
        source={"path": "Straße/видео.mp4", "fps": 30.0, "first_frame": 0},
        settings={"face": None, "range": [0, 7]},
        software={"microface": "0.1.0"},
    )


@pytest.mark.parametrize("change", [{}, {"events": (), "noise_px": {}, "template_frames": np.zeros(0, np.int64)}])
def test_what_goes_in_comes_out(tmp_path: Path, change: dict) -> None:
    take = replace(make_take(), **change)
    write_take(tmp_path / "a.take.npz", take)
    back = read_take(tmp_path / "a.take.npz")
    for field in fields(Take):
        before, after = getattr(take, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            assert before.dtype == after.dtype, field.name
            np.testing.assert_array_equal(before, after, err_msg=field.name)
        elif field.name == "events":
            assert [(e.kind, e.units) for e in after] == [(e.kind, e.units) for e in before]
            numbers = [
                [(e.onset_s, e.apex_s, e.offset_s, e.peak_px, e.confidence) for e in events]
                for events in (before, after)
            ]
            np.testing.assert_allclose(numbers[0], numbers[1], rtol=1e-6)
        elif field.name == "noise_px":
            assert after == pytest.approx(before, rel=1e-6)
        else:
            assert before == after, field.name


def test_other_programs_read_it_with_numpy_alone(tmp_path: Path) -> None:
    write_take(tmp_path / "a.take.npz", make_take())
    with np.load(tmp_path / "a.take.npz", allow_pickle=False) as arrays:
        assert set(arrays.files) == set(FIELDS)
        for name, (kind, dims) in FIELDS.items():
            assert arrays[name].ndim == len(dims)
            assert arrays[name].dtype.kind == "U" if kind == "U" else arrays[name].dtype == np.dtype(f"<{kind}")
        assert arrays["event_units"].tolist() == ["browInnerUp,mouthSmileLeft", ""]


def test_equal_takes_are_equal_files(tmp_path: Path) -> None:
    for name in "ab":
        write_take(tmp_path / name, make_take())
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_take_that_contradicts_the_table_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expression_std"):
        write_take(tmp_path / "a.take.npz", replace(make_take(), expression_std=np.zeros((6, 3), np.float32)))
    assert list(tmp_path.iterdir()) == []


def rewritten(path: Path, change: Callable[[dict[str, bytes]], object]) -> Path:
    """The same zip with its members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def header(text: str) -> bytes:
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


HOSTILE = {
    "missing": lambda m: m.pop("pose.npy"),
    "unknown": lambda m: m.update({"extra.npy": npy(np.zeros(3))}),
    "not an array": lambda m: m.update({"run.py": b"print()"}),
    "wrong shape": lambda m: m.update({"pose.npy": npy(np.zeros((7, 2, 4), np.float32))}),
    "wrong rank": lambda m: m.update({"pose.npy": npy(np.zeros((7, 6), np.float32))}),
    "other T": lambda m: m.update({"pose.npy": npy(np.zeros((8, 2, 3), np.float32))}),
    "wrong type": lambda m: m.update({"pose.npy": npy(np.zeros((7, 2, 3)))}),
    "big endian": lambda m: m.update({"pose.npy": npy(np.zeros((7, 2, 3), ">f4"))}),
    "pickle": lambda m: m.update({"head.npy": npy(np.array({"a": 1}, dtype=object))}),
    "claims terabytes": lambda m: m.update(
        {"detail_basis.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 11, 3), }")}
    ),
    "negative": lambda m: m.update({"shape.npy": header("{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }")}),
    "column order": lambda m: m.update({"shape_offset.npy": npy(np.asfortranarray(np.zeros((11, 3), np.float32)))}),
    "nested header": lambda m: m.update({"shape.npy": header("(" * 3000)}),
    "no header": lambda m: m.update({"shape.npy": b"hello"}),
    "cut array": lambda m: m.update({"shape.npy": m["shape.npy"][:-4]}),
    "no JSON": lambda m: m.update({"head.npy": npy(np.array("{oops"))}),
    "JSON list": lambda m: m.update({"head.npy": npy(np.array("[1]"))}),
    "first frame is text": lambda m: m.update({"source.npy": npy(np.array('{"first_frame": "x"}'))}),
    "step of nothing": lambda m: m.update({"source.npy": npy(np.array('{"frame_step": 0}'))}),
    "no share": lambda m: m.update({"detail_kept.npy": npy(np.array(np.nan, np.float32))}),
    "time runs back": lambda m: m.update({"time_s.npy": npy(-np.arange(7.0))}),
    "unknown validity": lambda m: m.update({"valid.npy": npy(np.full(7, 9, np.uint8))}),
    "frame beyond the end": lambda m: m.update({"landmark_frames.npy": npy(np.array([0, 7]))}),
    "version 0": lambda m: m.update({"schema_version.npy": npy(np.array(0, np.int32))}),
    "version is text": lambda m: m.update({"schema_version.npy": npy(np.array("1"))}),
}


@pytest.mark.parametrize("change", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_an_error_in_words(tmp_path: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    path = tmp_path / "a.take.npz"
    write_take(path, make_take())
    rewritten(path, change)
    with pytest.raises(MicrofaceError) as caught:
        read_take(path)
    assert caught.value.code == "bad_take"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kept", "said"), [(0.75, "hold only 75 %"), (0.899, "hold only 90 %"), (0.95, None)])
def test_detail_that_the_modes_cannot_hold_is_said(kept: float, said: str | None) -> None:
    told = describe(replace(make_take(), detail_kept=kept))["keys"]
    assert told.startswith("3 units, 2 detail modes")
    assert ("hold" in told) == (said is not None)
    assert said is None or said in told.replace("%", " %")


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    path = tmp_path / "a.take.npz"
    write_take(path, make_take())
    whole = path.read_bytes()
    for broken in (b"", b"text", whole[: len(whole) // 2], whole[:-30], whole[:2000] + bytes(200) + whole[2200:]):
        path.write_bytes(broken)
        with pytest.raises(MicrofaceError) as caught:
            read_take(path)
        assert caught.value.code == "bad_take"
    with pytest.raises(MicrofaceError) as caught:
        read_take(tmp_path / "none.npz")
    assert caught.value.code == "no_file"


def test_a_newer_take_asks_for_an_update(tmp_path: Path) -> None:
    path = tmp_path / "a.take.npz"
    write_take(path, make_take())
    rewritten(path, lambda m: m.update({"schema_version.npy": npy(np.array(3, np.int32)), "new.npy": npy(np.zeros(2))}))
    with pytest.raises(MicrofaceError, match="newer") as caught:
        read_take(path)
    assert caught.value.code == "newer_take"


def test_an_older_take_climbs_the_chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 0 is invented: it lacked `shape_offset`. Version 1 lacked the emotion of events."""
    older = {name: row for name, row in FIELDS.items() if name not in ("shape_offset", "event_emotion")}
    monkeypatch.setitem(take_file.SCHEMAS, 0, older)
    monkeypatch.setitem(
        take_file.UPGRADES, 0, lambda a: a | {"shape_offset": np.zeros(a["detail_basis"].shape[1:], np.float32)}
    )
    path = tmp_path / "a.take.npz"
    write_take(path, make_take())
    rewritten(
        path,
        lambda m: (
            m.pop("event_emotion.npy"),
            m.pop("shape_offset.npy"),
            m.update({"schema_version.npy": npy(np.array(0, np.int32))}),
        ),
    )
    take = read_take(path)
    assert take.schema_version == 2
    assert len(take.events) == len(make_take().events) > 0 and all(event.emotion == "" for event in take.events)
    assert take.shape_offset.shape == (11, 3) and not take.shape_offset.any()


BOMB = """
import resource, sys
sys.path.insert(0, {tests!r})
import conftest
from microface.backend.summary import describe
from microface.backend.take import read_take
from microface.backend.errors import MicrofaceError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_take(sys.argv[1])
except MicrofaceError as error:
    print(error.code, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(os.name == "nt", reason="resource limits are POSIX")
def test_a_zip_bomb_allocates_nothing(tmp_path: Path) -> None:
    """6 GB of zeros, honestly declared and consistent, packed into a few MB."""
    path = tmp_path / "bomb.take.npz"
    write_take(path, make_take())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    modes = 6 * 2**30 // (11 * 3 * 4)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, data in members.items():
            if name != "detail_basis.npy":
                archive.writestr(name, data)
    _append_zeros(path, header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({modes}, 11, 3), }}"), modes * 132)
    code = BOMB.format(tests=str(ROOT / "tests"))
    result = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    error, grown_mb = result.stdout.split()
    assert error == "bad_take"
    assert int(grown_mb) < 100


def _append_zeros(path: Path, head: bytes, count: int) -> None:
    """Declare the size without writing it: the directory of the zip is all that a reader can check beforehand."""
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("detail_basis.npy", head)
        info = archive.getinfo("detail_basis.npy")
        info.file_size = len(head) + count
