# SPDX-License-Identifier: GPL-3.0-or-later
"""A video dropped into the window, its dialog, a job during which the user works on, and corrections.

Runs inside Blender (`--python`); see test_dialog.py. Screenshots and clicks are asked for as in ui_session.py.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import bpy

OUT = Path(os.environ["UI_OUT"])
CLIP = os.environ["MICROFACE_CLIP"]
LIMIT_S = float(os.environ.get("MICROFACE_UI_LIMIT", "400"))
os.environ["MICROFACE_CACHE"] = str(OUT / "cache")

# Measured on a screenshot: no API tells where buttons are. Pixels of the screen from its top left.
SCREEN_HEIGHT = 900
CONFIRM = (-60, 203)  # of the dialog, from where the mouse was when it opened
EMPTY_ROW = 33.0  # nothing stands there
HEADERS = (6.9, 5.55)  # Corrections and Settings, in button heights below the sidebar's top; the lower one first

Steps = Iterator[float]
facts: dict[str, object] = {"ticks": 0, "seconds": {}, "stages": {}}
draws: dict[str, list[float]] = {}


def request(kind: str, name: str, text: str = "") -> Steps:
    path = OUT / f"{kind}-{name}"
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)
    while path.exists():
        yield 0.1


def shot(name: str, redraws: int = 10) -> Steps:
    """A picture when the panels have come to rest."""
    for _ in range(redraws):
        place("UI")[0].tag_redraw()
        yield 0.2
    yield from request("shot", name)


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.microface


def choice() -> bpy.types.PropertyGroup:
    return bpy.context.scene.microface


def place(kind: str) -> tuple[bpy.types.Area, bpy.types.Region]:
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    return area, next(region for region in area.regions if region.type == kind)


def inside() -> object:
    area, region = place("WINDOW")
    window = bpy.context.window_manager.windows[0]
    return bpy.context.temp_override(window=window, area=area, region=region)


def open_tab() -> Steps:
    area, sidebar = place("UI")
    area.spaces.active.show_region_ui = True
    while sidebar.active_panel_category == "UNSUPPORTED":  # until the sidebar has been drawn once
        area.tag_redraw()
        yield 0.2
    sidebar.active_panel_category = "Microface"
    area.tag_redraw()
    yield 0.5


def in_sidebar(column: float, row: float) -> tuple[int, int]:
    """Pixel of the screen, `column` 0..1 across the sidebar and `row` button heights below its top."""
    _, sidebar = place("UI")
    window = bpy.context.window_manager.windows[0]
    unit = 20 * bpy.context.preferences.system.ui_scale
    x = window.x + sidebar.x + column * (sidebar.width - unit)
    y = SCREEN_HEIGHT - (window.y + sidebar.y + sidebar.height) + row * unit
    return round(x), round(y)


def click(x: int, y: int) -> Steps:
    yield from request("click", "mouse", f"{x} {y}\n")


def wait(what: str, condition: Callable[[], object], limit_s: float) -> Steps:
    end = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {limit_s} s: {state().error} {state().remedy}")
        facts["ticks"] = int(facts["ticks"]) + 1  # type: ignore[call-overload]
        yield 0.1


def run(name: str) -> Steps:
    """Press the button by Python, wait for the end, and note how long it took."""
    started, stages = time.monotonic(), []
    with inside():  # type: ignore[attr-defined]
        bpy.ops.microface.reconstruct("INVOKE_DEFAULT")

    def over() -> bool:
        stages.append(state().stage)
        return not state().running

    yield from wait(name, over, LIMIT_S)
    facts["stages"][name] = list(dict.fromkeys(stages))  # type: ignore[index]
    facts["seconds"][name] = time.monotonic() - started  # type: ignore[index]
    facts["error"] = state().error
    yield 1.0


def time_draws() -> Steps:
    """Note how long every panel of ours takes to draw. Blender keeps the functions, so they cannot be wrapped."""

    def watch(frame: FrameType, event: str, _argument: object) -> None:
        if frame.f_code.co_name == "draw" and "microface" in frame.f_code.co_filename:
            name = type(frame.f_locals["self"]).__name__
            if event == "call":
                began[name] = time.perf_counter()
            elif event == "return" and name in began:
                draws.setdefault(name, []).append(time.perf_counter() - began[name])

    began: dict[str, float] = {}
    sys.setprofile(watch)
    for _ in range(20):
        place("UI")[0].tag_redraw()
        yield 0.1
    sys.setprofile(None)


def takes() -> list[bpy.types.Collection]:
    return [one for one in bpy.context.scene.collection.children_recursive if one.get("microface_take")]


def keys(take: bpy.types.Collection) -> list[float]:
    """Scene frames of the keys of a head."""
    head = next(thing for thing in take.objects if thing.type == "MESH")
    strip = head.data.shape_keys.animation_data.action.layers[0].strips[0]
    curve = next(curve for bag in strip.channelbags for curve in bag.fcurves)
    return [key.co.x for key in curve.keyframe_points]


def drop() -> Steps:
    """What Blender's drop does: it calls the operator with the file; the dialog opens at the mouse."""
    _, region = place("WINDOW")
    x, y = region.x + region.width // 2, SCREEN_HEIGHT - (region.y + region.height * 3 // 4)
    yield from click(x, y)
    facts["mouse"] = [x, y]
    with inside():  # type: ignore[attr-defined]
        bpy.ops.microface.choose_video("INVOKE_DEFAULT", filepath=CLIP)
    yield 1.5
    yield from request("shot", "dialog")
    tries = 0
    while not state().running and tries < 3:  # a busy machine may miss a click
        yield from click(x + CONFIRM[0], y + CONFIRM[1])
        tries, end = tries + 1, time.monotonic() + 15
        while not state().running and time.monotonic() < end:
            yield 0.1
    yield from wait("the job", lambda: state().running, 1)


