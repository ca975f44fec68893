# SPDX-License-Identifier: GPL-3.0-or-later
"""From the list of events to the moment on the timeline."""

import bpy

from .micro_expressions import MICROFACE_PG_event_row

MARGIN = 0.5  # of an event's duration, shown before and after it
SHORTEST = 0.2  # s shown at least on either side
EDITORS = ("DOPESHEET_EDITOR", "GRAPH_EDITOR", "NLA_EDITOR")


def span(event: MICROFACE_PG_event_row) -> tuple[float, float]:
    """The event and what is around it, seconds."""
    margin = max(MARGIN * (event.offset_s - event.onset_s), SHORTEST)
    return event.onset_s - margin, event.offset_s + margin


def show(context: bpy.types.Context, event: MICROFACE_PG_event_row) -> None:
    """Go to the apex, and let every open timeline show the event."""
    from .scene.rate import rate, seconds_to_frame  # loads numpy, which enabling the add-on must not

    fps = rate(context.scene)
    context.scene.frame_set(round(float(seconds_to_frame(event.apex_s, fps))))
    first, last = (float(seconds_to_frame(moment, fps)) for moment in span(event))
    if not bpy.app.background:
        for window in context.window_manager.windows:
            for area in window.screen.areas:
                if area.type in EDITORS:
                    _frame(context, window, area, first, last)


def _frame(
    context: bpy.types.Context, window: bpy.types.Window, area: bpy.types.Area, first: float, last: float
) -> None:
    """Zoom an editor to some frames; what it shows from top to bottom stays."""
    region = next(region for region in area.regions if region.type == "WINDOW")
    left, right = (region.view2d.view_to_region(frame, 0, clip=False)[0] for frame in (first, last))
    if right - left < 1:
        return
    with context.temp_override(window=window, area=area, region=region):
        bpy.ops.view2d.zoom_border(
            xmin=left, xmax=right, ymin=0, ymax=region.height, wait_for_input=False, zoom_out=False
        )
