# SPDX-License-Identifier: GPL-3.0-or-later
"""Live Link Face CSV: a recording laid out as the app does it, and our own files."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.exchange.arkit import weights_of
from microface.backend.exchange.live_link import ANGLES, ORDER, read_live_link, write_live_link
from microface.backend.take import read_take, write_take
from microface.backend.types import NO_FACE, Take
from microface.models.head.model import HeadModel
from microface.models.head.rotation import rotation_matrix
from microface.models.head.units import UNIT_NAMES

HEADER = ["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in ORDER), *ANGLES]


def recording(rows: int = 70, **columns: float) -> list[list[str]]:
    """Rows of 60 numbers a second, every second one written, from 12:27:47:01.169 on; `columns` grow from 0 to a value."""
    table = [HEADER]
    for row in range(rows):
        second, frame = divmod(1 + 2 * row, 60)
        cells = [f"{columns.get(name, 0.0) * row / (rows - 1):.10f}" for name in HEADER[2:]]
        table.append([f"12:27:{47 + second:02}:{frame:02}.169", "61", *cells])
    return table


def write_rows(path: Path, rows: list[list[str]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    return path


def test_columns_are_the_apps() -> None:
    assert len(HEADER) == 63
    assert sorted(ORDER) == sorted(UNIT_NAMES)
    assert ORDER[:3] == ("eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft")
    assert (ORDER[7], ORDER[14:18], ORDER[51]) == (
        "eyeBlinkRight",
        ("jawForward", "jawRight", "jawLeft", "jawOpen"),
        "tongueOut",
    )


def test_times_units_and_joints_of_a_recording(named_head: HeadModel, tmp_path: Path) -> None:
    rows = recording(MouthSmileLeft=0.8, JawOpen=0.5, JawForward=0.2, HeadYaw=0.3, LeftEyeYaw=-0.15, LeftEyePitch=-0.2)
    take = read_live_link(write_rows(tmp_path / "a.csv", rows), named_head)
    np.testing.assert_allclose(take.time_s, np.arange(70) / 30, atol=1e-9)
    assert take.source["fps"] == pytest.approx(30)
    assert take.settings["timecode_rate"] == 60
    assert take.settings["first_timecode_s"] == pytest.approx(12 * 3600 + 27 * 60 + 47 + 1.169 / 60)
    last = dict(zip(take.expression_names, take.expression[-1], strict=True))
    assert last["mouthSmileLeft"] == pytest.approx(0.8)
    assert last["jawForward"] == pytest.approx(0.2)
    assert last["jawOpen"] == 0  # the joint has it
    turned = {name: rotation_matrix(take.pose[-1, k]) for k, name in enumerate(take.joint_names)}
    forward, down, left = turned["jaw"][:, 2], -turned["jaw"][:, 1], turned["eye_left"][:, 2]
    assert forward[1] < 0 and down[2] < 0  # the chin goes down and back
    assert left[0] > 0 and left[1] > 0  # a negative yaw looks to the subject's left, a negative pitch up
    assert np.arctan2(left[0], left[2]) == pytest.approx(0.15)
    assert turned["root"][0, 2] == pytest.approx(-np.sin(0.3))  # a positive yaw turns to the subject's right
    assert np.isnan(take.expression_std).all()


def test_looks_that_come_as_weights_only_turn_the_eyes(named_head: HeadModel, tmp_path: Path) -> None:
    rows = [row[:54] for row in recording(EyeLookUpLeft=0.5, EyeLookInRight=0.5)]
    take = read_live_link(write_rows(tmp_path / "a.csv", rows), named_head)
    np.testing.assert_allclose(take.pose[-1, 3], [-0.22, 0, 0], atol=1e-6)
    np.testing.assert_allclose(take.pose[-1, 4], [0, 0.305, 0], atol=1e-6)


@pytest.mark.parametrize(
    ("delimiter", "encoding", "decimal"),
    [(";", "utf-8", ","), ("\t", "utf-16", "."), (",", "utf-8-sig", "."), (";", "cp1252", ".")],
)
def test_other_delimiters_and_encodings(
    named_head: HeadModel, tmp_path: Path, delimiter: str, encoding: str, decimal: str
) -> None:
    rows = recording(rows=5, BrowInnerUp=0.6)
    rows = [rows[0] + ["Gerät"]] + [[cell.replace(".", decimal) for cell in row] + ["ä"] for row in rows[1:]]
    take = read_live_link(write_rows(tmp_path / "a.csv", rows, delimiter, encoding), named_head)
    assert take.expression[-1, UNIT_NAMES.index("browInnerUp")] == pytest.approx(0.6)


def test_rows_without_a_face(named_head: HeadModel, tmp_path: Path) -> None:
    rows = recording(rows=6, JawOpen=0.5)
    rows[2][1:] = ["0", *[""] * 61]
    rows[3][9] = "nan"
    rows[4] = [rows[4][0], "0"]
    take = read_live_link(write_rows(tmp_path / "a.csv", rows), named_head)
    assert take.valid.tolist() == [0, NO_FACE, NO_FACE, NO_FACE, 0, 0]
    assert np.isnan(take.expression[1:4]).all() and np.isnan(take.pose[1:4]).all()
    assert np.isfinite(take.expression[[0, 4, 5]]).all()


def test_of_two_rows_with_one_timecode_the_first_counts(named_head: HeadModel, tmp_path: Path) -> None:
    rows = recording(rows=5, JawForward=0.4)
    rows.insert(3, [rows[2][0], *rows[4][1:]])
    take = read_live_link(write_rows(tmp_path / "a.csv", rows), named_head)
    forward = take.expression[:, UNIT_NAMES.index("jawForward")]
    np.testing.assert_allclose(forward, [0, 0.1, 0.2, 0.3, 0.4], atol=1e-6)


def wrong(rows: list[list[str]], line: int, column: int, text: str) -> list[list[str]]:
    rows[line - 1][column] = text
    return rows


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        ([], "empty_file", "is empty"),
        (recording()[:1], "empty_file", "header but no rows"),
        ([row[:20] + row[21:] for row in recording()], "missing_column", "mouthclose"),
        ([["a", "b"], ["1", "2"]], "missing_column", "timecode"),
        (wrong(recording(), 4, 5, "much"), "bad_number", "line 4: 'much' under eyeLookOutLeft"),
        (wrong(recording(), 4, 5, "inf"), "bad_number", "line 4"),
        (wrong(recording(), 9, 0, "noon"), "bad_timecode", "line 9: 'noon'"),
        (wrong(recording(), 9, 0, "12:27:47:00.000"), "bad_timecode", "line 9: the timecode goes back"),
    ],
)
def test_bad_files_are_said_in_a_line(
    named_head: HeadModel, tmp_path: Path, rows: list[list[str]], code: str, words: str
) -> None:
    with pytest.raises(MicrofaceError, match=words) as caught:
        read_live_link(write_rows(tmp_path / "a.csv", rows), named_head)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


def test_rates_that_do_not_fit(named_head: HeadModel, flame_head: HeadModel, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "a.csv", recording())
    with pytest.raises(MicrofaceError, match="counts 59 frames in a second, which is no timecode of 25"):
        read_live_link(path, named_head, 25)
    with pytest.raises(MicrofaceError, match="lacks the unit"):
        read_live_link(path, flame_head)
    drop = [[row[0][:8] + row[0][8:].replace(":", ";"), *row[1:]] for row in recording()]
    assert read_live_link(write_rows(tmp_path / "b.csv", drop), named_head).source["fps"] == pytest.approx(30 / 1.001)
    with pytest.raises(MicrofaceError, match="drops frame numbers"):
        read_live_link(tmp_path / "b.csv", named_head, 100)
    (tmp_path / "c.csv").write_bytes(b"\x89PNG\0\0\0" * 50)
    with pytest.raises(MicrofaceError, match="not a text file"):
        read_live_link(tmp_path / "c.csv", named_head)
    with pytest.raises(MicrofaceError, match="no file"):
        read_live_link(tmp_path / "gone.csv", named_head)


def test_a_take_comes_back_to_the_printed_digits(
    named_head: HeadModel, make_take: Callable[..., Take], tmp_path: Path
) -> None:
    """Times that follow no rate, frames without a face, signs, and what the joints own; through the take's own file."""
    take = make_take(named_head)
    write_live_link(tmp_path / "a.csv", take)
    write_take(tmp_path / "b.npz", read_live_link(tmp_path / "a.csv", named_head))
    back = read_take(tmp_path / "b.npz")
    np.testing.assert_allclose(back.time_s, take.time_s, rtol=0, atol=9e-9)
    np.testing.assert_array_equal(back.valid, take.valid)
    np.testing.assert_allclose(back.expression, take.expression, rtol=0, atol=1e-7)
    seen = take.valid == 0
    for joint in (0, 2, 3, 4):
        was, now = rotation_matrix(take.pose[seen, joint]), rotation_matrix(back.pose[seen, joint])
        np.testing.assert_allclose(now, was, atol=1e-6)
    write_live_link(tmp_path / "c.csv", back)
    first, second = (list(csv.reader((tmp_path / name).open())) for name in ("a.csv", "c.csv"))
    assert [row[0] for row in first] == [row[0] for row in second]
    assert [row[1] for row in first][6] == "0"
    numbers = [np.array([[float(cell or "nan") for cell in row[2:]] for row in rows[1:]]) for rows in (first, second)]
    np.testing.assert_allclose(numbers[1], numbers[0], atol=3e-7)  # float32 of the take's own file


def test_weights_of_the_joints(named_head: HeadModel, make_take: Callable[..., Take]) -> None:
    take = make_take(named_head)
    take.pose[0] = [[0, 0, 0], [0, 0, 0], [-0.1, -0.25, 0], [-0.22, 0.305, 0], [0.61, 0.61, 0]]
    weights = dict(zip(UNIT_NAMES, weights_of(take).value[0], strict=True))
    expected = {
        "jawOpen": -0.2, "jawLeft": 0, "jawRight": 0.5, "eyeLookUpLeft": 0.5, "eyeLookDownLeft": 0,
        "eyeLookOutLeft": 0.5, "eyeLookInLeft": 0, "eyeLookDownRight": 1, "eyeLookInRight": 1, "eyeLookOutRight": 0,
    }  # fmt: skip
    assert {name: weights[name] for name in expected} == pytest.approx(expected, abs=1e-6)
