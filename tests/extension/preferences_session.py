# SPDX-License-Identifier: GPL-3.0-or-later
"""In a windowed Blender: add a head from the preferences by the file browser, close the preferences meanwhile, look.

Runs inside Blender (`--python`); see test_preferences.py. Screenshots are asked for as in ui_session.py.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import bpy

OUT = Path(os.environ["UI_OUT"])
HEAD = Path(os.environ["MICROFACE_HEAD"])
LIMIT_S = float(os.environ.get("MICROFACE_UI_LIMIT", "300"))
os.environ |= {"MICROFACE_DATA": str(OUT / "data"), "MICROFACE_CACHE": str(OUT / "cache")}

Steps = Iterator[float]
facts: dict[str, object] = {"ticks": 0}


def shot(name: str) -> Steps:
    path = OUT / f"shot-{name}"
    path.touch()
    while path.exists():
        yield 0.1


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.microface


def wait(what: str, condition: Callable[[], object]) -> Steps:
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come: {state().error} {state().remedy}")
        facts["ticks"] = int(facts["ticks"]) + 1  # type: ignore[call-overload]
        yield 0.1


def area(kind: str) -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region]:
    for window in bpy.context.window_manager.windows:
        for place in window.screen.areas:
            if place.type == kind:
                return window, place, next(region for region in place.regions if region.type == "WINDOW")
    raise LookupError(kind)


def inside(kind: str) -> object:
    window, place, region = area(kind)
    return bpy.context.temp_override(window=window, area=place, region=region)


def open_preferences() -> Steps:
    bpy.ops.screen.userpref_show("INVOKE_DEFAULT")
    yield 1.0
    bpy.context.preferences.active_section = "ADDONS"
    bpy.context.window_manager.addon_search = "Microface"
    yield 1.0


def check_health() -> Steps:
    """What the button Check does."""
    with inside("PREFERENCES"):  # type: ignore[attr-defined]
        bpy.ops.microface.check("INVOKE_DEFAULT")
    yield from wait("the check", lambda: not state().running and len(state().checks))
    yield 1.0
    yield from shot("health")
    facts["checks"] = {row.name: row.well for row in state().checks}
    facts["health_error"] = state().error


def ask_for_gpu() -> Steps:
    """What the button Install... does: it asks first, and nothing is downloaded."""
    bpy.context.preferences.system.use_online_access = True
    with inside("PREFERENCES"):  # type: ignore[attr-defined]
        bpy.ops.microface.install_gpu("INVOKE_DEFAULT")
    yield 1.5
    yield from shot("gpu")
    facts["installs"] = state().running
    bpy.context.preferences.system.use_online_access = False


def choose_file() -> Steps:
    """What the button Add... does, and the file browser's own button."""
    with inside("PREFERENCES"):  # type: ignore[attr-defined]
        bpy.ops.microface.add_head("INVOKE_DEFAULT", name="")
    yield 1.0
    _, browser, _ = area("FILE_BROWSER")
    browser.spaces.active.params.directory = f"{HEAD.parent}/".encode()
    browser.spaces.active.params.filename = HEAD.name
    yield 1.0
    with inside("FILE_BROWSER"):  # type: ignore[attr-defined]
        bpy.ops.file.execute("INVOKE_DEFAULT")
    yield from wait("the job", lambda: state().running)


def steps() -> Steps:
    yield 1.0
    yield from open_preferences()
    bpy.ops.preferences.addon_expand(module="bl_ext.user_default.microface")
    yield 1.0
    yield from shot("heads_before")
    yield from check_health()
    yield from choose_file()
    facts["ticks"], started = 0, time.monotonic()
    yield from wait("progress", lambda: state().fraction > 0.1)
    yield from shot("heads_progress")
    with inside("PREFERENCES"):  # type: ignore[attr-defined]
        bpy.ops.wm.window_close()
    yield from wait("the end", lambda: not state().running)
    facts["waited_s"] = time.monotonic() - started
    facts["error"] = state().error
    facts["kept"] = sorted(path.name for path in (OUT / "data" / "heads").iterdir())
    yield from open_preferences()
    yield from shot("heads_after")
    yield from ask_for_gpu()


def finish(error: str = "") -> None:
    (OUT / "session.json").write_text(json.dumps({**facts, "failure": error}))
    bpy.ops.wm.quit_blender()


def tick() -> float | None:
    pause, failed = None, True
    try:
        pause = next(RUN, None)
        failed = False
    finally:
        if failed:  # the timer is gone: left open, the window would stay for ever
            finish(traceback.format_exc())
    if pause is None:
        finish()
    return pause


RUN = steps()
bpy.app.timers.register(tick, first_interval=0.5, persistent=True)
