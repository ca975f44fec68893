# SPDX-License-Identifier: GPL-3.0-or-later
"""Head and footage compared, and what corrects them, in a windowed Blender: every button on and off with the mouse.

Runs inside Blender (`--python`); see test_compare.py. Screenshots and clicks are asked for as in ui_session.py.
"""

import importlib
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

OUT = Path(os.environ["UI_OUT"])
CLIP = os.environ["MICROFACE_CLIP"]
LIMIT_S = float(os.environ.get("MICROFACE_UI_LIMIT", "400"))
os.environ["MICROFACE_CACHE"] = str(OUT / "cache")

# From the top of the sidebar to the middle of a row, in units of a button's height: no API tells where buttons are.
BUTTON, CORRECTIONS = 3.74, 6.9
FOOTAGE, WIREFRAME, BEFORE_AFTER, PLOT, SKIN = 13.95, 15.2, 16.45, 17.75, 19.0
DRAW_OVER, PIN = 14.5, 15.75  # with Corrections open
BEHIND, OVER, BESIDE, OFF = 0.14, 0.37, 0.61, 0.84  # across it
MIDDLE, CROSS = 0.5, 0.91
SCREEN_HEIGHT = 900  # px, of the launcher's virtual screen
PATIENCE_S, TRIES = 12, 3
SMILE = 0.42  # of the clip: where the demo's face smiles most
CHEEK = ((0.60, 0.36), (0.72, 0.36), (0.72, 0.56), (0.60, 0.56))  # the mask, from below left in the picture's width
MOVED_M = 0.002  # of the pins, to the camera's right
KINDS = (
    "actions", "armatures", "cameras", "collections", "images", "masks", "materials", "meshes", "movieclips", "objects",
    "shape_keys",
)  # fmt: skip

Steps = Iterator[float]
facts: dict[str, Any] = {"left_behind": {}, "footage": {}}


def request(kind: str, name: str, text: str = "") -> Steps:
    path = OUT / f"{kind}-{name}"
    part = path.with_suffix(".part")
    part.write_text(text)
    part.rename(path)
    while path.exists():
        yield 0.1


def shot(name: str) -> Steps:
    """A picture when the view has come to rest."""
    for _ in range(8):
        for window in bpy.context.window_manager.windows:
            for area in window.screen.areas:
                area.tag_redraw()
        yield 0.2
    yield from request("shot", name)


def module(name: str) -> Any:
    return importlib.import_module(f"bl_ext.user_default.microface.{name}")


def state() -> Any:
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


def show_events(shown: bool) -> None:
    """Let the list not be drawn while the buttons are pressed: those below it stand on the screen then."""
    bpy.types.MICROFACE_PT_events.poll = classmethod(lambda _panel, _context: shown)


def click(column: float, row: float) -> Steps:
    """Press the mouse in the sidebar, `column` 0..1 across it and `row` button heights below its top."""
    _, sidebar = view()
    window = bpy.context.window_manager.windows[0]
    unit = 20 * bpy.context.preferences.system.ui_scale
    x = window.x + sidebar.x + column * (sidebar.width - unit)  # the tabs take the last unit
    y = SCREEN_HEIGHT - (window.y + sidebar.y + sidebar.height) + row * unit
    yield from request("click", "mouse", f"{round(x)} {round(y)}\n")


def press(what: str, column: float, row: float, done: Callable[[], object]) -> Steps:
    """Click until it shows: a busy machine may lose a press that comes before it has seen the mouse move."""
    for _ in range(TRIES):
        yield from click(column, row)
        end = time.monotonic() + PATIENCE_S
        while not done() and time.monotonic() < end:
            yield 0.1
        if done():
            return
    yield from request("shot", "failed")
    raise TimeoutError(f"{what} did not come after {TRIES} clicks: {state().error} {state().remedy}")


def over() -> Steps:
    """Wait for the job's end."""
    end = time.monotonic() + LIMIT_S
    while state().running:
        if time.monotonic() > end:
            raise TimeoutError(f"no end within {LIMIT_S} s")
        yield 0.2
    if state().error:
        raise RuntimeError(f"{state().error} {state().remedy}")
    yield 1.0


def takes() -> list[bpy.types.Collection]:
    return [one for one in bpy.context.scene.collection.children_recursive if one.get("microface_take")]


