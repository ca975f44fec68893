# SPDX-License-Identifier: GPL-3.0-or-later
"""The stages of `reconstruct`, and how far the whole job is in each."""

from __future__ import annotations

from .types import Progress

#: share of the whole job at which each stage ends, as tests/bench/speed.py measures it on 300 frames
STAGES = {
    "reading": 0.01,
    "tracking": 0.2,
    "head": 0.32,
    "neutral": 0.5,
    "motion": 0.68,
    "solving": 0.97,
    "events": 1.0,
}


class StageProgress:
    """Turns the share of a stage into the share of the job, which is smaller when its tracks are known."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._last, self._done, self._known = "reading", 0.0, 0.0

    def __call__(self, stage: str, share: float) -> None:
        names = list(STAGES)
        begin = STAGES[names[names.index(stage) - 1]] if stage != names[0] else 0.0
        if (self._last, stage) == ("reading", "head"):
            self._known = begin
        now = begin + min(max(share, 0.0), 1.0) * (STAGES[stage] - begin)
        self._last, self._done = stage, max(self._done, (now - self._known) / (1 - self._known))
        self._progress(stage, self._done)
