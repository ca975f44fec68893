# SPDX-License-Identifier: GPL-3.0-or-later
"""Template and frame to dense sub-pixel motion, as coefficients of a cubic B-spline sheet with their information."""
