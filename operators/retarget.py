# SPDX-License-Identifier: GPL-3.0-or-later
"""A take on the rig of any character: probed here, solved by the worker, keyed here."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..backend.errors import MicrofaceError
from ..backend.messages import Message, Report
from . import job, properties, result
from .lent import lent
from .result import chosen_character, result_of, results_of

Run = Callable[[list[str], list[Path]], Message]  # the worker: argv, outputs -> its last message


class MICROFACE_OT_retarget(job.Asked, bpy.types.Operator):
    """Put a result on the rig of the active object: shape keys, bones or custom properties, found by moving them"""

    bl_idname = "microface.retarget"
    bl_label = "Retarget to Rig"
    bl_options = {"UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})
    filter_glob: StringProperty(default="*.take.npz;*.npz", options={"HIDDEN"})
    controls: EnumProperty(
        name="Controls",
        items=(
            ("auto", "Automatic", "Shape keys where the face has enough of them, else all that moves it"),
            ("keys", "Shape Keys", "Only shape keys"),
            ("bones", "Bones", "Only bones and custom properties"),
            ("all", "All", "Everything that moves the face"),
        ),
        options={"SKIP_SAVE"},
    )
    existing: EnumProperty(
        name="Animation There Is",
        items=(
            ("refuse", "Leave Alone", "Stop where the character is animated already"),
            ("add", "Add to It", "Lay the result over it, as an additive strip in the NLA editor"),
            ("replace", "Replace", "Play the result instead; the old action is kept in the file"),
        ),
        options={"SKIP_SAVE"},
    )
    table: StringProperty(
        name="Table",
        description="A saved table of controls (JSON): which to use, how strongly and how far; empty to find out",
        options={"SKIP_SAVE"},
    )
    again: BoolProperty(
        name="With This Table",
        description="Solve anew with the table in the panel, in the place of the result that is there, under its settings",
        options={"SKIP_SAVE"},
    )
    save_table: BoolProperty(
        name="Save Table",
        description="Write the table of controls beside the result, to edit it and use it again",
        options={"SKIP_SAVE"},
    )
    turn_head: BoolProperty(
        name="Turn Head", description="Also turn the bone of the head", default=False, options={"SKIP_SAVE"}
    )
    strength: FloatProperty(
        name="Strength",
        description="Times which the motion is keyed, within the limits of each control",
        default=1.0,
        soft_min=0.0,
        soft_max=5.0,
        options={"SKIP_SAVE"},
    )
    start: FloatProperty(
        name="Start Frame", description="Scene frame of the footage's start", default=1.0, options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a character to animate, in a mode in which it can be."""
        if not job.idle(cls):
            return False
        cls.poll_message_set("Select the character's face or armature, in object or pose mode")
        thing = context.active_object
        return bool(thing and thing.type in ("MESH", "ARMATURE") and thing.mode in ("OBJECT", "POSE"))

    def told(self) -> dict[str, object]:
        """The take, and how it is to be put on the rig."""
        if not self.filepath:
            return {}
        names = ("filepath", "controls", "existing", "table", "save_table", "turn_head", "strength", "start", "again")
        return {name: getattr(self, name) for name in names}

    def prepare(self, context: bpy.types.Context) -> tuple[list[str], Sequence[Path]]:
        """Probe the rig and write the choice as a command line."""
        from .scene.retarget import probe_to_file, refuse_following, write_table

        self.files = tempfile.TemporaryDirectory(prefix="microface-")  # removed with the operator
        self.thing, folder = context.active_object.name, Path(self.files.name)
        character = chosen_character(context) if self.again else None
        if character:
            refuse_following(character)
            self.thing, self.action = character.name, result_of(character).action.name
            self.table, self.existing = str(folder / "map.json"), "replace"
            write_table(character, folder / "map.json")
        probe_to_file(context, context.active_object, self.existing, self.controls, folder)
        take, out = Path(bpy.path.abspath(self.filepath)), folder / "controls.npz"
        argv = ["retarget", str(take), "--basis", str(folder / "rig.npz"), "--out", str(out)]
        last = properties.job(context)  # of the last take the head is known, though its field may have changed since
        head = last.head if self.filepath == last.take else properties.settings(context).head
        argv += ["--controls", self.controls, *_of_head(bpy.path.abspath(head))]
        argv += ["--turn-head"] if self.turn_head else []
        argv += ["--map", bpy.path.abspath(self.table)] if self.table else []
        return [*argv, "--save-map", str(folder / "table.json")], [out]

    def finish(self, context: bpy.types.Context, result: Message) -> None:
        """Key the rig."""
        from .scene.retarget import key_from_file, save_table, solve_again_from_file

        thing, folder = bpy.data.objects.get(self.thing), Path(self.files.name)
        if thing is None:
            text = f"There is no object '{self.thing}' any more."
            raise MicrofaceError("rig_changed", text, "Make the character active, and retarget again.")
        played = [one for one in results_of(thing) if self.again and one.action and one.action.name == self.action]
        if played:
            action = solve_again_from_file(played[0], folder)
        else:
            action = key_from_file(context, thing, folder, self.filepath, self.existing, self.start, self.strength)
        if self.save_table:
            save_table(folder, _table_path(Path(bpy.path.abspath(self.filepath))))
        self.report({"INFO"}, f"{action.name}: {result['text']}")


