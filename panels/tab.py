# SPDX-License-Identifier: GPL-3.0-or-later
"""Where our panels stand."""


class Tab:
    """The tab of the 3D view's sidebar."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Microface"
