# SPDX-License-Identifier: GPL-3.0-or-later
"""A new head is added from the preferences of a Blender with a window; how it is started is told in test_ui.py."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SESSION = Path(__file__).with_name("preferences_session.py")


@pytest.fixture(scope="module")
def session(
    shared: Path, published: Any, flame_arrays: dict[str, Any], in_window: Callable[..., Path], tmp_path_factory: Any
) -> Path:
    """The folder of screenshots after the session."""
    if not (shared / "data" / "flame" / "flame2023_open_partial.npz").is_file():
        pytest.skip("no real FLAME template: the tracker knows no invented face")
    head = tmp_path_factory.mktemp("head") / "flame2023_Open.pkl"
    head.write_bytes(published.python2_pickle(published.flame_open(flame_arrays)))
    return in_window(SESSION, "MICROFACE_HEAD", head)


@pytest.fixture(scope="module")
def facts(session: Path) -> dict[str, object]:
    seen: dict[str, object] = json.loads((session / "session.json").read_text())
    assert seen["failure"] == ""
    return seen


def test_the_head_is_there_though_the_preferences_were_closed(facts: dict[str, object]) -> None:
    assert facts["error"] == ""
    assert facts["kept"] == ["flame-2023-open.json", "flame-2023-open.npz"]


def test_the_health_check_finds_everything_here(facts: dict[str, object]) -> None:
    assert facts["health_error"] == ""
    checks: dict[str, bool] = facts["checks"]  # type: ignore[assignment]
    assert {"blender", "python", "onnxruntime", "device cpu", "kept results"} <= set(checks)
    assert all(checks.values())


def test_the_gpu_runtime_asks_before_it_comes(facts: dict[str, object]) -> None:
    assert facts["installs"] is False


def test_blender_stays_live_while_the_head_is_made_ready(facts: dict[str, object]) -> None:
    """A timer of 0.1 s is asked for all the while: a blocked window would hardly answer."""
    assert facts["ticks"] > 2 * facts["waited_s"]  # type: ignore[operator]


def test_blenders_log_has_no_complaint(
    session: Path, facts: dict[str, object], complaints: Callable[..., list[str]]
) -> None:
    """But for Blender's own, about a build without languages when its preferences open."""
    assert complaints(session, "matches no enum in 'PreferencesView', '(null)', 'language'") == []
