# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of events: which units show them, how long they last, and what makes an event of the tops found there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...models.head.units import region
from .act import CLOSES, LEAST_MACRO, Act
from .company import spoken, steady, whole_blinks
from .noise import DOUBT
from .run import REACHES

SOLVED = 0.05  #: s for which the error of the solve, band-limited at 10 Hz, repeats itself


@dataclass(frozen=True)
class Rise:
    """How events of a kind stand above the noise.

    Attributes:
        shows: units that may show one.
        spans: s, least and longest reach: lids jitter while they are closed, and a syllable is short.
        lasting: s for which the claimed noise repeats itself; 0 = the tracker's, which has no memory.
        doubt: share of the claimed noise that adds to what is measured.
        beyond: of full strength: no noise is as large.
        whole: makes events of what was found.
    """

    shows: Callable[[str], bool]
    spans: tuple[float, float]
    lasting: float
    doubt: float
    beyond: float
    whole: Callable[[list[Act]], list[Act]]


@dataclass(frozen=True)
class Kind:
    """A kind of event.

    Attributes:
        name: blink, gaze, speech or expression.
        measures: units whose noise tells what is an event of this kind.
        rise: how its events rise; None = they jump (`glance.py`).
    """

    name: str
    measures: Callable[[str], bool]
    rise: Rise | None


def _lid(name: str) -> bool:
    return name.startswith("eyeBlink")


def _look(name: str) -> bool:
    return name.startswith(("eyeLook", "eye_"))


def _skin(name: str) -> bool:
    return not _lid(name) and not _look(name)


def _mouth(name: str) -> bool:
    return region(name) == "mouth"


#: In the order in which they are looked for.
KINDS = (
    Kind("blink", _lid, Rise(_lid, (0.16, REACHES[-1]), 0.0, 1.0, CLOSES, whole_blinks)),
    Kind("gaze", _look, None),
    Kind("speech", _skin, Rise(_mouth, (0.0, 0.32), SOLVED, DOUBT, np.inf, spoken)),
    Kind("expression", _skin, Rise(_skin, (0.0, REACHES[-1]), SOLVED, DOUBT, LEAST_MACRO, steady)),
)
