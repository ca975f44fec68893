# SPDX-License-Identifier: GPL-3.0-or-later
"""Timecode `HH:MM:SS:FF.fff`: frames and their fractions within a second, `;` before the frames when numbers are dropped.

Drop frame (SMPTE 12M) runs at 30000/1001 or 60000/1001 frames a second and leaves out the first 2 or 4 frame numbers of
every minute but each tenth, so that the clock on it stays right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_FORM = re.compile(r"\s*(\d{1,2})[:;](\d{1,2})[:;](\d{1,2})([:;.,])(\d{1,3}(?:[.,]\d+)?)\s*")
RATES = (24, 25, 30, 48, 50, 60, 100, 120)
DEFAULT_RATE = 60  #: of Live Link Face
DAY_S = 86400
NTSC = 1.001
_MICRO = 10**6


@dataclass(frozen=True)
class Timecode:
    """One moment as it is written."""

    second: int  #: since midnight
    frame: float  #: within the second, with its fraction
    drop: bool


def parse(text: str) -> Timecode | None:
    """Read a timecode; None when it is none."""
    match = _FORM.fullmatch(text)
    if not match or int(match[2]) > 59 or int(match[3]) > 59:
        return None
    second = (int(match[1]) * 60 + int(match[2])) * 60 + int(match[3])
    return Timecode(second, float(match[5].replace(",", ".")), match[4] == ";")


def nominal_rate(codes: Sequence[Timecode]) -> int | None:
    """Frame numbers in a second, from how the numbers go on after each full second; None when the codes do not tell."""
    second = np.array([code.second for code in codes])
    frame = np.array([code.frame for code in codes])
    within, across = np.diff(second) == 0, np.diff(second) == 1
    if not within.any() or not across.any():
        return None
    step = np.median(np.diff(frame)[within])
    shown = float(np.median(step - np.diff(frame)[across]))  # not exact where the recording's own rate varies
    return min((rate for rate in RATES if rate > frame.max()), key=lambda rate: abs(rate - shown), default=None)


def seconds(codes: Sequence[Timecode], rate: float) -> NDArray[np.float64]:
    """Times (T,) since midnight of the first day; a recording may run past midnight.

    Args:
        codes: in the order of the recording.
        rate: frames a second, whole or NTSC (59.94, 29.97).
    """
    nominal = round(rate)
    second = np.array([code.second for code in codes])
    second = second + DAY_S * np.cumsum(np.r_[0, np.diff(second) < -DAY_S // 2])
    number = second * nominal + np.array([code.frame for code in codes])
    if codes and codes[0].drop:
        minute = second // 60
        number = number - (minute - minute // 10) * (nominal // 15)
        return np.asarray(number / (nominal / NTSC))
    return np.asarray(number / rate)


def write(time_s: float, rate: int = DEFAULT_RATE) -> str:
    """A timecode of a time in seconds, to a millionth of a frame."""
    second, rest = divmod(round(time_s * rate * _MICRO), rate * _MICRO)
    minute, hour = second // 60, second // 3600
    frame, fraction = divmod(rest, _MICRO)
    return f"{hour % 24:02}:{minute % 60:02}:{second % 60:02}:{frame:02}.{fraction:06}"
