# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user does, in a windowed Blender: open the tab, choose a video, press the button, cancel, press again, look.

Runs inside Blender (`--python`); see test_ui.py for the launcher. Screenshots and mouse clicks are asked for by files
in the folder UI_OUT: `shot-NAME` (becomes NAME.png) and `click-NAME` holding "x y" in pixels from the top left of the
screen; the launcher removes the file when it has done so. What happened is written to UI_OUT/session.json.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

OUT = Path(os.environ["UI_OUT"])
CLIP = os.environ["MICROFACE_CLIP"]
LIMIT_S = float(os.environ.get("MICROFACE_UI_LIMIT", "400"))
os.environ["MICROFACE_CACHE"] = str(OUT / "cache")  # a known result would be there before it can be cancelled

# From the top of the sidebar to the middle of a row, in units of a button's height: no API tells where buttons are.
BUTTON_ROW, PROGRESS_ROW = 3.74, 3.55
EVENT_ROW, EMPTY_ROW = 14.2, 30.0
RIGHT_END = 0.9  # of the panel: where the cross that cancels stands
SCREEN_HEIGHT = 900  # px, of the launcher's virtual screen
PATIENCE_S, TRIES = 12, 3

Steps = Iterator[float]
facts: dict[str, object] = {"ticks": 0}


def request(kind: str, name: str, text: str = "") -> Steps:
    path = OUT / f"{kind}-{name}"
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)
    while path.exists():
        yield 0.1


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.microface


def view() -> tuple[bpy.types.Area, bpy.types.Region]:
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    return area, next(region for region in area.regions if region.type == "UI")


def open_tab() -> Steps:
    area, sidebar = view()
    area.spaces.active.show_region_ui = True
    while sidebar.active_panel_category == "UNSUPPORTED":  # until the sidebar has been drawn once
        area.tag_redraw()
        yield 0.2
    sidebar.active_panel_category = "Microface"
    area.tag_redraw()
    yield 0.5


def click(column: float, row: float) -> Steps:
    """Press the mouse in the sidebar, `column` 0..1 across it and `row` button heights below its top."""
    _, sidebar = view()
    window = bpy.context.window_manager.windows[0]
    unit = 20 * bpy.context.preferences.system.ui_scale
    x = window.x + sidebar.x + column * (sidebar.width - unit)  # the tabs take the last unit
    y = SCREEN_HEIGHT - (window.y + sidebar.y + sidebar.height) + row * unit
    yield from request("click", "mouse", f"{round(x)} {round(y)}\n")


def wait(what: str, condition: Callable[[], object], limit_s: float) -> Steps:
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {limit_s} s: {state().error} {state().remedy}")
        facts["ticks"] = int(facts["ticks"]) + 1  # type: ignore[call-overload]
        yield 0.1


def press(what: str, column: float, row: float, done: Callable[[], object]) -> Steps:
    """Click until it shows, and note how many clicks it took."""
    for number in range(TRIES):
        yield from click(column, row)
        asked = time.monotonic()
        while not done() and time.monotonic() < asked + PATIENCE_S:
            yield 0.1
        if done():
            facts["clicks"] = number + 1
            return
    raise TimeoutError(f"{what} did not come after {TRIES} clicks: {state().error} {state().remedy}")


def press_button() -> Steps:
    yield from press("the job", 0.5, BUTTON_ROW, lambda: state().running)


def look_at_first_event() -> Steps:
    """Click on the first line of the list."""
    before = bpy.context.scene.frame_current
    yield from click(0.3, EVENT_ROW)
    yield 1.0
    facts["frame_moved"] = bpy.context.scene.frame_current - before


def steps() -> Steps:
    yield 0.5
    yield from open_tab()
    yield from request("shot", "empty")
    bpy.context.scene.microface.source = CLIP
    yield from open_tab()
    yield from request("shot", "before")

    bpy.context.scene.microface.source = str(OUT / "gone.mp4")
    yield from press("the error", 0.5, BUTTON_ROW, lambda: state().error)
    yield 0.5
    yield from request("shot", "error")
    yield from click(0.5, EMPTY_ROW)  # the error also pops up at the mouse, until the mouse leaves
    bpy.context.scene.microface.source = CLIP
    yield from press_button()
    yield from wait("progress", lambda: state().fraction > 0, LIMIT_S)
    yield from press("the end of a cancelled job", RIGHT_END, PROGRESS_ROW, lambda: not state().running)
    facts["cancelled"] = {"clicks": facts["clicks"], "take": state().take, "error": state().error}
    yield 0.5
    yield from request("shot", "cancelled")

    yield from press_button()
    yield from wait("half of the job", lambda: state().fraction > 0.4 or state().error, LIMIT_S)
    yield from request("shot", "progress")
    facts["ticks"] = 0
    started = time.monotonic()
    yield from wait("the end", lambda: not state().running, LIMIT_S)
    facts["waited_s"] = time.monotonic() - started
    yield 2.0
    yield from look_at_first_event()
    yield from request("shot", "result")
    facts["error"] = state().error
    facts["events"] = sum(len(thing.microface.events) for thing in bpy.data.objects)
    facts["take"] = state().take
    facts["objects"] = [thing.name for thing in bpy.data.objects]
    facts["keys"] = sum(len(key.key_blocks) for key in bpy.data.shape_keys)
    facts["camera"] = bpy.context.scene.camera.name if bpy.context.scene.camera else ""


def finish(error: str = "") -> None:
    (OUT / "session.json").write_text(json.dumps({**facts, "failure": error}))
    bpy.ops.wm.quit_blender()


def tick() -> float | None:
    wait, failed = None, True
    try:
        wait = next(RUN, None)
        failed = False
    finally:
        if failed:  # the timer is gone: left open, the window would stay for ever
            finish(traceback.format_exc())
    if wait is None:
        finish()
    return wait


RUN = steps()
bpy.app.timers.register(tick, first_interval=0.5, persistent=True)
