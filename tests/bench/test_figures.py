# SPDX-License-Identifier: GPL-3.0-or-later
"""The benchmark's figures, tables and plots, from motions and events whose figures are known."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.types import Event
from microface.tests.bench.chart import write_charts
from microface.tests.bench.figures import against_truth, calibration, event_figures, overlap
from microface.tests.bench.table import markdown, median, tables

RUN = Path(__file__).with_name("run.py")
MICRO = {"kind": "micro", "onset_s": 1.0, "apex_s": 1.1, "offset_s": 1.3, "peak_px": 1.0}
BLINK = {"kind": "blink", "onset_s": 2.0, "apex_s": 2.1, "offset_s": 2.3}
META = {"amp_px": 1.0, "events": [MICRO, BLINK], "frames": 300, "fps": 100.0}


def event(onset: float, offset: float, kind: str = "micro") -> Event:
    return Event(onset, (onset + offset) / 2, offset, kind, ("jawOpen",), 0.8, 0.1, 1.0)


def test_right_error_bars_hold_and_narrow_ones_do_not() -> None:
    rng = np.random.default_rng(0)
    std = rng.uniform(0.5, 2, (50, 200, 3))
    error = rng.standard_normal(std.shape) * std
    right, narrow = calibration(error, np.zeros_like(error), std), calibration(error, np.zeros_like(error), std / 2)
    assert right["within1"] == pytest.approx(0.683, abs=0.01)
    assert right["within2z"] == pytest.approx(0.954, abs=0.01)
    assert right["std_px"] == pytest.approx(right["rmse_px"], rel=0.02)
    assert narrow["within2"] == pytest.approx(0.683, abs=0.01)


def test_events_are_found_missed_and_invented() -> None:
    both = [event(1.02, 1.3), event(2.0, 2.28, "blink")]
    found = event_figures(tuple(both), META)
    assert (found["events_true"], found["events_hit"], found["events_false"]) == (1, 1, 0)
    assert (found["blinks_true"], found["blinks_named"], found["blinks_false"]) == (1, 1, 0)
    assert found["event_error_px"] == pytest.approx(-0.2)
    smeared = event_figures((event(1.0, 2.3), event(2.0, 2.3)), META)  # too long; the blink as an expression
    assert (smeared["events_hit"], smeared["events_false"], smeared["blinks_named"]) == (0, 2, 0)
    assert event_figures((), META)["events_hit"] == 0


def test_overlap() -> None:
    assert overlap(event(0, 2), {"onset_s": 1, "offset_s": 3}) == pytest.approx(1 / 3)
    assert overlap(event(0, 1), {"onset_s": 2, "offset_s": 3}) == 0


def test_talking_that_is_followed_is_no_false_motion() -> None:
    course = np.sin(np.arange(40) / 3)[:, None, None]
    talking = course * np.random.default_rng(1).standard_normal((1, 30, 3))
    assert against_truth(talking, talking, {"amp_px": 0.0})["floor_px"] == 0
    assert against_truth(talking, 0 * talking, {"amp_px": 0.0})["floor_px"] > 0.5
    meta = {"amp_px": 1.0, "onset": 10, "apex": 15, "offset": 20}
    assert against_truth(talking, 1.1 * talking, meta)["err3d"] == pytest.approx(0.1)


def rows() -> list[dict[str, Any]]:
    made = []
    for number, level in enumerate((0.5, 1.0, 2.0)):
        plan = {"name": f"n{number}", "condition": "reference", "level": level, "face": "head_a", "amp_px": level}
        made.append({
            "plan": plan, "err2d": 0.6 - 0.1 * number, "err3d": 0.7, "gain": 1.0, "errz": 0.9,
            "within1": 0.6 + 0.1 * number, "within2": 0.95, "within1z": 0.8, "within2z": 0.99,
            "depth_share": 0.1 * number, "events_hit": number, "events_true": 2, "events_false": 1, "seconds": 30.0,
        })  # fmt: skip
    still = {"name": "s", "condition": "still", "level": 0.0, "face": "head_b", "amp_px": 0.0}
    return [
        *made,
        {"plan": still, "error": "MicrofaceError: no face"},
        {"plan": still, "seconds": 60.0, "floor_px": 0.01},
    ]


def test_tables_say_what_was_measured_and_what_failed() -> None:
    text = tables(rows(), ["flame_a"])
    assert "Left out, no shared material: flame_a" in text
    assert "no face" in text
    assert "| 2 | 1 | 1.000 | 0.400 |" in text
    precision, recall, false = 3 / 6, 3 / 6, 3 / 2.5
    assert "| reference | 3 | 0.700 | 0.950 | 0.800 | 0.990 |" in text
    assert "errz over all 1 clips with more than 15 % of the motion in depth: 0.900." in text
    assert f"| all | 2.500 | {precision:.3f} | {recall:.3f} | {false:.3f} |" in text


def test_depth_counts_only_where_there_is_some() -> None:
    made = rows()[:3]
    made[2]["errz"] = 0.5
    assert median(made, "errz") == 0.5
    assert median(made[:1], "errz") is None
    assert markdown(["a"], [[None]]) == "| a |\n| --- |\n|  |"


def test_charts_are_pictures(tmp_path: Path) -> None:
    paths = write_charts(rows(), tmp_path)
    assert {path.name for path in paths} == {"detection.svg", "calibration.svg", "reference.svg"}
    for path in paths:
        tree = ET.parse(path)
        assert len(tree.findall(".//{http://www.w3.org/2000/svg}polyline")) >= 2


@pytest.mark.long
def test_the_smoke_subset_runs_and_goes_on_where_it_stopped(built: None, tmp_path: Path) -> None:
    command = [sys.executable, str(RUN), "--split", "smoke", "--jobs", str(min(os.cpu_count() or 1, 4))]
    command += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--shared", str(tmp_path / "none")]
    subprocess.run(command, check=True)
    results = tmp_path / "out" / "results.jsonl"
    found = [json.loads(line) for line in results.read_text().splitlines()]
    assert not [row for row in found if "error" in row]
    assert min(row["coverage"] for row in found) > 0.97
    assert median([row for row in found if row["plan"]["condition"] == "reference"], "err2d") < 0.7
    before = results.read_bytes()
    subprocess.run(command, check=True)
    assert results.read_bytes() == before
    assert (tmp_path / "out" / "table.md").stat().st_size > 1000
