# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that are only a part of another one, by what faces do: they blink, talk and hold an expression."""

from __future__ import annotations

import numpy as np

from .act import LONGEST_MICRO, Act, joined

WAVER = 0.25  #: of a held expression: what is slow and smaller is not another one
BESIDE = 0.1  #: s between the halves of a blink
LONGEST_BLINK = 0.6  #: s
JAW = "jawOpen"
SYLLABLES = 2  #: of the jaw in a row that are speech,
#: And of the lips, one way, or one way and the other: an expression goes and returns, and a solve may overshoot on either side.
BEATS, TURNS = 3, 4
BEAT = 0.4  #: s from one to the next at most: speech has 3 to 7 syllables a second
LONGEST_SYLLABLE = 0.375  #: s up or down: what is held before or after is no longer one
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
    """Each row of quick events of the mouth in which it moves as syllables do as one of kind "speech"."""
    rows: list[list[Act]] = []
    syllables = [act for act in acts if min(act.apex - act.onset, act.offset - act.apex) <= LONGEST_SYLLABLE]
    for act in sorted(syllables, key=lambda act: act.onset):
        if rows and _in_a_row(rows[-1][-1], act, PAUSE):
            rows[-1].append(act)
        else:
            rows.append([act])
    return [joined(row, "speech") for row in rows if _talks(row)]


def _talks(row: list[Act]) -> bool:
    """Whether the jaw opens again and again, or any part of the mouth goes to and fro in the rhythm of speech."""
    names, ways = row[0].names, [act.ways for act in row]
    for unit, way in set().union(*ways):
        opened = sum((unit, way) in each for each in ways)
        if names[unit] == JAW and way > 0 and opened >= SYLLABLES:
            return True
        for wanted, beats in (({(unit, way)}, BEATS), ({(unit, way), (unit, -way)}, TURNS)):
            apexes = [act.apex for act, each in zip(row, ways, strict=True) if wanted & each]
            quick = np.diff(sorted(apexes)) <= BEAT
            if any(quick[k : k + beats - 1].all() for k in range(len(apexes) - beats + 1)):
                return True
    return False


def _in_a_row(first: Act, second: Act, pause: float) -> bool:
    return first.run is second.run and second.onset - first.offset <= pause + 1e-9
