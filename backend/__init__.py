# SPDX-License-Identifier: GPL-3.0-or-later
"""From footage to numbers: pure Python, never imports Blender."""
