# SPDX-License-Identifier: GPL-3.0-or-later
"""Pinning the head to the picture: empties that are moved to where points of the face are, and then counted on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..backend.errors import MicrofaceError
from . import properties, takes

if TYPE_CHECKING:  # loads numpy, which enabling the add-on must not
    from ..backend.types import Take

FRAME, VERTEX = "microface_pin_frame", "microface_pin_vertex"  #: custom properties of a pin


class MICROFACE_OT_add_pins(bpy.types.Operator):
    """Pin the head to this frame: at the vertices selected in Edit Mode, else at eyes, nose, mouth and chin.
    Move the pins (G) to where these points are in the picture, delete those you are not sure of, and reconstruct again"""

    bl_idname = "microface.add_pins"
    bl_label = "Pin at This Frame"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head to pin."""
        cls.poll_message_set("Reconstruct once: only then is there a head to pin")
        return takes.shown(context.scene) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add them and select them, ready to be moved."""
        from ..backend.heads import head_name, load_head
        from .scene import pins

        try:
            collection, camera, take = _shown(context)
            head = load_head(head_name(take, None))
        except MicrofaceError as error:
            self.report({"ERROR"}, f"{error.text} {error.remedy}")
            return {"CANCELLED"}
        vertices = _selected(context, collection) or list(pins.places(head))
        if context.mode == "EDIT_MESH":
            bpy.ops.object.mode_set(mode="OBJECT")
        new = pins.add_pins(collection, camera, take, head, _frame(context, take), vertices)
        for thing in new:
            thing[takes.FILE] = collection[takes.FILE]
        for thing in context.view_layer.objects:
            thing.select_set(thing in new)
        if new:
            context.view_layer.objects.active = new[0]
        return {"FINISHED"}


CLASSES = (MICROFACE_OT_add_pins,)


def pins_of(collection: bpy.types.Collection) -> list[bpy.types.Object]:
    """The pins of a take."""
    return [thing for thing in collection.objects if thing.get(VERTEX) is not None]


def pins_file(context: bpy.types.Context, source: Path) -> list[str]:
    """Write the pins of the shown take for the worker: the option that names the file; nothing where there are none.

    Raises:
        MicrofaceError: ``pins_of_other_head``; the take's file is gone.
    """
    shown = takes.shown(context.scene)
    if shown is None or not pins_of(shown):
        return []
    from .scene.pins import read_pins

    collection, camera, take = _shown(context)
    if Path(take.source["path"]).resolve() != source.resolve():
        return []
    if take.settings.get("head", properties.head(context)) != properties.head(context):
        text = f"The pins of {collection.name} stand on the head {take.settings['head']}."
        raise MicrofaceError("pins_of_other_head", text, "Choose that head, or delete the pins.")
    context.view_layer.update()
    path = Path(bpy.app.tempdir) / "microface-pins.json"
    path.write_text(json.dumps([asdict(pin) for pin in read_pins(collection, camera, take)]), encoding="utf-8")
    return ["--pins", str(path)]


def _shown(context: bpy.types.Context) -> tuple[bpy.types.Collection, bpy.types.Object, Take]:
    """The shown take: its collection, its camera, and the take itself."""
    from ..backend.take import read_take

    collection = takes.shown(context.scene)
    assert collection
    camera = next((thing for thing in collection.objects if thing.type == "CAMERA"), None)
    if camera is None:
        raise MicrofaceError("no_camera", f"{collection.name} has lost its camera.", "Reconstruct the video again.")
    return collection, camera, read_take(takes.file_of(collection))


def _selected(context: bpy.types.Context, collection: bpy.types.Collection) -> list[int]:
    """Vertices of the take's head that are selected in Edit Mode."""
    thing = context.edit_object
    if thing is None or thing.type != "MESH" or thing.name not in collection.objects:
        return []
    thing.update_from_editmode()
    return [vertex.index for vertex in thing.data.vertices if vertex.select]


def _frame(context: bpy.types.Context, take: Take) -> int:
    """The footage's frame that the scene shows now."""
    from .scene.footage import nearest
    from .scene.rate import frame_to_seconds, rate

    scene = context.scene
    row = nearest(take.time_s, frame_to_seconds(scene.frame_current, rate(scene)))
    return int(take.footage_frames[row])
