# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of retargeting that touch Blender's data, between files that the worker reads and writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ...backend.atomic import whole_file
from ...backend.errors import MicrofaceError
from ...backend.retarget.mapping import KEYS_ENOUGH, on_rig, read_mapping, write_mapping
from ...backend.retarget.performance import Performance, read_performance
from ...backend.retarget.rig import read_rig, write_rig
from ..result import MICROFACE_PG_result, attached, result_of, results_of
from . import result
from .build import save_whole
from .character import Character, find_character
from .exported import export_selected
from .face_pins import placed_pins
from .probe import probe
from .rate import seconds_to_frame, set_rate
from .rig import Control, find_controls
from .rig_action import Existing, refuse_animated, write_action
from .rig_curves import rest_of
from .table import table_of

Opener = Callable[[str], object]


def open_character(path: Path) -> bpy.types.Context:
    """Open or import a file; what is open in this Blender is closed.

    Raises:
        MicrofaceError: ``no_file`` or ``not_opened``.
    """
    if not path.is_file():
        raise MicrofaceError("no_file", f"There is no file {path}.", "Check the path of the character.")
    openers: dict[str, Opener] = {
        ".blend": lambda name: bpy.ops.wm.open_mainfile(filepath=name, load_ui=False),
        ".glb": lambda name: bpy.ops.import_scene.gltf(filepath=name),
        ".gltf": lambda name: bpy.ops.import_scene.gltf(filepath=name),
        ".fbx": lambda name: bpy.ops.import_scene.fbx(filepath=name),
    }
    suffix = path.suffix.lower()
    if suffix != ".blend":
        bpy.ops.wm.read_homefile(use_empty=True)
    try:
        openers[suffix](str(path.resolve()))
    except (RuntimeError, AttributeError) as error:  # AttributeError: the importer's add-on is not enabled
        reason = str(error).strip().splitlines()[-1].rstrip(".")
        text = f"{path} cannot be opened: {reason}."
        raise MicrofaceError("not_opened", text, "Check that Blender itself can open it.") from error
    return bpy.context


def probe_to_file(
    context: bpy.types.Context, thing: bpy.types.Object | None, existing: Existing, which: str, folder: Path
) -> None:
    """Probe the character of an object, or the one with the most controls, and write what was found to rig.npz.

    Raises:
        MicrofaceError: ``no_rig``, ``animated_rig``, ``few_pins`` or as `probe`.
    """
    character = find_character(context, thing)
    controls = find_controls(character)
    rig, kept = probe(context, character, controls)
    if existing == "refuse":
        refuse_animated(_asked_for(kept, which))
    write_rig(folder / "rig.npz", replace(rig, pins=placed_pins(context.scene)))


def _asked_for(kept: list[Control], which: str) -> list[Control]:
    """The controls that may be moved, as `transfer.chosen` will choose: what is animated is to be told before the work."""
    keys = [control for control in kept if control.kind == "key"]
    if which == "keys" or (which == "auto" and len(keys) >= KEYS_ENOUGH):
        return keys
    return [control for control in kept if which != "bones" or control.kind != "key"]


def key_from_file(
    context: bpy.types.Context,
    thing: bpy.types.Object | None,
    folder: Path,
    take: str,
    existing: Existing,
    start: float,
    strength: float,
    dressed: bool = False,
) -> bpy.types.Action:
    """Key what the worker found.

    Args:
        context: whose scene it is.
        thing: as it was probed.
        folder: with rig.npz, controls.npz and table.json.
        take: its file, which names the action.
        existing: what to do where there is animation.
        start: scene frame of the source's time 0.
        strength: times which the values are keyed.
        dressed: give the scene the source's frame rate and its range.

    Raises:
        MicrofaceError: ``rig_changed``, or as `write_action`.
    """
    performance, rig = read_performance(folder / "controls.npz"), read_rig(folder / "rig.npz")
    character = find_character(context, thing)
    controls = _matched(find_controls(character), rig.names)
    if dressed:
        dress(context.scene, performance)
    rests = [rest_of(control) for control in controls]
    name = Path(take).name.partition(".")[0]
    action = write_action(context.scene, controls, performance, name, existing, start, strength)
    if attached():  # always, but where a script animates without the add-on
        table = on_rig(read_mapping(folder / "table.json"), rig)
        root = bpy.data.objects[character.name]
        result.keep(
            root, action, controls, rests, performance, table,
            take=take, existing=existing, start=start, strength=strength,
        )  # fmt: skip
    return action


def refuse_following(thing: bpy.types.Object) -> None:
    """What follows a head cannot be moved to see what it does.

    Raises:
        MicrofaceError: ``following``.
    """
    if any(one.carrier for one in results_of(thing)):
        raise MicrofaceError("following", f"{thing.name} follows a head.", "Stop following it, and try again.")


def write_table(thing: bpy.types.Object, path: Path) -> None:
    """The table of a result as it is set.

    Raises:
        MicrofaceError: as `write_mapping`.
    """
    write_mapping(path, table_of(result_of(thing)))


def solve_again_from_file(settings: MICROFACE_PG_result, folder: Path) -> bpy.types.Action:
    """Lay what the worker found on a result that is there, under its settings.

    Raises:
        MicrofaceError: as `read_performance`.
    """
    rig = read_rig(folder / "rig.npz")
    table = on_rig(read_mapping(folder / "table.json"), rig)
    result.solve_again(settings, read_performance(folder / "controls.npz"), table)
    return settings.action


def save_table(folder: Path, path: Path) -> None:
    """Give the user the table of controls that a performance was solved with.

    Raises:
        MicrofaceError: as `write_mapping`.
    """
    write_mapping(path, read_mapping(folder / "table.json"))


def _matched(controls: list[Control], names: tuple[str, ...]) -> list[Control]:
    """The controls of those names, as they are now."""
    known = {control.name: control for control in controls}
    lost = [name for name in names if name not in known]
    if lost:
        text = f"The rig has changed since it was probed: it has no '{lost[0]}' any more."
        raise MicrofaceError("rig_changed", text, "Retarget again.")
    return [known[name] for name in names]


def dress(scene: bpy.types.Scene, performance: Performance) -> None:
    """The source's own rate and range."""
    steps = np.diff(performance.time_s)
    fps = 1 / float(np.median(steps)) if len(steps) else 25.0
    set_rate(scene, fps)
    first, last = seconds_to_frame(performance.time_s[[0, -1]], fps)
    scene.frame_start, scene.frame_end = int(np.floor(first + 1e-6)), int(np.ceil(last - 1e-6))
    scene.frame_set(scene.frame_start)


def save_character(path: Path, character: Character) -> None:
    """Save a copy of what is open, or export the character as it moves over the scene's frames; the suffix says which.

    Raises:
        MicrofaceError: ``not_exported``, or as `atomic.whole_file`.
    """
    suffix = path.suffix.lower()
    with whole_file(path) as part:
        if suffix == ".blend":
            save_whole(part)
        else:
            _select(character)
            export_selected(part, suffix, path)


def _select(character: Character) -> None:
    """Select the character and nothing else; a hidden armature cannot be exported and is shown."""
    for thing in bpy.context.view_layer.objects:
        thing.select_set(False)
    for thing in (*character.meshes, *character.rigs):
        thing.hide_set(False)
        thing.select_set(True)
