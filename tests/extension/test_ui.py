# SPDX-License-Identifier: GPL-3.0-or-later
"""The button, pressed with the mouse in a Blender with a window.

MICROFACE_BLENDER_WINDOW names a command that is called with OUT SCRIPT ZIP: it makes the folder OUT (under /tmp),
installs ZIP in a Blender on a screen of 1600 x 900, runs SCRIPT in it with UI_OUT=OUT, and serves the requests that
SCRIPT writes to OUT (see ui_session.py). The zip, named by MICROFACE_ZIP, must hold wheels for that Blender's Python
(`python3 dev.py build --abi cp314`). MICROFACE_UI_CLIP names other footage than the default, MICROFACE_UI_SHOTS a
folder that keeps the screenshots.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

SESSION = Path(__file__).with_name("ui_session.py")


@pytest.fixture(scope="module")
def session(in_window: Callable[..., Path], clip: Path) -> Path:
    """The folder of screenshots after the session."""
    return in_window(SESSION, "MICROFACE_CLIP", Path(os.environ.get("MICROFACE_UI_CLIP", clip)))


@pytest.fixture(scope="module")
def facts(session: Path) -> dict[str, object]:
    seen: dict[str, object] = json.loads((session / "session.json").read_text())
    assert seen["failure"] == ""
    return seen


def test_the_cross_cancels_at_its_first_click_and_leaves_nothing(facts: dict[str, object]) -> None:
    assert facts["cancelled"] == {"clicks": 1, "take": "", "error": ""}


def test_blender_stays_live_while_the_job_runs(facts: dict[str, object]) -> None:
    """A timer of 0.1 s is asked for all the while: a blocked window would hardly answer."""
    assert facts["ticks"] > 2 * facts["waited_s"]  # type: ignore[operator]


def test_button_leaves_an_animated_head(facts: dict[str, object]) -> None:
    assert facts["error"] == ""
    assert facts["keys"] > 30  # type: ignore[operator]
    assert facts["camera"]


def test_event_in_the_list_leads_to_its_frame(facts: dict[str, object]) -> None:
    if not facts["events"]:
        pytest.skip("the clip has no event: name one that has in MICROFACE_UI_CLIP")
    assert facts["frame_moved"] != 0


def test_every_state_was_photographed(session: Path, facts: dict[str, object]) -> None:
    assert {"empty.png", "error.png", "before.png", "progress.png", "cancelled.png", "result.png"} <= {
        p.name for p in session.iterdir()
    }


def test_blenders_log_has_no_complaint(
    session: Path, facts: dict[str, object], complaints: Callable[..., list[str]]
) -> None:
    assert complaints(session, "There is no file") == []
