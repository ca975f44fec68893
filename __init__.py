# SPDX-License-Identifier: GPL-3.0-or-later
"""Microface: from the video of a face to an animated head with its micro-expressions."""

import atexit
from contextlib import ExitStack

import bpy

from .operators import (
    bake_result,
    before_after,
    choose_video,
    command_line,
    compare,
    curve_views,
    edit_event,
    export_animation,
    export_table,
    face_pins,
    gpu,
    heads,
    health,
    import_motion,
    insert_event,
    job,
    keying,
    link_head,
    micro_expressions,
    next_step,
    paint_out,
    pins,
    play_event,
    plot_motion,
    presets,
    properties,
    reconstruct,
    reset_result,
    reset_strength,
    result,
    retarget,
    rig_table,
    skin,
    spans,
    takes,
)
from .panels import compare as compare_panel
from .panels import curves, event_list, exchange, preferences, strength
from .panels import keying as keying_panel
from .panels import reconstruct as reconstruct_panels
from .panels import retarget as retarget_panel
from .panels import rig_table as rig_table_panel

CLASSES = (
    *properties.CLASSES,
    *reconstruct.CLASSES,
    *micro_expressions.CLASSES,
    *edit_event.CLASSES,
    *play_event.CLASSES,
    *keying.CLASSES,
    *result.CLASSES,
    *insert_event.CLASSES,
    *compare.CLASSES,
    *before_after.CLASSES,
    *plot_motion.CLASSES,
    *skin.CLASSES,
    *curve_views.CLASSES,
    *import_motion.CLASSES,
    *export_animation.CLASSES,
    *export_table.CLASSES,
    *heads.CLASSES,
    *health.CLASSES,
    *gpu.CLASSES,
    *next_step.CLASSES,
    *presets.CLASSES,
    *paint_out.CLASSES,
    *pins.CLASSES,
    *spans.CLASSES,
    *takes.CLASSES,
    *reconstruct_panels.CLASSES,
    *choose_video.CLASSES,
    *reset_strength.CLASSES,
    *retarget.CLASSES,
    *face_pins.CLASSES,
    *rig_table.CLASSES,
    *link_head.CLASSES,
    *bake_result.CLASSES,
    *reset_result.CLASSES,
    *event_list.CLASSES,
    *compare_panel.CLASSES,
    *strength.CLASSES,
    *keying_panel.CLASSES,
    *curves.CLASSES,
    *retarget_panel.CLASSES,
    *rig_table_panel.CLASSES,
    *exchange.CLASSES,
    *preferences.CLASSES,
)

_registered = ExitStack()  # how to undo what was registered, last first


def register() -> None:
    """Make everything known to Blender; when a step fails, undo those before it and let the error out."""
    global _registered
    with ExitStack() as undo:
        for cls in CLASSES:
            bpy.utils.register_class(cls)
            undo.callback(bpy.utils.unregister_class, cls)
        properties.attach()
        undo.callback(properties.detach)
        micro_expressions.attach()
        undo.callback(micro_expressions.detach)
        keying.attach()
        undo.callback(keying.detach)
        result.attach()
        undo.callback(result.detach)
        command = bpy.utils.register_cli_command("microface", command_line.main)
        undo.callback(bpy.utils.unregister_cli_command, command)
        atexit.register(job.end)
        undo.callback(atexit.unregister, job.end)
        undo.callback(lambda: job.release(bpy.context))
        undo.callback(heads.refresh)
        undo.callback(lambda: play_event.release(bpy.context))
        _registered = undo.pop_all()


def unregister() -> None:
    """Stop a running job and leave nothing behind."""
    _registered.close()
