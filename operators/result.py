# SPDX-License-Identifier: GPL-3.0-or-later
"""What takes became on a character, and how they are shown: kept on the object that the character hangs on.

The values that were solved stay with the Action, raw; each of these settings lays them on the curves anew, or, while the
character follows a head, on its drivers. Of several takes, laid over one another, one is chosen to be set.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import bpy
from bpy.app.handlers import persistent
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import compat
from .head import NAMES, strength_property

MOST = 20.0
FIELD, CHOSEN = "microface_results", "microface_chosen"  #: the settings' names on Blender's objects

_held = 0  # settings are being changed together


def _changed(owner: Any, _context: bpy.types.Context) -> None:
    """Show the result as it is set now."""
    if not _held:
        show(owner if isinstance(owner, MICROFACE_PG_result) else _result_with(owner))


def _result_with(row: MICROFACE_PG_control) -> MICROFACE_PG_result:
    """The one whose table has the row."""
    results = results_of(cast(bpy.types.Object, row.id_data))
    return next(one for one in results if row in one.controls.values())


@contextmanager
def together(result: MICROFACE_PG_result) -> Iterator[None]:
    """Change several settings, and show the result once."""
    global _held
    _held += 1
    try:
        yield
    finally:
        _held -= 1
    show(result)


class MICROFACE_PG_part(bpy.types.PropertyGroup):
    """One object that a control moves, and where the control stands at rest."""

    thing: PointerProperty(type=bpy.types.Object)
    rest: FloatProperty()


class MICROFACE_PG_control(bpy.types.PropertyGroup):
    """One row of the table: how one of the rig's controls takes part."""

    name: StringProperty()
    kind: StringProperty()
    item: StringProperty()  # the shape key, bone or custom property
    bone: StringProperty()  # that has the custom property, if one does
    axis: IntProperty()
    parts: CollectionProperty(type=MICROFACE_PG_part)
    rest: FloatVectorProperty(size=16)  # of a bone, its matrix
    solved: FloatProperty()  # the gain it was solved with; 0 when it was left out
    units: StringProperty(name="Source", description="The ARKit units that its name stands for; empty: by its shape")
    use: BoolProperty(name="Use", description="Let it move", update=_changed)
    region: EnumProperty(
        name="Region",
        description="Whose strength acts on it",
        items=(("NONE", "None", ""), *((name, label, "") for name, label in NAMES.items())),
        update=_changed,
    )
    gain: FloatProperty(
        name="Gain",
        description="Times which it moves as it was solved",
        default=1, soft_min=0, soft_max=3, min=-10, max=10, update=_changed,
    )  # fmt: skip
    low: FloatProperty(
        name="From", description="Least value, counted from rest", max=0, precision=3, step=1, update=_changed
    )
    high: FloatProperty(
        name="To", description="Largest value, counted from rest", min=0, precision=3, step=1, update=_changed
    )


def _strength(region: str) -> Any:
    what = f"the {NAMES[region].lower()}" if region else "the whole face"
    beyond = ", times the strength of all" if region else ""
    text = f"Times which {what} moves as it was solved, within each control's limits{beyond}"
    label = NAMES[region] if region else "Whole Face"
    return FloatProperty(
        name=label, description=text, default=1, soft_min=0, soft_max=5, min=-MOST, max=MOST, update=_changed
    )


class MICROFACE_PG_result(bpy.types.PropertyGroup):
    """A take on a character."""

    action: PointerProperty(type=bpy.types.Action)
    take: StringProperty()  # its file
    existing: StringProperty()  # how it was laid on the animation that was there
    head: PointerProperty(type=bpy.types.Object)  # that the character follows
    carrier: PointerProperty(type=bpy.types.Object)  # of the drivers, while it does
    problem: StringProperty()  # why the last change could not be shown
    strength: _strength("")
    strength_brows: _strength("brows")
    strength_eyes: _strength("eyes")
    strength_nose: _strength("nose")
    strength_mouth: _strength("mouth")
    strength_jaw: _strength("jaw")
    start: FloatProperty(
        name="Start Frame", description="Scene frame of the footage's start", default=1, options=set(), update=_changed
    )
    stretch: FloatProperty(
        name="Duration",
        description="How many times as long it takes as it did in the footage",
        default=1, min=0.05, max=20, options=set(), update=_changed,
    )  # fmt: skip
    mirror: BoolProperty(
        name="Mirror", description="Let the left side do what the right one did", options=set(), update=_changed
    )
    controls: CollectionProperty(type=MICROFACE_PG_control)
    chosen: IntProperty(options={"HIDDEN"})

    @property
    def root(self) -> bpy.types.Object:
        """The object that the character hangs on."""
        return cast(bpy.types.Object, self.id_data)


CLASSES = (MICROFACE_PG_part, MICROFACE_PG_control, MICROFACE_PG_result)


def results_of(thing: bpy.types.Object) -> Any:
    """The takes on a character, by its root object."""
    return getattr(thing, FIELD)


def result_of(thing: bpy.types.Object) -> MICROFACE_PG_result | None:
    """The chosen take on a character, by its root object; the last one where the choice is gone."""
    results = results_of(thing)
    return cast(MICROFACE_PG_result, results[min(getattr(thing, CHOSEN), len(results) - 1)]) if len(results) else None


def strength_path(result: MICROFACE_PG_result, region: str) -> str:
    """The path of a strength from the object as Blender writes it in keys: by the number of the take."""
    return str(result.path_from_id(strength_property(region)))


def chosen_character(context: bpy.types.Context) -> bpy.types.Object | None:
    """The root of the active object's character if there is a take on it. Cheap enough for a panel."""
    thing = context.view_layer.objects.active if context.view_layer else None
    rig = (
        next((one.object for one in thing.modifiers if one.type == "ARMATURE" and one.object), None) if thing else None
    )
    thing = rig or thing
    while thing is not None and not results_of(thing):
        thing = thing.parent
    return thing


def show(result: MICROFACE_PG_result) -> None:
    """Show a take on its character as it is set now."""
    from .scene import result as scene  # loads numpy, which enabling the add-on must not

    scene.show(result)


def forget_keys(thing: bpy.types.Object, path: str) -> None:
    """Take the keys off a property of an object."""
    data = thing.animation_data
    if data and data.action and data.action_slot:
        curves = compat.channelbag(data.action, data.action_slot).fcurves
        curve = curves.find(path)
        if curve:
            curves.remove(curve)


@persistent  # type: ignore[untyped-decorator]
def _follow_keys(_scene: bpy.types.Scene, graph: bpy.types.Depsgraph) -> None:
    """Strengths may be keyed: their curves say nothing to those who depend on them."""
    if not graph.id_type_updated("ACTION") or _held:
        return
    for thing in graph.scene.objects:
        if thing.animation_data and thing.animation_data.action:
            for result in results_of(thing):
                if not result.carrier:
                    from .scene.result import show_keyed

                    show_keyed(result)


def attach() -> None:
    """Hang the settings on Blender's objects."""
    setattr(bpy.types.Object, FIELD, CollectionProperty(type=MICROFACE_PG_result))
    setattr(bpy.types.Object, CHOSEN, IntProperty(name="Take", options={"HIDDEN"}))
    bpy.app.handlers.depsgraph_update_post.append(_follow_keys)


def detach() -> None:
    """Take them off again; what is in the file stays there."""
    bpy.app.handlers.depsgraph_update_post.remove(_follow_keys)
    delattr(bpy.types.Object, CHOSEN)
    delattr(bpy.types.Object, FIELD)


def attached() -> bool:
    """Whether objects have them now."""
    return hasattr(bpy.types.Object, FIELD)
