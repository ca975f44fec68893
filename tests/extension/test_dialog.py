# SPDX-License-Identifier: GPL-3.0-or-later
"""A dropped video, its dialog, working on while the job runs, corrections, and quitting; see test_ui.py for the launcher."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SESSION = Path(__file__).with_name("dialog_session.py")


@pytest.fixture(scope="module")
def session(in_window: Callable[..., Path], clip: Path) -> Path:
    """The folder of screenshots after the session."""
    return in_window(SESSION, "MICROFACE_CLIP", Path(os.environ.get("MICROFACE_UI_CLIP", clip)))


@pytest.fixture(scope="module")
def facts(session: Path) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads((session / "session.json").read_text())
    assert seen["failure"] == ""
    return seen


def test_the_user_works_on_and_undoes_while_the_job_runs(facts: dict[str, Any]) -> None:
    assert facts["after_undo"] == ["Suzanne"]
    assert facts["still_running"]
    assert facts["error"] != "" or facts["monkey"]
    assert facts["ticks"] > 2 * facts["waited_s"]  # a timer of 0.1 s is asked for: a blocked window would hardly answer


def test_a_take_is_replaced_added_and_undone_as_one_step(facts: dict[str, Any]) -> None:
    assert facts["takes"] == [1, 1, 2, 1]
    assert facts["hidden"] == [True, False]
    assert facts["monkey_kept"]
    assert facts["looks_through"]


def test_the_same_settings_give_the_take_without_the_work(facts: dict[str, Any]) -> None:
    assert not {"Tracking", "Head", "Solving"} & set(facts["stages"]["again"])
    assert "Solving" in facts["stages"]["corrected"]
    assert "Tracking" not in facts["stages"]["corrected"]


def test_a_draft_has_keys_about_thirty_times_a_second(facts: dict[str, Any]) -> None:
    """The scene runs at the video's own rate since the first job."""
    step = max(1, round(facts["rate"] / 30))
    assert len(facts["draft_keys"]) > 10
    assert facts["draft_keys"] == pytest.approx([1 + step * k for k in range(len(facts["draft_keys"]))], abs=1e-3)
    assert "Motion" in facts["stages"]["draft"]  # it was computed; tracking so few frames is too short to be caught


def test_a_missing_video_is_said_with_the_next_step(facts: dict[str, Any]) -> None:
    assert facts["missing"] == "no_file"


def test_opening_another_file_ends_the_job(facts: dict[str, Any]) -> None:
    assert facts["after_another_file"] == [False, 0]


def test_quitting_in_the_middle_of_a_job_leaves_no_complaint(
    session: Path, facts: dict[str, Any], complaints: Callable[..., list[str]]
) -> None:
    assert complaints(session, "There is no file") == []


def test_every_state_was_photographed(session: Path, facts: dict[str, Any]) -> None:
    wanted = {"dialog", "dialog_progress", "dialog_result", "corrections", "takes", "draft", "next_step"}
    assert wanted <= {path.stem for path in session.glob("*.png")}
