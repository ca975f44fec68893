# SPDX-License-Identifier: GPL-3.0-or-later
"""Dense motion to head pose, expression and local detail, joint over the clip, with its posterior."""
