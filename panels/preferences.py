# SPDX-License-Identifier: GPL-3.0-or-later
"""The add-on's preferences: choices for all files, a health check, the GPU runtime, and the heads."""

import textwrap

import bpy

from ..operators import gpu, heads, properties
from ..operators.health import MICROFACE_OT_check, MICROFACE_OT_clear_cache, MICROFACE_OT_copy_checks
from .progress import draw_error, draw_progress

LINE = 90  # characters of a line in preferences of the default width


class MICROFACE_OT_install_gpu(gpu.InstallGpu, bpy.types.Operator):
    """Download ONNX Runtime for NVIDIA cards, after saying what it is and what it brings"""

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the terms."""
        column = self.layout.column(align=True)
        for text in gpu.terms(context):
            for number, line in enumerate(textwrap.wrap(text, LINE)):
                column.label(text=line, icon="BLANK1" if number else "DOT")


class MICROFACE_preferences(properties.Preferences, bpy.types.AddonPreferences):
    """What holds for all files."""

    bl_idname = properties.ADDON

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the choices, the health check, the GPU runtime, and the heads."""
        layout, state = self.layout, properties.job(context)
        column = layout.column()
        column.use_property_split = True
        column.prop(self, "device")
        column.prop(self, "takes")
        column.prop(self, "head", placeholder="generic")
        row = column.row(align=True)
        row.prop(self, "cache", text="Keep Results Up To (GB)")
        size = f"Clear {state.kept_mb:,.0f} MB" if state.kept_mb >= 0 else "Clear"
        row.operator(MICROFACE_OT_clear_cache.bl_idname, text=size, icon="TRASH")
        if state.running:
            draw_progress(layout, state)
        draw_error(layout, context, LINE)
        _draw_health(layout, state)
        _draw_gpu(layout, self, state)
        _draw_here(layout)
        _draw_elsewhere(layout)


CLASSES = (MICROFACE_OT_install_gpu, MICROFACE_preferences)


def _draw_health(layout: bpy.types.UILayout, state: properties.MICROFACE_PG_job) -> None:
    """Draw the list of the last check, what is missing with its cure."""
    row = layout.row()
    row.label(text="Health", icon="CHECKMARK")
    row.operator(MICROFACE_OT_check.bl_idname, icon="FILE_REFRESH")
    row.operator(MICROFACE_OT_copy_checks.bl_idname, icon="COPYDOWN")
    if not state.checks:
        return
    column = layout.box().column(align=True)
    for check in state.checks:
        for number, line in enumerate(textwrap.wrap(check.detail, LINE - 20) or [""]):
            split = column.split(factor=0.22)
            split.alert = not check.well
            if number:
                split.label(text="", icon="BLANK1")
            else:
                split.label(text=check.name, icon="CHECKMARK" if check.well else "ERROR")
            split.label(text=line)


def _draw_gpu(
    layout: bpy.types.UILayout, preferences: properties.Preferences, state: properties.MICROFACE_PG_job
) -> None:
    """Draw the folder, and the buttons that install and remove one."""
    layout.label(text="GPU Runtime (optional)", icon="MEMORY")
    column = layout.column()
    column.use_property_split = True
    column.prop(preferences, "runtime", text="Folder")
    row = layout.row()
    row.operator(MICROFACE_OT_install_gpu.bl_idname, icon="IMPORT", text="Install...")
    if state.gpu:
        row.operator(gpu.MICROFACE_OT_remove_gpu.bl_idname, icon="TRASH", text="Remove")


def _draw_here(layout: bpy.types.UILayout) -> None:
    """Draw the heads that can be chosen, with their terms, and the buttons that bring more."""
    layout.label(text="Heads", icon="USER")
    _draw_head(layout, "generic", "The head of Microface. CC0-1.0", "")
    for one in heads.kept():
        row = _draw_head(layout, one.name, f"{one.title}. {one.licence}", one.citation)
        remove = row.operator(heads.MICROFACE_OT_remove_head.bl_idname, text="", icon="TRASH", emboss=False)
        remove.name = one.name
    row = layout.row()
    row.operator(heads.MICROFACE_OT_add_head.bl_idname, icon="ADD", text="Add...")
    row.operator(heads.MICROFACE_OT_download_head.bl_idname, icon="URL", text="Download...")


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
