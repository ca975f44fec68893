# SPDX-License-Identifier: GPL-3.0-or-later
"""Where all panels of the sidebar stand."""


class Tab:
    """The tab "Microface" in the 3D viewport's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Microface"
