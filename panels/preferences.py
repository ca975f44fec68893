# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: where things run and lie, and the heads that are here."""

import textwrap

import bpy

from ..operators import heads, properties
from .sidebar import draw_error, draw_progress

LINE = 90  # characters of a line in preferences of the default width


class MICROFACE_preferences(properties.Preferences, bpy.types.AddonPreferences):
    """What holds for all files."""

    bl_idname = properties.ADDON

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices, and the heads."""
        column = self.layout.column()
        column.use_property_split = True
        column.prop(self, "device")
        column.prop(self, "takes")
        column.prop(self, "head", placeholder="generic")
        state = properties.job(context)
        _draw_here(self.layout)
        row = self.layout.row()
        row.operator(heads.MICROFACE_OT_add_head.bl_idname, icon="ADD", text="Add...")
        row.operator(heads.MICROFACE_OT_download_head.bl_idname, icon="URL", text="Download...")
        if state.running:
            draw_progress(self.layout, state)
        draw_error(self.layout, state, LINE)
        _draw_elsewhere(self.layout)


CLASSES = (MICROFACE_preferences,)


def _draw_here(layout: bpy.types.UILayout) -> None:
    """Draw the heads that can be chosen, with their terms."""
    layout.label(text="Heads", icon="USER")
    _draw_head(layout, "generic", "The head of Microface. CC0-1.0", "")
    for one in heads.kept():
        row = _draw_head(layout, one.name, f"{one.title}. {one.licence}", one.citation)
        remove = row.operator(heads.MICROFACE_OT_remove_head.bl_idname, text="", icon="TRASH", emboss=False)
        remove.name = one.name


def _draw_head(layout: bpy.types.UILayout, name: str, terms: str, citation: str) -> bpy.types.UILayout:
    """Draw one head; gives the row of its name."""
    column = layout.box().column(align=True)
    row = column.row()
    row.label(text=name)
    cite = f"Please cite: {citation}" if citation else ""
    for line in textwrap.wrap(terms, LINE) + textwrap.wrap(cite, LINE):
        small = column.row()
        small.active = False
        small.label(text=line)
    return row


def _draw_elsewhere(layout: bpy.types.UILayout) -> None:
    """Draw where others are published; the browser opens, nothing is downloaded."""
    layout.label(text="Published elsewhere, under their own terms", icon="WORLD")
    column = layout.column(align=True)
    for edition in heads.EDITIONS:
        row = column.split(factor=0.3)
        row.label(text=edition.name)
        row.label(text=edition.licence.partition(":")[0])
        row.operator("wm.url_open", text=edition.home.removeprefix("https://"), icon="URL").url = edition.home
