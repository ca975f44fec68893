# SPDX-License-Identifier: GPL-3.0-or-later
"""Coding sheets and ELAN's text: to events and back; agreement against figures worked out by hand."""

import math
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.exchange.agreement import agreement, overlaps
from microface.backend.exchange.annotation import Annotation, as_event, from_event, parse_action_units
from microface.backend.exchange.coding_sheet import frame_times, read_coding_sheet, take_times, write_coding_sheet
from microface.backend.exchange.elan import read_elan, write_elan
from microface.backend.types import Event

CASME_2 = """Subject,Filename,,OnsetFrame,ApexFrame,OffsetFrame,,Action Units,Estimated Emotion
1,EP02_01f,,46,59,86,,12,happiness
1,EP03_02,,131,/,161,,4+L10,others
17,EP05_03,,21,30,221,,?,disgust
"""
SAMM = (
    "Spontaneous Micro-Facial Movement\t\t\t\t\t\t\t\t\t\nSome prose, with onset in it\n\n"
    "Subject\tFilename\tInducement Code\tOnset Frame\tApex Frame\tOffset Frame\tDuration\tMicro\tAction Units\tEstimated Emotion\n"
    "006\t006_1_2\t1\t5562\t5588\t5632\t71\tMicro - 1/2\tR14A or 17A or 24A\tContempt\n"
    "007\t007_3_1\t3\t100\t0\t400\t301\tMicro - 1/2\t7B+ ref(43)\tAnger\n"
)
ELAN = (
    "micro\t\t00:00:01.234\t1.234\t1234\t00:00:01.530\t1.530\t1530\t0.296\t4+L10 disgust\n"
    "micro apex\t\t00:00:01.300\t1.300\t1300\t00:00:01.301\t1.301\t1301\t0.001\tapex\n"
    "macro\t\t00:01:00.000\t60.000\t60000\t00:01:02.500\t62.500\t62500\t2.500\tsmiles\n"
)


def event(onset: float, apex: float, offset: float, kind: str = "micro", units: tuple[str, ...] = ()) -> Event:
    return Event(onset, apex, offset, kind, units, 1.0, 0.1, 0.9)


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("4", ("4",)), ("4+7", ("4", "7")), ("L12", ("L12",)), ("R14A", ("R14",)), ("7B+ ref(43)", ("7",)),
        ("(R6 or R12) + R15", ("R6", "R15")), ("T18+39", ("18", "39")), ("?", ()), ("R4,5", ("R4", "5")),
        ("14,L24,", ("14", "L24")), ("R14A or 17A or 24A", ("R14",)), ("A9E+ref(10)", ("9",)), ("4A/B", ("4",)),
        ("AU12 + AU6", ("12", "6")), ("", ()), ("nan", ()), ("4+4", ("4",)), ("L12 or L14 ", ("L12",)),
    ],
)  # fmt: skip
def test_action_units_as_coders_write_them(text: str, units: tuple[str, ...]) -> None:
    assert parse_action_units(text) == units


def test_a_sheet_of_casme_2(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CASME_2)
    rows = read_coding_sheet(tmp_path / "a.csv", frame_times(200))
    assert [row.clip for row in rows] == ["1/EP02_01f", "1/EP03_02", "17/EP05_03"]
    assert (rows[0].onset_s, rows[0].apex_s, rows[0].offset_s) == pytest.approx((0.225, 0.29, 0.425))
    assert [row.action_units for row in rows] == [("12",), ("4", "L10"), ()]
    assert [row.kind for row in rows] == ["micro", "micro", "macro"]  # 1 s is longer than half a second
    assert math.isnan(rows[1].apex_s)
    assert [row.label for row in rows] == ["happiness", "others", "disgust"]
    assert [one.onset_s for one in read_coding_sheet(tmp_path / "a.csv", frame_times(200), "EP03_02")] == [0.65]
    assert read_coding_sheet(tmp_path / "a.csv", frame_times(200), "17/EP05_03") == [rows[2]]


