# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons of Compare and of Corrections, each on and off with the mouse; see test_ui.py for the launcher."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SESSION = Path(__file__).with_name("compare_session.py")


@pytest.fixture(scope="module")
def session(in_window: Callable[..., Path], clip: Path) -> Path:
    """The folder of screenshots after the session."""
    return in_window(SESSION, "MICROFACE_CLIP", Path(os.environ.get("MICROFACE_UI_CLIP", clip)))


@pytest.fixture(scope="module")
def facts(session: Path) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads((session / "session.json").read_text())
    assert seen["failure"] == ""
    return seen


def test_footage_goes_where_its_buttons_say(facts: dict[str, Any]) -> None:
    """Whether it is shown, before or behind the head, how opaque, and how far to the side in widths."""
    assert facts["footage"] == {
        "beside": [True, "BACK", 1.0, -1.0],
        "over": [True, "FRONT", 0.5, 0.0],
        "off": [False, "BACK", 1.0, 0.0],
        "behind": [True, "BACK", 1.0, 0.0],
    }


def test_wireframe_leaves_only_the_face(facts: dict[str, Any]) -> None:
    assert facts["lines"] == ["MASK"]


def test_the_magnified_head_stands_beside_the_measured_one(facts: dict[str, Any]) -> None:
    magnified, measured = facts["magnified"]
    assert magnified >= 2 and measured == 1
    before, both = facts["both_cameras"]
    assert before != both


def test_the_plot_opens_in_a_window_of_its_own(facts: dict[str, Any]) -> None:
    kind, name, width, height = facts["plot"]
    assert kind == "IMAGE_EDITOR" and name.endswith("head motion") and min(width, height) > 300


def test_the_head_wears_the_skin_of_its_footage(facts: dict[str, Any]) -> None:
    assert [name.rsplit(" ", 1)[1] for name in facts["skin"]] == ["iris", "skin"]
    width, packed = facts["skin_image"]
    assert width >= 1024 and packed


def test_the_footage_opens_with_a_mask_to_draw(facts: dict[str, Any]) -> None:
    kind, mode, clip, shown = facts["drawing"]
    assert [kind, mode, shown] == ["CLIP_EDITOR", "MASK", True] and clip.endswith(".mp4")
    assert facts["mask"] == [f"{Path(clip).stem} painted out", ["Hidden"]]


def test_pins_stand_on_the_head_and_are_chosen(facts: dict[str, Any]) -> None:
    count, frames = facts["pins"]
    assert count == 6 and len(frames) == 1 and facts["pins_chosen"]
    assert facts["pins_off_px"] < 0.5


def test_the_next_reconstruction_has_pins_and_mask(facts: dict[str, Any]) -> None:
    """It is a second take beside the first one; its pins are where they were put in the picture."""
    assert facts["takes"] == [True, False]
    assert facts["new_pins_off_px"] < 0.5
    assert facts["painted_out"] == [True, False]


def test_every_button_leaves_nothing_behind(facts: dict[str, Any]) -> None:
    """Data of every kind, and what the head wears and how it is shown, are as before."""
    assert facts["left_behind"] == {name: {} for name in ("lines", "before_after", "plot", "skin", "pins")}


def test_every_state_was_photographed(session: Path, facts: dict[str, Any]) -> None:
    compare = ("beside", "over", "off", "behind", "lines", "before_after", "plot", "skin", "all", "plain")
    corrections = ("mask", "pins", "result")
    names = {f"compare_{name}" for name in compare} | {f"corrections_{name}" for name in corrections}
    assert names <= {path.stem for path in session.glob("*.png")}


def test_blenders_log_has_no_complaint(
    session: Path, facts: dict[str, Any], complaints: Callable[..., list[str]]
) -> None:
    assert complaints(session) == []
