# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that are only a part of another one, by what faces do: they blink, talk and hold an expression."""

from __future__ import annotations

from .act import LONGEST_MICRO, Act, joined

WAVER = 0.25  #: of a held expression: what is slow and smaller is not another one
BESIDE = 0.1  #: s between the halves of a blink
LONGEST_BLINK = 0.6  #: s
SYLLABLES = 2  #: mouth events in a row that are speech
LONGEST_SYLLABLE = 0.75  #: s
PAUSE = 1.0  #: s, the longest between two syllables


def whole_blinks(acts: list[Act]) -> list[Act]:
    """The events of lids with the two halves of a blink, lids down and lids up, as one."""
    out: list[Act] = []
    for act in sorted(acts, key=lambda act: act.onset):
        if out and _in_a_row(out[-1], act, BESIDE) and act.offset - out[-1].onset <= LONGEST_BLINK:
            act = joined([out.pop(), act], act.kind)
        out.append(act)
    return out


def steady(acts: list[Act]) -> list[Act]:
    """The expressions without the slow ones by which a larger one of the same part of the face wavers while it is held."""
    return [act for act in acts if not any(_wavers_in(act, other) for other in acts)]


def _wavers_in(act: Act, other: Act) -> bool:
    slow = act.offset - act.onset > LONGEST_MICRO and act.part == other.part != ""
    within = act is not other and other.onset <= act.onset and act.offset <= other.offset
    return slow and within and act.size < WAVER * other.size


def spoken(acts: list[Act]) -> list[Act]:
    """Each row of short events of the mouth that follow one another as syllables do as one of kind "speech"."""
    rows: list[list[Act]] = []
    syllables = [act for act in acts if act.offset - act.onset <= LONGEST_SYLLABLE]
    for act in sorted(syllables, key=lambda act: act.onset):
        if rows and _in_a_row(rows[-1][-1], act, PAUSE):
            rows[-1].append(act)
        else:
            rows.append([act])
    return [joined(row, "speech") for row in rows if len(row) >= SYLLABLES]


def _in_a_row(first: Act, second: Act, pause: float) -> bool:
    return first.run is second.run and second.onset - first.offset <= pause + 1e-9
