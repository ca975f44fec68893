# SPDX-License-Identifier: GPL-3.0-or-later
"""The head against its footage, and against itself."""

import bpy

from ..operators.before_after import MICROFACE_OT_before_after, magnified
from ..operators.compare import LINES, OVER, MICROFACE_OT_lines, MICROFACE_OT_place_footage, camera_of, footage_place
from ..operators.head import STRENGTH, chosen_head
from ..operators.plot_motion import MICROFACE_OT_plot_motion
from ..operators.skin import MICROFACE_OT_plain_skin, MICROFACE_OT_skin_from_footage, own_skin
from .tab import Tab

PLACES = (("BEHIND", "Behind"), ("OVER", "Over"), ("BESIDE", "Beside"), ("OFF", "Off"))


class MICROFACE_PT_compare(Tab, bpy.types.Panel):
    """Buttons that show, each with one click on and off."""

    bl_label = "Compare"
    bl_order = 15

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """There must be a head."""
        return chosen_head(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Draw where the footage is, the lines, the magnified head beside the head, the plot, and the skin."""
        head = chosen_head(context)
        camera = camera_of(head)
        if camera and (now := footage_place(camera)):
            _draw_footage(self.layout, camera.data, now)
        self.layout.operator(MICROFACE_OT_lines.bl_idname, icon="SHADING_WIRE", depress=LINES in head.modifiers)
        after = magnified(context.scene)
        self.layout.operator(MICROFACE_OT_before_after.bl_idname, icon="MOD_MIRROR", depress=after is not None)
        if after:
            self.layout.prop(after, f'["{STRENGTH}"]', text="Times as Far", slider=True)
        self.layout.operator(MICROFACE_OT_plot_motion.bl_idname, icon="GRAPH")
        row = self.layout.row(align=True)
        worn = own_skin(head) is not None
        row.operator(MICROFACE_OT_skin_from_footage.bl_idname, icon="TEXTURE", depress=worn)
        if worn:
            row.operator(MICROFACE_OT_plain_skin.bl_idname, text="", icon="X")


CLASSES = (MICROFACE_PT_compare,)


def _draw_footage(layout: bpy.types.UILayout, camera: bpy.types.Camera, now: str) -> None:
    layout.label(text="Footage", icon="FILE_MOVIE")
    row = layout.row(align=True)
    for place, name in PLACES:
        row.operator(MICROFACE_OT_place_footage.bl_idname, text=name, depress=place == now).place = place
    if now == OVER:
        layout.prop(camera.background_images[0], "alpha", text="Footage", slider=True)