CLASSES = (MICROFACE_OT_retarget,)


def _of_head(name: str | None) -> list[str]:
    return ["--head", name] if name else []


def _table_path(take: Path) -> Path:
    return take.with_name(f"{take.name.partition('.')[0]}.rig.json")


def retarget_file(options: argparse.Namespace, run: Run, report: Report) -> Message:
    """The verb: open a character's file, put the take on it, save it elsewhere. What is open here is closed.

    Args:
        options: the parsed command line.
        run: the worker.
        report: gets the progress messages.

    Raises:
        MicrofaceError: what is wrong with the character, before the work starts or when it is keyed.
    """
    from ..backend.outputs import refuse_same
    from .scene.character import find_character
    from .scene.retarget import key_from_file, open_character, probe_to_file, save_character, save_table

    refuse_same(options.take, *filter(None, (options.out, options.save_map)))
    if options.out.resolve() == options.rig.resolve():
        raise MicrofaceError("same_file", f"{options.out} would be overwritten.", "Name another file.")
    report({"type": "progress", "stage": "opening the character", "value": 0.0, "seconds_left": None, "rate": None})
    context = open_character(options.rig)
    thing = _named(options.object)
    with tempfile.TemporaryDirectory(prefix="microface-") as name:
        folder = Path(name)
        report({"type": "progress", "stage": "moving its controls", "value": 0.0, "seconds_left": None, "rate": None})
        probe_to_file(context, thing, options.existing, options.controls, folder)
        argv = ["retarget", str(options.take), "--basis", str(folder / "rig.npz")]
        argv += ["--out", str(folder / "controls.npz"), "--controls", options.controls, *_of_head(options.head)]
        argv += ["--turn-head"] if options.turn_head else []
        argv += ["--map", str(options.map)] if options.map else []
        last = run([*argv, "--save-map", str(folder / "table.json")], [])
        if last["type"] != "result":
            return last
        take = str(options.take.resolve())
        dressed = {options.rig.suffix.lower(), options.out.suffix.lower()} != {".blend"}
        with lent(result):
            key_from_file(context, thing, folder, take, options.existing, 1.0, options.strength, dressed=dressed)
            save_character(options.out, find_character(context, thing))
        if options.save_map:
            save_table(folder, options.save_map)
    files = [str(path) for path in (options.out, options.save_map) if path]
    return {**last, "character": str(options.out), "files": files, "text": f"{last['text']}\nwrote {options.out}"}


def _named(name: str) -> bpy.types.Object | None:
    """The object that was asked for; None for the character with the most controls."""
    if name and name not in bpy.data.objects:
        listed = ", ".join(sorted(thing.name for thing in bpy.data.objects if thing.type in ("MESH", "ARMATURE"))[:8])
        raise MicrofaceError("no_object", f"The file has no object '{name}'.", f"It has {listed or 'none'}.")
    return bpy.data.objects[name] if name else None
