# SPDX-License-Identifier: GPL-3.0-or-later
"""An error's next step as a button."""

import re
from collections.abc import Callable
from typing import NamedTuple

import bpy

from . import properties, takes
from .pins import pins_of

RECONSTRUCT = "microface.reconstruct"


class Step(NamedTuple):
    """What a button under an error says and changes; then the job is tried again."""

    label: str
    change: Callable[[bpy.types.Context], None]


def _choose(**values: object) -> Callable[[bpy.types.Context], None]:
    def change(context: bpy.types.Context) -> None:
        for name, value in values.items():
            setattr(properties.settings(context), name, value)

    return change


def _use_offered_range(context: bpy.types.Context) -> None:
    """The range that the remedy names."""
    first, stop = offered_range(properties.job(context).remedy)
    _choose(use_range=True, range_start=first, range_end=stop)(context)


def _use_processor(context: bpy.types.Context) -> None:
    if preferences := properties.preferences(context):
        preferences.device = "cpu"


def _leave_nothing_out(context: bpy.types.Context) -> None:
    properties.settings(context).exclude.clear()


def _remove_pins(context: bpy.types.Context) -> None:
    if take := takes.shown(context.scene):
        bpy.data.batch_remove(pins_of(take))


def _clear_cache(context: bpy.types.Context) -> None:
    bpy.ops.microface.clear_cache()


def _nothing(context: bpy.types.Context) -> None:
    pass


#: By the error's code, of the reconstruction.
STEPS = {
    "cut": Step("Use the Longest Shot", _use_offered_range),
    "bad_range": Step("Use the Whole Video", _choose(use_range=False)),
    "bad_face": Step("Use the Largest Face", _choose(face="")),
    "no_such_face": Step("Use the Largest Face", _choose(face="")),
    "all_left_out": Step("Leave Nothing Out", _leave_nothing_out),
    "bad_mask": Step("Paint Nothing Out", _choose(mask=None)),
    "bad_pins": Step("Remove the Pins", _remove_pins),
    "pins_of_other_head": Step("Remove the Pins", _remove_pins),
    "not_shown": Step("Paint Nothing Out", _choose(mask=None)),
    "no_device": Step("Use the Processor", _use_processor),
    "no_head": Step("Use the Built-in Head", _choose(head="generic")),
    "disk_full": Step("Clear Kept Results", _clear_cache),
    "no_memory": Step("Try Again", _nothing),
    "worker_died": Step("Try Again", _nothing),
    "internal": Step("Try Again", _nothing),
}
#: For these another video must be chosen.
FOOTAGE = (
    "no_file",
    "no_such_file",
    "empty",
    "not_video",
    "truncated",
    "damaged",
    "no_face",
    "face_too_small",
    "too_large",
)


def offered_range(remedy: str) -> tuple[int, int]:
    """Frames [A, B) that a remedy names in the words of the panel; (0, 1) where it names none."""
    found = re.search(r"frame range (\d+) to (\d+)", remedy)
    return (int(found[1]), int(found[2])) if found else (0, 1)


def step(context: bpy.types.Context) -> Step | None:
    """The step that the last error asks for."""
    state = properties.job(context)
    return STEPS.get(state.code) if state.job == RECONSTRUCT else None


class MICROFACE_OT_next_step(bpy.types.Operator):
    """Do what the error asks for, and reconstruct again"""

    bl_idname = "microface.next_step"
    bl_label = "Next Step"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be such an error."""
        return step(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Change what is wrong; the button's own job follows."""
        chosen = step(context)
        assert chosen
        chosen.change(context)
        bpy.ops.microface.reconstruct("INVOKE_DEFAULT")
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_next_step,)
