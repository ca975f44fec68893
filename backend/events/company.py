# SPDX-License-Identifier: GPL-3.0-or-later
"""Events that are only a part of another one, by what faces do: they hold expressions, blink and talk."""

from __future__ import annotations

from .act import Act, joined

LONGEST_MICRO = 0.5  #: s
WAVER = 0.25  #: of a held expression: what is slow and smaller is not another one
BESIDE = 0.1  #: s before and after a blink in which eyes and brows still belong to it
TOUCHING = 0.04  #: s between a blink and lids that move with it
LONGEST_BLINK = 0.6  #: s
LIDS = ("eyeSquint", "eyeWide")
UPPER = ("eye", "brow", "nose", "cheekSquint")  #: what a blink pulls along, the look included
OWN = 0.4  #: of an event in a blink: what other parts of the face do and is no smaller is theirs
LEAST_LOOK = 0.04  #: rad: less is the tracked iris that a head's motion drags along
SYLLABLES = 4  #: mouth events in a row that are speech
LONGEST_SYLLABLE = 0.75  #: s
PAUSE = 0.75  #: s, the longest between two syllables


def by_themselves(acts: list[Act]) -> list[Act]:
    """The events that are no part of another, with those of a mouth that talks as one."""
    acts = _whole_blinks(sorted(acts, key=lambda act: act.onset))
    blinks = [act for act in acts if act.is_blink]
    others = [act for act in acts if act.found.kind != "blink" and not _too_small(act)]
    others = [left for act in others for left in _beside_blinks(act, blinks)]
    held = [act for act in others if not any(_wavers_in(act, other) for other in others)]
    return [*blinks, *_with_speech(held)]


def _too_small(act: Act) -> bool:
    """Whether it is a look that is none."""
    return act.found.kind == "gaze" and act.full_px is not None and bool(act.size < LEAST_LOOK * act.full_px.max())


def _beside_blinks(act: Act, blinks: list[Act]) -> list[Act]:
    """The event without what a blink pulls along; none where what is left is small beside that.

    Lids belong to any blink they touch: the solve smears what is as fast and large over the time beside it.
    """
    own_lids = act.found.kind == "expression" and any(act.touches(blink, TOUCHING) for blink in blinks)
    pulled = UPPER if any(act.within(blink, BESIDE) for blink in blinks) else LIDS if own_lids else ()
    if not act.unit.startswith(pulled):
        return [act]
    units = tuple(unit for unit in act.found.units if not act.names[unit].startswith(pulled))
    own = act.having(units)
    return [own] if units and own.size >= OWN * act.size else []


def _wavers_in(act: Act, other: Act) -> bool:
    """Whether a slow event is how a larger one of the same part of the face wavers while it is held."""
    slow = act.found.kind == "expression" and act.offset - act.onset > LONGEST_MICRO and act.part != ""
    return slow and act.part == other.part and act.within(other) and bool(act.size < WAVER * other.size)


def _whole_blinks(acts: list[Act]) -> list[Act]:
    """The events by onset, with the two halves of a blink, lids down and lids up, as one."""
    out = [act for act in acts if act.found.kind != "blink"]
    last: Act | None = None
    for act in acts:
        if act.found.kind != "blink":
            continue
        if (
            last
            and last.run is act.run
            and act.onset - last.offset <= BESIDE
            and act.offset - last.onset <= LONGEST_BLINK
        ):
            out.remove(last)
            act = joined([last, act])
        out.append(act)
        last = act
    return out


def _with_speech(acts: list[Act]) -> list[Act]:
    """The events, with each row of short ones of the mouth that follow one another as syllables do as one of kind "speech"."""
    rows: list[list[Act]] = []
    for act in sorted(filter(_may_be_syllable, acts), key=lambda act: act.onset):
        if rows and rows[-1][-1].run is act.run and act.onset - rows[-1][-1].offset <= PAUSE:
            rows[-1].append(act)
        else:
            rows.append([act])
    spoken = [row for row in rows if len(row) >= SYLLABLES]
    syllables = [id(act) for row in spoken for act in row]
    return [*(act for act in acts if id(act) not in syllables), *(joined(row).as_kind("speech") for row in spoken)]


def _may_be_syllable(act: Act) -> bool:
    return act.found.kind == "expression" and act.part == "mouth" and act.offset - act.onset <= LONGEST_SYLLABLE
