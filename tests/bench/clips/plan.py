# SPDX-License-Identifier: GPL-3.0-or-later
"""What a clip shows: pure data, from which the clip follows to the last sample."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """A clip. The rest follows from `seed`: which units move, when, and how the head sways."""

    name: str
    split: str  #: development, final or quiet
    condition: str  #: what is varied; see split.py
    level: float  #: how much of it
    face: str  #: a name of faces.py
    seed: int
    amp_px: float = 1.0  #: the largest motion of the expression in the picture; 0 = none
    seconds: float = 0.48
    fps: float = 200.0
    face_px: float = 240.0  #: from cheek to cheek
    drift_px: float = 2.0  #: how far the head gets from where it began
    turn_deg: float = 1.0  #: how far it turns from how it began
    noise: float = 1.5  #: standard deviation of the luma, grey levels
    flicker: float = 0.004  #: of the brightness, at 100 Hz
    light: float = 0.0  #: by how much the brightness on one side changes over the clip
    crf: int = 12
    blinks: int = 0
    gazes: int = 0  #: glances aside and back
    speech_px: float = 0.0  #: the widest opening of the mouth
    focal: float = 2.2  #: of the picture's shorter side
    dent_mm: float = 8.0  #: depth by which the face differs from its own model, at most
    width: int = 456
    height: int = 456

    @property
    def frames(self) -> int:
        return round(self.seconds * self.fps)

    def meta(self) -> dict[str, Any]:
        return {**asdict(self), "frames": self.frames}