def work_on() -> Steps:
    """Edit and undo while the job runs."""
    with inside():  # type: ignore[attr-defined]
        bpy.ops.mesh.primitive_monkey_add()
        bpy.ops.ed.undo_push(message="monkey")
        bpy.ops.mesh.primitive_cone_add()
        bpy.ops.ed.undo_push(message="cone")
        bpy.ops.ed.undo()
    yield 0.5
    facts["after_undo"] = [thing.name for thing in bpy.context.scene.objects if thing.name in ("Suzanne", "Cone")]
    facts["still_running"] = state().running


def steps() -> Steps:
    yield 0.5
    yield from open_tab()
    yield from drop()
    yield from wait("progress", lambda: state().fraction > 0.05 and state().time_left, LIMIT_S)
    yield from work_on()
    yield from shot("dialog_progress", 3)  # the job is not long
    facts["status_left"] = state().time_left
    facts["ticks"], started = 0, time.monotonic()
    yield from wait("the end", lambda: not state().running, LIMIT_S)
    facts["waited_s"] = time.monotonic() - started
    facts["error"] = state().error
    yield 1.0
    facts["takes"] = [len(takes())]
    facts["monkey"] = "Suzanne" in bpy.context.scene.objects
    yield from shot("dialog_result")

    for row in HEADERS:
        yield from click(*in_sidebar(0.4, row))
        yield 1.0
    choice().use_neutral, choice().neutral_start, choice().neutral_end = True, 0, 20
    span = choice().exclude.add()
    span.start, span.end = 30, 34
    choice().lens_from = "KNOWN"
    yield from shot("corrections")
    choice().use_neutral, choice().lens_from = False, "FACE"
    choice().exclude.clear()

    choice().result = "REPLACE"
    yield from run("again")
    facts["takes"].append(len(takes()))  # type: ignore[attr-defined]
    choice().use_neutral, choice().result = True, "ADD"
    yield from run("corrected")
    facts["takes"].append(len(takes()))  # type: ignore[attr-defined]
    facts["hidden"] = [one.hide_viewport for one in takes()]
    view, scene = place("UI")[0].spaces.active, bpy.context.scene
    seen = view.camera if view.use_local_camera else scene.camera
    facts["looks_through"] = seen.name in takes()[-1].objects
    facts["monkey_kept"] = "Suzanne" in bpy.context.scene.objects
    yield from shot("takes")
    with inside():  # type: ignore[attr-defined]
        bpy.ops.ed.undo()  # what a job made is one step back
    yield 0.5
    facts["takes"].append(len(takes()))  # type: ignore[attr-defined]

    choice().quality = "draft"
    yield from run("draft")
    facts["draft_keys"], facts["rate"] = keys(takes()[-1]), bpy.context.scene.render.fps
    yield from shot("draft")

    choice().quality, choice().source = "full", str(OUT / "gone.mp4")
    yield from run("missing")
    facts["missing"] = state().code
    yield from click(*in_sidebar(0.5, EMPTY_ROW))  # the error also pops up at the mouse, until the mouse leaves
    yield from time_draws()
    yield from shot("next_step")
    facts["draw_ms"] = {name: 1000 * sorted(times)[len(times) // 2] for name, times in draws.items()}

    yield from begin_another()
    bpy.ops.wm.read_homefile()
    yield 1.0
    facts["after_another_file"] = [state().running, len(bpy.context.window.modal_operators)]
    yield from begin_another()  # in which the session quits


def begin_another() -> Steps:
    """A job that is not over soon."""
    choice().source, choice().use_range, choice().range_end = CLIP, True, 45
    with inside():  # type: ignore[attr-defined]
        bpy.ops.microface.reconstruct("INVOKE_DEFAULT")
    yield from wait("a job to leave", lambda: state().fraction > 0.02, 60)


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
