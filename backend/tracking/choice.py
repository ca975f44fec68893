# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of several faces the user means."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import MicrofaceError
from .detector import Face


@dataclass(frozen=True)
class Choice:
    """The N-th largest face, or the one at a point."""

    rank: int = 0
    point: tuple[float, float] | None = None  #: px

    def pick(self, faces: list[Face]) -> Face | None:
        """Choose among faces, largest first; None when the one that is meant is not there."""
        if self.point is not None:
            return next((face for face in faces if face.roi.contains(*self.point)), None)
        return faces[self.rank] if self.rank < len(faces) else None


def read_choice(text: str | None) -> Choice:
    """Read the setting `face`: None, `N` or `x,y`.

    Raises:
        MicrofaceError: it is none of these.
    """
    if text is None or not text.strip():
        return Choice()
    if re.fullmatch(r"\s*\d+\s*", text):
        return Choice(rank=int(text))
    number = r"\s*(\d+(?:\.\d*)?)\s*"
    point = re.fullmatch(f"{number},{number}", text)
    if point is None:
        remedy = "Give the rank of the face (0 = the largest) or a point on it in pixels, as in --face 320,240."
        raise MicrofaceError("bad_face", f'"{text}" does not name a face.', remedy)
    return Choice(point=(float(point[1]), float(point[2])))
