# SPDX-License-Identifier: GPL-3.0-or-later
"""Which frames of the footage a job looks at: its range, and for a draft of fast footage only some of them.

A draft looks at about thirty frames a second. Each is measured as well as one frame can be; what passes between two of them is not
seen, and less noise averages out. A draft of up to 44 frames a second is the full job.
"""

from __future__ import annotations

from dataclasses import replace

from .errors import MicrofaceError
from .types import Clip, Settings

DRAFT_FPS = 30.0

Span = tuple[int, int]


def wanted_frames(clip: Clip, settings: Settings) -> range:
    """The frames of a clip that the settings ask for.

    Raises:
        MicrofaceError: ``bad_range``.
    """
    count = len(clip.time_s)
    start, stop = settings.range or (0, count)
    if not 0 <= start < min(stop, count):
        text = f"There are no frames {start}:{stop} in {clip.path}, which has {count}."
        raise MicrofaceError("bad_range", text, f"Choose a range inside 0:{count}.")
    return range(start, min(stop, count))


def drafted(clip: Clip, settings: Settings) -> tuple[Clip, Settings]:
    """The frames that a job looks at as a clip, and the settings in their numbers.

    Args:
        clip: the footage.
        settings: in frames of the footage.

    Raises:
        MicrofaceError: ``bad_range``.
    """
    wanted = wanted_frames(clip, settings)
    step = max(1, round(clip.fps / DRAFT_FPS)) if settings.quality == "draft" else 1
    if step == 1:
        return clip, settings
    fewer = replace(clip, time_s=clip.time_s[::step], fps=clip.fps / step, step=step)
    last = len(fewer.time_s) - 1

    def inside(span: Span) -> Span:
        """Frames of the draft in a span, or the first after it."""
        first, stop = -(-span[0] // step), -(-span[1] // step)
        return min(first, last), max(stop, min(first, last) + 1)

    return fewer, replace(
        settings,
        range=settings.range and inside((wanted.start, wanted.stop)),
        neutral=settings.neutral and inside(settings.neutral),
        exclude=tuple((-(-first // step), -(-stop // step)) for first, stop in settings.exclude),
        pins=tuple(replace(pin, frame=min(round(pin.frame / step), last)) for pin in settings.pins),
    )
