# SPDX-License-Identifier: GPL-3.0-or-later
"""List, player and strength in a Blender with a window; how it is started is told in test_ui.py.

MICROFACE_UI_TAKE names a take of the generic head to look at instead of the one made here.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.take import write_take
from microface.backend.types import Event, Take
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head

SESSION = Path(__file__).with_name("list_session.py")
FRAMES, FPS = 90, 60.0
EVENTS = (
    Event(0.2, 0.3, 0.4, "micro", ("browInnerUp",), 0.8, 0.2, 0.95),
    Event(0.6, 0.75, 0.95, "micro", ("mouthSmileLeft", "mouthSmileRight"), 1.2, 0.3, 0.9),
    Event(1.1, 1.2, 1.3, "blink", ("eyeBlinkLeft", "eyeBlinkRight"), 9.0, 0.5, 1.0),
)
STRENGTHS = {
    "browInnerUp": 0.06,
    "mouthSmileLeft": 0.05,
    "mouthSmileRight": 0.03,
    "eyeBlinkLeft": 0.9,
    "eyeBlinkRight": 0.9,
}


def acted(head: HeadModel) -> Take:
    """A still head whose events are raised cosines, and a detail that comes with the smile."""
    time_s, count, units = np.arange(FRAMES) / FPS, len(head.template), len(head.expression_names)
    expression = np.zeros((FRAMES, units), np.float32)
    for event in EVENTS:
        for unit in event.units:
            phase = np.interp(time_s, (event.onset_s, event.apex_s, event.offset_s), (0, 0.5, 1))
            expression[:, head.expression_names.index(unit)] = STRENGTHS[unit] * (0.5 - 0.5 * np.cos(2 * np.pi * phase))
    detail = head.expression[[head.expression_names.index("cheekSquintLeft")]] * 0.05
    zeros = {name: np.zeros((FRAMES, *size), np.float32) for name, size in {
        "expression_std": (units,), "expression_factor": (units, 1), "pose": (5, 3), "pose_std": (5, 3),
        "translation_std": (3,), "detail_std": (1,), "depth_std": (),
    }.items()}  # fmt: skip
    return Take(
        time_s=time_s, valid=np.zeros(FRAMES, np.uint8), shape=np.zeros(len(head.identity), np.float32),
        shape_std=np.ones(len(head.identity), np.float32), shape_offset=np.zeros((count, 3), np.float32),
        expression_names=head.expression_names, expression=expression, joint_names=head.joint_names,
        translation=np.tile([0.0, 0.0, 0.6], (FRAMES, 1)), detail_basis=detail.astype(np.float32),
        detail=expression[:, [head.expression_names.index("mouthSmileLeft")]] * 20,
        camera=np.array([[900.0, 0, 320], [0, 900.0, 320], [0, 0, 1]]), size=(640, 640),
        landmark_frames=np.zeros(0, np.int64), landmarks=np.zeros((0, 478, 2), np.float32),
        confidence=np.ones(FRAMES, np.float32), seen=np.ones((FRAMES, units), np.float32),
        patch=np.full(count, -1, np.int32), covered=np.zeros((FRAMES, 0), np.uint8), noise_px={}, noise_reason="noise",
        template_frames=np.zeros(0, np.int64), events=EVENTS, head={"name": head.name, "sha256": head.sha256},
        source={"path": "", "sha256": "", "fps": FPS, "first_frame": 0}, settings={}, **zeros,
    )  # fmt: skip


@pytest.fixture(scope="module")
def session(in_window: Callable[..., Path], built: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of screenshots after the session."""
    take = tmp_path_factory.mktemp("take") / "acted.take.npz"
    write_take(take, acted(read_head(asset_path("generic_head.npz"))))
    return in_window(SESSION, "MICROFACE_TAKE", Path(os.environ.get("MICROFACE_UI_TAKE", take)))


@pytest.fixture(scope="module")
def facts(session: Path) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads((session / "session.json").read_text())
    assert seen["failure"] == ""
    return seen


def test_clicked_events_lead_to_their_frames(facts: dict[str, Any]) -> None:
    assert facts["clicked_frames"] == [19, 46]  # 0.3 and 0.75 s at 60 a second, from frame 1
    assert facts["chosen"] == 1


def test_an_event_is_played_between_frames_and_leaves_nothing(facts: dict[str, Any]) -> None:
    played = [frame for frame in facts["played_frames"] if frame != 46]  # where the playhead was
    assert len(played) > 5 and any(frame % 1 for frame in played)
    assert min(played) >= 1 + 60 * 0.4 - 0.1 and max(played) <= 1 + 60 * 1.15 + 0.1
    assert facts["frame_after_play"] == 46 and facts["modal_left"] == 0


def test_buttons_correct_the_event(facts: dict[str, Any]) -> None:
    assert facts["apex_moved_s"] == pytest.approx(1 / 60, abs=1e-4)
    assert facts["counts"] == [3, 4, 3, 2, 3]  # split, merged, deleted, undone


def test_strength_is_reset_by_its_button(facts: dict[str, Any]) -> None:
    assert facts["reset"] == [1.0, 1.0]


def test_an_event_becomes_an_asset_and_a_strip(facts: dict[str, Any]) -> None:
    assert facts["asset"] == "AU1 micro 1 browInnerUp"
    assert facts["strips"] == 1


def test_every_state_was_photographed(session: Path, facts: dict[str, Any]) -> None:
    names = {"list", "list_event", "list_playing", "list_corrected", "strength_1", "strength_12", "keying_assets"}
    assert names <= {path.stem for path in session.glob("*.png")}


def test_blenders_log_has_no_complaint(
    session: Path, facts: dict[str, Any], complaints: Callable[..., list[str]]
) -> None:
    assert complaints(session) == []
