# SPDX-License-Identifier: GPL-3.0-or-later
"""The preview video: footage, the solved head on it, and its motion magnified, side by side above a time line."""

from .movie import write_preview

__all__ = ["write_preview"]
