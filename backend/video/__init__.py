# SPDX-License-Identifier: GPL-3.0-or-later
"""Footage in and out: a video file or a folder of numbered images becomes a `Clip`, read in constant memory."""

from .reader import frames, open_clip
from .writer import write_video

__all__ = ["frames", "open_clip", "write_video"]
