# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads and networks: pure Python, never imports Blender."""
