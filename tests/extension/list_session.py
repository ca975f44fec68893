# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user does with a take, in a windowed Blender: click events, play one, correct it, make it stronger, look.

Runs inside Blender (`--python`); see test_list.py. Screenshots and clicks are asked for as in ui_session.py.
"""

import importlib
import json
import os
import statistics
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy

OUT = Path(os.environ["UI_OUT"])
TAKE = Path(os.environ["MICROFACE_TAKE"])
PACKAGE = "bl_ext.user_default.microface"

# From the top of the sidebar to the middle of a row, in units of a button's height: no API tells where buttons are.
RECONSTRUCT, COMPARE = 0.9, 18.5  # titles; the first one closed, then the second one
FIRST_EVENT, PLAY, APEX, AS_MEASURED = 5.1, 11.1, 13.6, 28.9  # then
DELETE, MERGE, SPLIT = 4.9, 5.9, 6.9
FIRST_TITLE = 2.0
LEFT, MIDDLE, RIGHT = 0.25, 0.5, 0.88  # across it
SCREEN_HEIGHT = 900  # px, of the launcher's virtual screen
PATIENCE_S, TRIES, LOADING_S = 12, 3, 6.0

Steps = Iterator[float]
facts: dict[str, Any] = {}
drawing: dict[str, list[float]] = {}


def request(kind: str, name: str, text: str = "") -> Steps:
    path = OUT / f"{kind}-{name}"
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)
    while path.exists():
        yield 0.1


def module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


def view() -> tuple[bpy.types.Area, bpy.types.Region]:
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    return area, next(region for region in area.regions if region.type == "UI")


def click(column: float, row: float) -> Steps:
    """Press the mouse in the sidebar, `column` 0..1 across it and `row` button heights below its top."""
    _, sidebar = view()
    window = bpy.context.window_manager.windows[0]
    unit = 20 * bpy.context.preferences.system.ui_scale
    x = window.x + sidebar.x + column * (sidebar.width - unit)  # the tabs take the last unit
    y = SCREEN_HEIGHT - (window.y + sidebar.y + sidebar.height) + row * unit
    yield from request("click", "mouse", f"{round(x)} {round(y)}\n")


def open_tab() -> Steps:
    area, sidebar = view()
    area.spaces.active.show_region_ui = True
    while sidebar.active_panel_category == "UNSUPPORTED":  # until the sidebar has been drawn once
        area.tag_redraw()
        yield 0.2
    sidebar.active_panel_category = "Microface"
    area.tag_redraw()
    yield 1.0


def timed(panel: type) -> None:
    """Note how long a panel takes to draw."""
    draw: Callable[..., None] = panel.draw  # type: ignore[attr-defined]

    def measured(self: object, context: bpy.types.Context) -> None:
        started = time.perf_counter()
        draw(self, context)
        drawing.setdefault(panel.__name__, []).append(1000 * (time.perf_counter() - started))

    panel.draw = measured  # type: ignore[attr-defined]


def build() -> bpy.types.Object:
    take = module("backend.take").read_take(TAKE)
    head = module("backend.heads").load_head("generic")
    area, _ = view()
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        built = module("operators.scene.build").build_scene(bpy.context, take, head, clip_path=None, name="take")
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    area.spaces.active.shading.type = "SOLID"
    return next(thing for thing in built.objects if thing.type == "MESH")


def close(name: str, title: float) -> Steps:
    """Close a panel with the mouse, as a user does whose screen is too low for all of them."""
    for _ in range(TRIES):
        yield from click(MIDDLE, title)
        yield 2.0
        before = len(drawing[name])
        view()[0].tag_redraw()
        yield 1.0
        if len(drawing[name]) == before:  # what is closed is not drawn
            return


def rows(thing: bpy.types.Object) -> Any:
    return thing.microface


def press(column: float, row: float, done: Callable[[], object]) -> Steps:
    """Click until it shows: a busy machine may lose a press that comes before it has seen the mouse move."""
    for _ in range(TRIES):
        yield from click(column, row)
        end = time.monotonic() + PATIENCE_S
        while not done() and time.monotonic() < end:
            yield 0.1
        if done():
            break
    yield 0.3


def look_at_events(thing: bpy.types.Object) -> Steps:
    scene = bpy.context.scene
    frames = []
    for number in range(2):
        before = scene.frame_current
        yield from press(LEFT, FIRST_EVENT + number, lambda before=before: scene.frame_current != before)  # type: ignore[misc]
        frames.append(scene.frame_current)
    facts["clicked_frames"], facts["chosen"] = frames, rows(thing).chosen
    yield from request("shot", "list_event")
    player, seen = module("operators.play_event"), set()
    yield from press(LEFT, PLAY, player.playing)
    for _ in range(30):
        seen.add(round(scene.frame_current_final, 3))
        yield 0.1
    yield from request("shot", "list_playing")
    facts["played_frames"] = sorted(seen)
    yield from press(LEFT, PLAY, lambda: not player.playing())
    facts["frame_after_play"] = scene.frame_current
    facts["modal_left"] = len(bpy.context.window_manager.windows[0].modal_operators)


def correct(thing: bpy.types.Object) -> Steps:
    scene = bpy.context.scene
    scene.frame_set(scene.frame_current + 1)
    row = rows(thing).events[rows(thing).chosen]
    before = row.apex_s
    yield from press(RIGHT, APEX, lambda: row.apex_s != before)
    facts["apex_moved_s"] = row.apex_s - before
    facts["counts"] = [count()]
    for button in (SPLIT, MERGE, DELETE):
        there = count()
        yield from press(RIGHT, button, lambda there=there: count() != there)  # type: ignore[misc]
        facts["counts"].append(count())
    yield from request("shot", "list_corrected")
    bpy.ops.ed.undo()
    yield 0.5
    facts["counts"].append(count())


def count() -> int:
    """Events in the list; the object is another one after an undo."""
    return len(bpy.data.objects["take head"].microface.events)


def strengthen() -> Steps:
    thing = bpy.data.objects["take head"]
    rows(thing).clicked = 0
    yield 0.5
    yield from request("shot", "strength_1")
    thing["strength"], thing["strength_eyes"] = 12.0, 1.5
    thing.update_tag()
    view()[0].tag_redraw()  # Python's writing, unlike the slider's, redraws nothing by itself
    yield 2.0
    yield from request("shot", "strength_12")
    thing["strength_eyes"] = 0.5
    thing.update_tag()
    view()[0].tag_redraw()  # the red line goes, and the button moves up
    yield 2.0
    yield from press(MIDDLE, AS_MEASURED, lambda: thing["strength"] == 1)
    facts["reset"] = [thing["strength"], thing["strength_eyes"]]


def insert() -> Steps:
    """By their operators, for the panel is below what fits on the screen; then it, and what was made, is looked at."""
    area, _ = view()
    region = next(region for region in area.regions if region.type == "WINDOW")
    scene = bpy.context.scene
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.microface.store_event()
        scene.frame_set(60)
        scene.microface_keying.kind, scene.microface_keying.strength = "STRIP", 3.0
        bpy.ops.microface.insert_event()
    facts["strips"] = len(bpy.data.objects["take head"].data.shape_keys.animation_data.nla_tracks)
    facts["asset"] = scene.microface_keying.event.name
    yield from panels_below()
    for kind in ("ASSETS", "FCURVES", "NLA_EDITOR"):
        area.ui_type = kind
        yield LOADING_S
        yield from request("shot", f"keying_{kind.lower()}")


def hide(*names: str) -> None:
    """Let panels not be drawn, so that those below them stand on the screen."""
    for name in names:
        file, panel = name.split(".")
        getattr(module(f"panels.{file}"), panel).poll = classmethod(lambda _panel, _context: False)
    view()[0].tag_redraw()


def panels_below() -> Steps:
    """Keying, opened by a click on its title, where the panels above it were."""
    hide("event_list.MICROFACE_PT_events", "compare.MICROFACE_PT_compare", "strength.MICROFACE_PT_strength")
    yield 2.0
    yield from click(MIDDLE, FIRST_TITLE)
    yield 2.0
    yield from request("shot", "keying_panel")


def steps() -> Steps:
    yield 0.5
    for name in ("reconstruct", "events", "compare", "strength"):
        timed(getattr(bpy.types, f"MICROFACE_PT_{name}"))
    yield from open_tab()
    thing = build()
    yield from open_tab()
    yield from close("MICROFACE_PT_reconstruct", RECONSTRUCT)
    yield from request("shot", "list")
    yield from look_at_events(thing)
    yield from correct(thing)
    yield from close("MICROFACE_PT_compare", COMPARE)
    yield from strengthen()
    yield from insert()
    facts["draw_ms"] = {name: statistics.median(times) for name, times in drawing.items()}


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
