# SPDX-License-Identifier: GPL-3.0-or-later
"""The first panels of the tab: footage and button, settings, corrections, takes."""

import bpy

from ..operators import pins, properties, takes
from ..operators.choose_video import ChooseVideo
from ..operators.paint_out import MICROFACE_OT_paint_out
from ..operators.pins import MICROFACE_OT_add_pins
from ..operators.presets import MICROFACE_OT_preset
from ..operators.reconstruct import MICROFACE_OT_reconstruct
from ..operators.spans import MICROFACE_OT_add_span, MICROFACE_OT_remove_span, MICROFACE_OT_span_from_preview
from ..operators.takes import MICROFACE_OT_remove_take, MICROFACE_OT_show_take
from .progress import draw_error, draw_progress
from .tab import Tab


class MICROFACE_OT_choose_video(ChooseVideo, bpy.types.Operator):
    """Choose the video of a face"""

    def draw(self, context: bpy.types.Context) -> None:
        """Draw presets and settings in the dialog after a drop."""
        if self.start:
            layout = self.layout
            layout.operator_menu_enum(MICROFACE_OT_preset.bl_idname, "purpose", icon="PRESET")
            layout.use_property_split = True
            layout.use_property_decorate = False
            draw_settings(layout, context)


class MICROFACE_PT_reconstruct(Tab, bpy.types.Panel):
    """File field, button, progress, error."""

    bl_label = "Reconstruct"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """Draw the presets."""
        self.layout.operator_menu_enum(MICROFACE_OT_preset.bl_idname, "purpose", text="", icon="PRESET")

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the main job."""
        layout, state = self.layout, properties.job(context)
        row = layout.row()
        row.enabled = not state.running
        row.prop(properties.settings(context), "source", text="", placeholder="Video of a face")
        if state.running:
            draw_progress(layout, state)
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator(MICROFACE_OT_reconstruct.bl_idname, icon="USER")
        draw_error(layout, context)


class _Choices(Tab):
    bl_parent_id = "MICROFACE_PT_reconstruct"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices; they hold for the next job."""
        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        self.layout.enabled = not properties.job(context).running
        self.draw_choices(self.layout, context)


class MICROFACE_PT_settings(_Choices, bpy.types.Panel):
    """What is chosen before the first run."""

    bl_label = "Settings"

    def draw_choices(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        """Draw them as the dialog does."""
        draw_settings(layout, context)


class MICROFACE_PT_corrections(_Choices, bpy.types.Panel):
    """What is chosen when a result shows that it is needed."""

    bl_label = "Corrections"

    def draw_choices(self, layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
        """Draw face, neutral frames, frames left out, and the lens."""
        choice = properties.settings(context)
        layout.prop(choice, "face", placeholder="Largest")
        _span(layout, choice, "neutral")
        layout.prop(choice, "lens_from")
        if choice.lens_from == "KNOWN":
            layout.prop(choice, "lens")
        for index, span in enumerate(choice.exclude):
            row = layout.row(align=True)
            row.use_property_split = False
            row.label(text="Leave Out")
            row.prop(span, "start", text="")
            row.prop(span, "end", text="")
            row.operator(MICROFACE_OT_remove_span.bl_idname, text="", icon="X").index = index
        layout.operator(MICROFACE_OT_add_span.bl_idname, icon="ADD")
        layout.prop(choice, "mask")
        layout.operator(MICROFACE_OT_paint_out.bl_idname, icon="MOD_MASK")
        layout.operator(MICROFACE_OT_add_pins.bl_idname, icon="PINNED")
        if pinned := takes.shown(context.scene):
            _pins(layout, pins.pins_of(pinned))


class MICROFACE_PT_takes(Tab, bpy.types.Panel):
    """The takes of this scene."""

    bl_label = "Takes"
    bl_order = 2

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be one."""
        return bool(takes.of_scene(context.scene))

    def draw(self, context: bpy.types.Context) -> None:
        """Draw a row for each: what is shown, and a button to remove it."""
        column = self.layout.column(align=True)
        for take in takes.of_scene(context.scene):
            row = column.row(align=True)
            shown = not take.hide_viewport
            button = row.operator(
                MICROFACE_OT_show_take.bl_idname,
                text=take.name,
                icon="HIDE_OFF" if shown else "HIDE_ON",
                depress=shown,
            )
            button.name = take.name
            row.operator(MICROFACE_OT_remove_take.bl_idname, text="", icon="TRASH").name = take.name


CLASSES = (
    MICROFACE_OT_choose_video,
    MICROFACE_PT_reconstruct,
    MICROFACE_PT_settings,
    MICROFACE_PT_corrections,
    MICROFACE_PT_takes,
)


def draw_settings(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Draw range, quality, head, detail, frame rate, and what becomes of the take before."""
    choice, general = properties.settings(context), properties.preferences(context)
    _span(layout, choice, "range")
    layout.prop(choice, "quality")
    layout.prop(choice, "head", placeholder=(general and general.head) or "Generic")
    if properties.head(context) != "generic":
        layout.prop(choice, "live_correctives")
    layout.prop(choice, "detail")
    layout.prop(choice, "rate")
    layout.prop(choice, "result")


def _pins(layout: bpy.types.UILayout, own: list[bpy.types.Object]) -> None:
    """Draw how many pins there are, and in which frames."""
    if own:
        frames = ", ".join(map(str, sorted({pin[pins.FRAME] for pin in own})))
        layout.label(text=f"{len(own)} pins, video frame {frames}")


def _span(layout: bpy.types.UILayout, choice: properties.MICROFACE_PG_settings, name: str) -> None:
    """Draw a check box, and below it the frames while it is on; the button beside it asks the timeline."""
    row = layout.row(align=True)
    row.prop(choice, f"use_{name}")
    row.operator(MICROFACE_OT_span_from_preview.bl_idname, text="", icon="PREVIEW_RANGE").target = name
    if getattr(choice, f"use_{name}"):
        column = layout.column(align=True)
        column.prop(choice, f"{name}_start")
        column.prop(choice, f"{name}_end")