def thing(kind: str) -> bpy.types.Object:
    """The last take's head or camera; another object after an undo."""
    return next(one for one in takes()[-1].objects if one.type == kind)


def there() -> dict[str, Any]:
    """Everything that a button could leave behind."""
    head, scene = thing("MESH"), bpy.context.scene
    return {
        **{kind: sorted(one.name for one in getattr(bpy.data, kind)) for kind in KINDS},
        "worn": [one.name for one in head.data.materials],
        "modifiers": [one.name for one in head.modifiers],
        "groups": [one.name for one in head.vertex_groups],
        "shown as": head.display_type,
        "camera": scene.camera.name,
        "windows": len(bpy.context.window_manager.windows),
    }


def left_behind(name: str, before: dict[str, Any]) -> None:
    """Note what is not as it was."""
    now = there()
    facts["left_behind"][name] = {key: [before[key], now[key]] for key in now if now[key] != before[key]}


def close_windows() -> Steps:
    for window in list(bpy.context.window_manager.windows)[1:]:
        with bpy.context.temp_override(window=window):
            bpy.ops.wm.window_close()
    yield 1.0


def footage() -> None:
    """Where it is, with each of the four buttons."""
    lens = thing("CAMERA").data
    picture = lens.background_images[0]

    def at() -> list[object]:
        return [lens.show_background_images, picture.display_depth, round(picture.alpha, 3), picture.offset[0]]

    places = {
        "beside": (BESIDE, lambda: picture.offset[0] != 0),
        "over": (OVER, lambda: picture.display_depth == "FRONT"),
        "off": (OFF, lambda: not lens.show_background_images),
        "behind": (BEHIND, lambda: lens.show_background_images and picture.offset[0] == 0),
    }
    for name, (column, done) in places.items():
        yield from press(name, column, FOOTAGE, done)
        facts["footage"][name] = at()
        yield from shot(f"compare_{name}")


def lines() -> Steps:
    before, head = there(), thing("MESH")
    yield from press("the lines", MIDDLE, WIREFRAME, lambda: head.display_type == "WIRE")
    facts["lines"] = [modifier.type for modifier in head.modifiers if modifier.name == "Microface lines"]
    yield from shot("compare_lines")
    yield from press("the surface", MIDDLE, WIREFRAME, lambda: head.display_type != "WIRE")
    left_behind("lines", before)


def before_after() -> Steps:
    before, scene = there(), bpy.context.scene

    def shown() -> list[bpy.types.Object]:
        return [one for one in scene.objects if one.get("microface_copy")]

    yield from press("the magnified head", MIDDLE, BEFORE_AFTER, shown)
    after = shown()[0]
    facts["magnified"] = [after["strength"], thing("MESH")["strength"]]
    facts["both_cameras"] = [before["camera"], scene.camera.name]
    yield from shot("compare_before_after")
    yield from press("its end", MIDDLE, BEFORE_AFTER, lambda: not shown())
    left_behind("before_after", before)


def plot() -> Steps:
    """Its image stays, as the button says; of its window nothing does."""
    windows = bpy.context.window_manager.windows
    before = there()
    yield from press("the plot", MIDDLE, PLOT, lambda: len(windows) > 1)
    yield 1.0
    area = windows[-1].screen.areas[0]
    image = area.spaces.active.image
    facts["plot"] = [area.ui_type, image.name, *image.size]
    yield from shot("compare_plot")
    yield from close_windows()
    bpy.data.images.remove(image)
    left_behind("plot", before)


def skin() -> Steps:
    before = there()
    yield from press("the job", MIDDLE, SKIN, lambda: state().running)
    yield from over()
    facts["skin"] = sorted(set(there()["worn"]) - set(before["worn"]))
    image = next(one for one in bpy.data.images if one.name not in before["images"])
    facts["skin_image"] = [image.size[0], bool(image.packed_file)]
    yield from press("beside", BESIDE, FOOTAGE, lambda: thing("CAMERA").data.background_images[0].offset[0] != 0)
    yield from shot("compare_skin")
    show_events(True)
    yield from shot("compare_all")
    show_events(False)
    yield 1.0
    yield from press("the plain skin", CROSS, SKIN, lambda: there()["worn"] == before["worn"])
    yield from press("behind", BEHIND, FOOTAGE, lambda: thing("CAMERA").data.background_images[0].offset[0] == 0)
    left_behind("skin", before)
    yield from shot("compare_plain")


