# SPDX-License-Identifier: GPL-3.0-or-later
"""The strip under the panels: the motion's course, the events with onset, apex and offset, and where we are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import BRIDGED, Event, Take
from .text import write

HEIGHT = 112  # px
_LEFT, _TOP, _BOTTOM = 14, 34, 104  # px of the plot
_GROUND, _PLOT, _CURVE, _GAP = (22, 24, 28), (38, 41, 47), (214, 219, 226), (92, 46, 46)
KINDS = {
    "micro": (255, 170, 64),
    "macro": (120, 214, 130),
    "blink": (110, 160, 235),
    "gaze": (190, 140, 235),
    "speech": (170, 170, 170),
}


class TimeLine:
    """Drawn once; each frame adds the playhead and the captions."""

    def __init__(self, take: Take, course_px: NDArray[np.float64], width: int) -> None:
        self._time, self._events, self._width = take.time_s, take.events, width
        self._picture = np.full((HEIGHT, width, 3), _GROUND, np.uint8)
        self._picture[_TOP:_BOTTOM, _LEFT : width - _LEFT] = _PLOT
        self._gaps(take)
        for event in sorted(take.events, key=lambda event: event.kind in ("micro", "macro")):
            self._event(event)
        self._curve(course_px)

    def draw(self, index: int, speed: str) -> NDArray[np.uint8]:
        """(HEIGHT, width, 3) at a frame."""
        picture = self._picture.copy()
        time = float(self._time[index])
        x = self._x(time)
        cv2.line(picture, (x, _TOP - 4), (x, _BOTTOM + 3), (255, 255, 255), 1, cv2.LINE_AA)
        write(picture, f"{time:7.3f} s   frame {index}   {speed}", (_LEFT, 22))
        self._captions([e for e in self._events if e.onset_s <= time <= e.offset_s], picture)
        return picture

    def _captions(self, now: list[Event], picture: NDArray[np.uint8]) -> None:
        at = self._width - _LEFT
        for event in now:
            units = ", ".join(event.units[:3]) + (" ..." if len(event.units) > 3 else "")
            text = f"{event.kind}  {units}  {event.peak_px:.1f} px"
            at = write(picture, text, (at, 22), KINDS[event.kind], right=True) - 24
            if at < self._width // 2:
                return

    def _x(self, time: float) -> int:
        span = max(float(self._time[-1] - self._time[0]), 1e-9)
        return round(_LEFT + (time - float(self._time[0])) / span * (self._width - 2 * _LEFT - 1))

    def _gaps(self, take: Take) -> None:
        for index in np.flatnonzero(take.valid > BRIDGED):
            after = min(int(index) + 1, len(self._time) - 1)
            low, high = self._x(float(self._time[index])), self._x(float(self._time[after]))
            self._picture[_TOP:_BOTTOM, low : high + 1] = _GAP

    def _event(self, event: Event) -> None:
        colour = np.array(KINDS[event.kind])
        onset, apex, offset = (self._x(time) for time in (event.onset_s, event.apex_s, event.offset_s))
        span = self._picture[_TOP:_BOTTOM, onset : offset + 1]
        span[:] = 0.62 * span + 0.38 * colour
        for x in (onset, offset):
            self._picture[_TOP:_BOTTOM, x] = colour
        tip = np.array([[apex - 6, _TOP - 1], [apex + 6, _TOP - 1], [apex, _TOP + 8]])
        cv2.fillConvexPoly(self._picture, tip, colour.tolist(), cv2.LINE_AA)

    def _curve(self, course_px: NDArray[np.float64]) -> None:
        measured = np.isfinite(course_px)
        top = max(float(np.nanmax(course_px)) if measured.any() else 0.0, 1e-6)
        room = _BOTTOM - _TOP - 14
        points = np.column_stack(
            [[self._x(float(t)) for t in self._time], _BOTTOM - 3 - np.nan_to_num(course_px) / top * room]
        )
        for part in np.split(np.arange(len(points)), np.flatnonzero(np.diff(measured.astype(int))) + 1):
            if measured[part[0]]:
                cv2.polylines(self._picture, [np.round(points[part]).astype(np.int32)], False, _CURVE, 1, cv2.LINE_AA)
        write(self._picture, f"{top:.2g} px", (self._width - _LEFT - 4, _TOP + 15), (150, 156, 166), 0.42, right=True)
