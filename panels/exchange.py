# SPDX-License-Identifier: GPL-3.0-or-later
"""Motion from other programs, and for them."""

import bpy

from ..operators.export_animation import MICROFACE_OT_export_animation
from ..operators.export_table import MICROFACE_OT_export_table
from ..operators.import_motion import MICROFACE_OT_import_motion
from .tab import Tab


class MICROFACE_PT_exchange(Tab, bpy.types.Panel):
    """Other programs' files."""

    bl_label = "Import and Export"
    bl_order = 90
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw a button for each direction."""
        column = self.layout.column(align=True)
        column.operator(MICROFACE_OT_import_motion.bl_idname, icon="IMPORT")
        column.operator(MICROFACE_OT_export_animation.bl_idname, icon="EXPORT")
        column.operator(MICROFACE_OT_export_table.bl_idname, icon="SPREADSHEET")


CLASSES = (MICROFACE_PT_exchange,)