def draw_over() -> Steps:
    """The button opens the footage with an empty mask, over which a user then draws."""
    windows, choice = bpy.context.window_manager.windows, bpy.context.scene.microface
    yield from press("the clip editor", MIDDLE, DRAW_OVER, lambda: len(windows) > 1)
    yield 1.0
    space = max(windows[-1].screen.areas, key=lambda one: one.width * one.height).spaces.active
    facts["drawing"] = [space.type, space.mode, Path(space.clip.filepath).name, space.mask == choice.mask]
    facts["mask"] = [choice.mask.name, [layer.name for layer in choice.mask.layers]]
    spline = choice.mask.layers[0].splines.new()
    spline.points.add(len(CHEEK) - 1)
    for point, at in zip(spline.points, CHEEK, strict=True):
        point.handle_type = "VECTOR"
        point.co = point.handle_left = point.handle_right = at
    spline.use_cyclic = True
    yield from shot("corrections_mask")
    yield from close_windows()
    with bpy.context.temp_override(window=windows[0]):
        bpy.ops.ed.undo_push(message="Mask")


def pins(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    return [one for one in collection.objects if one.get("microface_pin_vertex") is not None]


def pin() -> Steps:
    before = there()
    yield from press("pins", MIDDLE, PIN, lambda: pins(takes()[0]))
    own, head = pins(takes()[0]), thing("MESH")
    facts["pins"] = [len(own), sorted({one["microface_pin_frame"] for one in own})]
    facts["pins_chosen"] = sorted(one.name for one in bpy.context.selected_objects) == sorted(one.name for one in own)
    evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = evaluated.data.vertices
    there_px = [seen(evaluated.matrix_world @ points[one["microface_pin_vertex"]].co) for one in own]
    facts["pins_off_px"] = furthest([seen(one.matrix_world.translation) for one in own], there_px)
    yield from shot("corrections_pins")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0]):
        bpy.ops.ed.undo()
    yield 1.0
    left_behind("pins", before)


def seen(point: Vector) -> Vector:
    """Where the last take's camera sees a point of the world, px."""
    scene = bpy.context.scene
    at = world_to_camera_view(scene, thing("CAMERA"), point)
    return Vector((at.x * scene.render.resolution_x, at.y * scene.render.resolution_y))


def furthest(points: list[Vector], others: list[Vector]) -> float:
    return max((point - other).length for point, other in zip(points, others, strict=True))


def correct() -> Steps:
    """Move the pins, and reconstruct again with them and with the mask."""
    yield from press("pins", MIDDLE, PIN, lambda: pins(takes()[0]))
    for one in pins(takes()[0]):
        one.location += thing("CAMERA").matrix_world.to_3x3() @ Vector((MOVED_M, 0, 0))
    bpy.context.view_layer.update()
    wanted = {one["microface_pin_vertex"]: seen(one.matrix_world.translation) for one in pins(takes()[0])}
    yield from press("the job", MIDDLE, BUTTON, lambda: state().running)
    yield from over()
    facts["takes"] = [one.hide_viewport for one in takes()]
    own = {one["microface_pin_vertex"]: seen(one.matrix_world.translation) for one in pins(takes()[1])}
    facts["new_pins_off_px"] = furthest([own[vertex] for vertex in wanted], list(wanted.values()))
    take = module("backend.take").read_take(Path(takes()[1]["microface_take"]))
    facts["painted_out"] = [bool(take.covered.any()), bool(take.covered.all())]
    yield from shot("corrections_result")


def steps() -> Steps:
    yield 0.5
    yield from open_tab()
    scene = bpy.context.scene
    scene.microface.source = CLIP
    yield from open_tab()
    yield from press("the job", MIDDLE, BUTTON, lambda: state().running)
    yield from over()
    show_events(False)
    scene.frame_set(round(scene.frame_end * SMILE))
    yield from shot("compare")
    yield from footage()
    yield from lines()
    yield from before_after()
    yield from plot()
    yield from skin()
    yield from click(MIDDLE, CORRECTIONS)
    yield from shot("corrections")
    yield from draw_over()
    yield from pin()
    yield from correct()


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
