# SPDX-License-Identifier: GPL-3.0-or-later
"""FACS action units and the named units that show them.

The mapping is the usual approximation (Py-Feat's action unit reference, ICT-FaceKit's table): ARKit's units are poses of a
face, action units are muscles. Units that only stand in for another are left out, so that every named unit belongs to
one action unit at most (24 instead of 23, 10 for the upper lip, 45 for the lids, 26 for the jaw).
"""

from __future__ import annotations

from .units import mirrored


def _both(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in ("Left", "Right"))


#: Number -> units, left before right. The subject's eyes turn left with 61, right with 62, up with 63, down with 64.
ACTION_UNITS: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",), 2: _both("browOuterUp"), 4: _both("browDown"), 5: _both("eyeWide"), 6: _both("cheekSquint"),
    7: _both("eyeSquint"), 8: ("mouthClose",), 9: _both("noseSneer"), 10: _both("mouthUpperUp"), 12: _both("mouthSmile"),
    14: _both("mouthDimple"), 15: _both("mouthFrown"), 16: _both("mouthLowerDown"), 17: ("mouthShrugLower",),
    18: ("mouthPucker",), 19: ("tongueOut",), 20: _both("mouthStretch"), 22: ("mouthFunnel",), 24: _both("mouthPress"),
    26: ("jawOpen",), 28: ("mouthRollLower", "mouthRollUpper"), 29: ("jawForward",), 34: ("cheekPuff",),
    45: _both("eyeBlink"), 61: ("eyeLookOutLeft", "eyeLookInRight"), 62: ("eyeLookInLeft", "eyeLookOutRight"),
    63: _both("eyeLookUp"), 64: _both("eyeLookDown"),
}  # fmt: skip

_NUMBER = {unit: number for number, units in ACTION_UNITS.items() for unit in units}


def action_unit(unit: str) -> tuple[int, str] | None:
    """Number and side ("L", "R", "" for one without sides) of a named unit; None when no action unit shows it."""
    if unit not in _NUMBER:
        return None
    sided = mirrored(unit) in ACTION_UNITS[_NUMBER[unit]] and mirrored(unit) != unit
    return _NUMBER[unit], unit[len(unit.removesuffix("Left").removesuffix("Right")) :][:1] if sided else ""


def named_units(number: int, side: str = "") -> tuple[str, ...]:
    """Units of an action unit on one side ("L" or "R") or on both (""); empty when none shows it."""
    units = ACTION_UNITS.get(number, ())
    word = {"L": "Left", "R": "Right"}.get(side, "")
    return tuple(unit for unit in units if unit.endswith(word)) or units
