# SPDX-License-Identifier: GPL-3.0-or-later
"""Expression events: onset, apex and offset from the units' motion and its standard deviation."""

from .detect import detect

__all__ = ["detect"]