def test_a_sheet_of_samm_begins_with_prose(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(SAMM, encoding="utf-16")
    first, second = read_coding_sheet(tmp_path / "a.txt", frame_times(200))
    assert (first.onset_s, first.apex_s, first.offset_s) == pytest.approx((5561 / 200, 5587 / 200, 5631 / 200))
    assert (first.clip, first.action_units) == ("006/006_1_2", ("R14",))
    assert second.kind == "micro"  # the coder says so, though it lasts 1.5 s
    assert math.isnan(second.apex_s)


def test_frames_of_footage_without_a_constant_rate() -> None:
    time_of = take_times(np.array([0.0, 0.03, 0.08, 0.10]), np.arange(46, 50))
    assert [time_of(frame) for frame in (46, 47, 48, 49)] == pytest.approx([0, 0.03, 0.08, 0.10])
    assert time_of(51) == pytest.approx(0.10 + 2 * 0.1 / 3)
    assert time_of(45) == pytest.approx(-0.1 / 3)


@pytest.mark.parametrize("samm", [False, True])
def test_events_to_a_sheet_and_back(tmp_path: Path, samm: bool) -> None:
    events = [
        event(0.1, 0.2, 0.3, "micro", ("mouthSmileLeft", "mouthSmileRight", "noseSneerRight")),
        event(1.0, 1.5, 2.0, "macro", ("browInnerUp", "-browDownLeft", "eyeLookOutLeft", "eyeLookInRight")),
    ]
    events[1] = replace(events[1], emotion="surprise")
    annotations = [from_event(one) for one in events]
    assert [one.action_units for one in annotations] == [("12", "R9"), ("1", "61")]
    write_coding_sheet(tmp_path / "a.csv", annotations, lambda time_s: 1 + round(time_s * 200), samm=samm)
    back = read_coding_sheet(tmp_path / "a.csv", frame_times(200))
    for was, now in zip(annotations, back, strict=True):
        assert (now.onset_s, now.apex_s, now.offset_s) == pytest.approx((was.onset_s, was.apex_s, was.offset_s))
        assert (now.action_units, now.kind) == (was.action_units, was.kind)
        assert now.label == was.label
    again = [as_event(one) for one in back]
    assert [one.emotion for one in again] == ["", "surprise"]
    assert again[0].units == ("mouthSmileLeft", "mouthSmileRight", "noseSneerRight")
    assert again[1].units == ("browInnerUp", "eyeLookOutLeft", "eyeLookInRight")


def test_what_no_named_unit_shows_keeps_its_number() -> None:
    coded = Annotation(0, math.nan, 0.4, "micro", ("38", "L10"))
    assert as_event(coded).units == ("AU38", "mouthUpperUpLeft")
    assert as_event(coded).apex_s == pytest.approx(0.2)
    assert from_event(as_event(coded)).action_units == ("L10", "38")


def test_elan_as_it_exports_without_a_heading(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(ELAN)
    micro, macro = read_elan(tmp_path / "a.txt")
    assert (micro.onset_s, micro.apex_s, micro.offset_s) == pytest.approx((1.234, 1.3, 1.53))
    assert (micro.kind, micro.action_units, micro.label) == ("micro", ("4", "L10"), "disgust")
    assert (macro.kind, macro.offset_s, macro.label) == ("macro", 62.5, "smiles")
    assert math.isnan(macro.apex_s)


@pytest.mark.parametrize(
    "times", [("1.234", "1.530"), ("00:00:01.234", "00:00:01.530"), ("1234", "1530"), ("1,234", "1,530")]
)
def test_elan_with_a_heading_in_any_of_its_times(tmp_path: Path, times: tuple[str, str]) -> None:
    heading = "tier\tBegin Time - x\tEnd Time - x\tannotation"
    (tmp_path / "a.txt").write_text(f"{heading}\nAU\t{times[0]}\t{times[1]}\t12\n")
    (one,) = read_elan(tmp_path / "a.txt")
    assert (one.onset_s, one.offset_s, one.kind, one.action_units) == (1.234, 1.53, "micro", ("12",))


def test_elan_and_back(tmp_path: Path) -> None:
    annotations = [
        Annotation(0.1004, 0.2, 0.3, "micro", ("12", "R9"), "happiness"), Annotation(1, math.nan, 2, "macro", (), "odd"),
        Annotation(3, 3.5, 3.5, "blink", ("45",)),
    ]  # fmt: skip
    write_elan(tmp_path / "a.txt", annotations)
    back = read_elan(tmp_path / "a.txt")
    for was, now in zip(annotations, back, strict=True):
        moments = [(one.onset_s, one.apex_s, one.offset_s) for one in (was, now)]
        np.testing.assert_allclose(moments[1], moments[0], atol=5.1e-4)
        assert (now.kind, now.action_units, now.label) == (was.kind, was.action_units, was.label)


def workbook(path: Path, sheet: str, texts: str = "") -> Path:
    """What a spreadsheet program saves, reduced to what must be there; the first sheet is empty."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData/></worksheet>")
        archive.writestr("xl/worksheets/sheet2.xml", f"<worksheet {space}><sheetData>{sheet}</sheetData></worksheet>")
        archive.writestr("xl/sharedStrings.xml", f"<sst {space}>{texts}</sst>")
    return path


def test_a_sheet_as_it_is_handed_out(tmp_path: Path) -> None:
    """Shared texts with runs, texts in place, numbers with and without a point, gaps between cells."""
    texts = "".join(f"<si><t>{text}</t></si>" for text in ("Onset Frame", "Apex Frame", "Offset Frame"))
    texts += "<si><r><t>4+</t></r><r><t>L10</t></r></si>"
    head = "".join(f'<c r="{letter}14" t="s"><v>{k}</v></c>' for k, letter in enumerate("DEG"))
    head += '<c r="AA14" t="inlineStr"><is><t>Action Units</t></is></c>'
    row = '<c r="D15"><v>46</v></c><c r="E15"><v>59.0</v></c><c r="G15"><v>86</v></c><c r="AA15" t="s"><v>3</v></c>'
    prose = '<row r="1"><c r="A1" t="inlineStr"><is><t>Prose</t></is></c></row>'
    path = workbook(tmp_path / "a.xlsx", f'{prose}<row r="14">{head}</row><row r="15">{row}</row>', texts)
    (one,) = read_coding_sheet(path, frame_times(200))
    assert (one.onset_s, one.apex_s, one.offset_s) == pytest.approx((0.225, 0.29, 0.425))
    assert one.action_units == ("4", "L10")


def test_bad_workbooks(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", '<row r="1"><c r="A1"><v>1</v></c></row>').read_bytes()
    (tmp_path / "cut.xlsx").write_bytes(whole[:200])
    bomb = workbook(tmp_path / "bomb.xlsx", "<row/>", "<!DOCTYPE a>")
    number = workbook(tmp_path / "number.xlsx", '<row r="1"><c r="A1" t="s"><v>7</v></c></row>')
    for path in (tmp_path / "cut.xlsx", bomb, number):
        with pytest.raises(MicrofaceError, match="not a workbook"):
            read_coding_sheet(path, frame_times(200))
    with pytest.raises(MicrofaceError, match="is empty"):
        read_coding_sheet(workbook(tmp_path / "empty.xlsx", ""), frame_times(200))
    with pytest.raises(MicrofaceError, match="no column onsetframe"):
        read_coding_sheet(tmp_path / "a.xlsx", frame_times(200))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("Subject,Filename,ApexFrame,OffsetFrame\n1,a,2,3", "no column onsetframe"),
        ("OnsetFrame,ApexFrame,OffsetFrame\nsoon,2,3", "line 2: 'soon'"),
        ("OnsetFrame,ApexFrame,OffsetFrame\n9,2,30", "line 2.*out of order"),
        ("OnsetFrame,ApexFrame,OffsetFrame\n9,,", "line 2.*out of order"),
        ("OnsetFrame,ApexFrame,OffsetFrame\n", "has no row"),
    ],
)
def test_bad_sheets(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(MicrofaceError, match=words):
        read_coding_sheet(tmp_path / "a.csv", frame_times(200))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("micro\tnever\tx\ty", "line 1: no begin and end"),
        ("micro\t2.0\t1.0\t12", "line 1: it ends before"),
        ("tier\tBegin Time\tvalue\nmicro\t1.0\t12", "no column end time"),
        ("Tier\tBegin Time\tEnd Time\tValue\n", "no annotations"),
    ],
)
def test_bad_elan_files(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(MicrofaceError, match=words):
        read_elan(tmp_path / "a.txt")


def test_overlap_is_intersection_over_union() -> None:
    coded = [Annotation(0, 0.5, 1, "micro"), Annotation(5, 5, 5, "micro")]
    found = [event(0.5, 0.6, 1.5), event(2, 2, 3), event(5, 5, 5), event(0, 0, 1)]
    np.testing.assert_allclose(overlaps(found, coded), [[1 / 3, 0], [0, 0], [0, 1], [1, 0]])


def test_agreement_by_hand() -> None:
    coded = [Annotation(1, 1.2, 1.4, "micro"), Annotation(3, math.nan, 3.4, "micro"), Annotation(6, 6.1, 6.2, "micro")]
    found = [event(1.1, 1.25, 1.4), event(3.0, 3.1, 3.3), event(8, 8.1, 8.2), event(1.0, 1.1, 1.8)]
    figures = agreement(found, coded)
    assert (figures.found, figures.missed, figures.false) == (2, 1, 2)
    assert figures.precision == pytest.approx(0.5)
    assert figures.recall == pytest.approx(2 / 3)
    assert figures.f1 == pytest.approx(4 / 7)
    assert figures.overlap == pytest.approx(0.75)  # 0.3/0.4 both
    assert (figures.onset_error_s, figures.offset_error_s) == pytest.approx((0.05, 0.05))
    assert (figures.apex_error_s, figures.apex_bias_s) == pytest.approx((0.05, 0.05))


def test_as_many_as_possible_are_found() -> None:
    """The first event overlaps both annotations best with the first, which only the second event can have."""
    coded = [Annotation(0, 0, 1, "micro"), Annotation(0.4, 0.4, 1.2, "micro")]
    found = [event(0.2, 0.3, 1.0), event(-0.5, 0, 0.8)]
    assert agreement(found, coded).found == 2


def test_nothing_found_and_nothing_coded() -> None:
    assert agreement([], [Annotation(0, 0, 1, "micro")]).missed == 1
    assert agreement([event(0, 0, 1)], []).false == 1
    assert math.isnan(agreement([], []).overlap)
