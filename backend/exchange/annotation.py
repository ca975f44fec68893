# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person coded: onset, apex and offset of an expression, and its action units.

Action units are written as CASME II and SAMM do: `4+L10`, `R12A`, `7B+ ref(43)`, `L12 or L14`, `?`. Kept are number and
side; the intensity letter, references and all alternatives but the first are left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from ...models.head.action_units import action_unit, named_units
from ..types import Event

MICRO_S = 0.5  #: an event that lasts longer is macro, unless its coder says otherwise
_REFERENCE = re.compile(r"ref\s*\([^)]*\)", re.IGNORECASE)  # an action unit seen already before
_ALTERNATIVE = re.compile(r"\bor\s*\(?\s*[LRT]?\d+[A-E]?", re.IGNORECASE)
_UNIT = re.compile(r"(?<![A-Za-z0-9])(?:AU?\s*)?([LRT]?)(\d{1,2})[A-E]?(?![0-9])", re.IGNORECASE)


@dataclass(frozen=True)
class Annotation:
    """One coded expression."""

    onset_s: float
    apex_s: float  #: NaN where the coder gave none
    offset_s: float
    kind: str  #: micro, macro, blink, gaze or speech
    action_units: tuple[str, ...] = ()  #: "12", "L10", "R4"
    label: str = ""  #: the emotion as written
    clip: str = field(default="", compare=False)  #: "subject/filename" of a coding sheet


def parse_action_units(text: str) -> tuple[str, ...]:
    """Sides and numbers in the order written, each once; `T` (top, as in T18) is no side."""
    first = _ALTERNATIVE.sub("", _REFERENCE.sub("", text))
    found = ((side.upper().strip("T"), number) for side, number in _UNIT.findall(first))
    return tuple(dict.fromkeys(side + str(int(number)) for side, number in found))


def as_event(annotation: Annotation) -> Event:
    """The annotation as an event of a take: nothing is known of its size; a missing apex is put into the middle."""
    apex = annotation.apex_s
    if math.isnan(apex):
        apex = (annotation.onset_s + annotation.offset_s) / 2
    units = [unit for code in annotation.action_units for unit in _units(code)]
    nan = float("nan")
    return Event(
        annotation.onset_s, apex, annotation.offset_s, annotation.kind, tuple(units), nan, nan, 1.0, annotation.label
    )


def from_event(event: Event) -> Annotation:
    """The event as a coder would write it."""
    codes = tuple(_codes(unit.removeprefix("-") for unit in event.units if not unit.startswith("-")))
    return Annotation(event.onset_s, event.apex_s, event.offset_s, event.kind, codes, event.emotion)


def kind_of(onset_s: float, offset_s: float, written: str = "") -> str:
    """`micro` or `macro`, as written (`Micro - 1/2`, `macro-expression`) or by duration."""
    word = written.strip().lower()
    named = next((kind for kind in ("micro", "macro", "blink", "gaze", "speech") if word.startswith(kind)), "")
    return named or ("micro" if offset_s - onset_s <= MICRO_S else "macro")


def _units(code: str) -> tuple[str, ...]:
    """Named units of "L12"; "AU38" for an action unit that none shows."""
    side, number = (code[0], code[1:]) if code[0] in "LR" else ("", code)
    return named_units(int(number), side) or (f"AU{code}",)


def _codes(units: Iterable[str]) -> list[str]:
    """Action units of named units: both sides of one become the bare number."""
    sides: dict[int, list[str]] = {}
    other = []
    for unit in units:
        found = action_unit(unit)
        if found:
            sides.setdefault(found[0], []).append(found[1])
        elif re.fullmatch(r"AU[LR]?\d+", unit):
            other.append(unit[2:])
    own = [f"{'' if len(set(side)) > 1 else side[0]}{number}" for number, side in sides.items()]
    return own + other
