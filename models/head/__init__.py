# SPDX-License-Identifier: GPL-3.0-or-later
"""Head models in FLAME's formula, their reader, rasteriser and landmark embedding."""
