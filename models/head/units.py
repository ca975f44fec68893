# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the 52 ARKit units, and who owns which."""

from __future__ import annotations

_SIDES = ("Left", "Right")


def _pair(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in _SIDES)


#: The way in which named units are carried over to other heads (`transfer.py`): raised when they become others.
CARRIED = 6

#: Moved by the joints of the head. On the head itself these units stay 0; they are outputs for export.
JAW_UNITS = ("jawForward", "jawLeft", "jawOpen", "jawRight")
GAZE_UNITS = _pair("eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp")
JOINT_OWNED = (*JAW_UNITS, *GAZE_UNITS)

#: Not visible enough in footage of a closed mouth to be measured.
NEVER_SOLVED = ("tongueOut",)

#: Meaningful only as far as the jaw is open: it brings the lips back together.
BOUND_BY_JAW = ("mouthClose",)

#: Small relatives of larger units: easily mistaken for them (a smile for a dimpler), so they must earn their place.
MINOR = (
    *_pair("mouthDimple", "mouthPress"), "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthClose", "cheekPuff", *_pair("mouthStretch"),
)  # fmt: skip

#: FACS: a unit that comes with another, and the share of its strength expected then (a real smile, AU 12, lifts the cheeks,
#: AU 6: EMFACS weighs them 1 and 0.5).
COMPANIONS = {
    "cheekSquintLeft": ("mouthSmileLeft", 0.5),
    "cheekSquintRight": ("mouthSmileRight", 0.5),
}

#: FACS: units that another one looks like or works against. A smile raises the upper lip by itself, and a mouth whose
#: corners go up does not pull them down.
RIVALS = {
    "mouthUpperUpLeft": "mouthSmileLeft", "mouthUpperUpRight": "mouthSmileRight",
    "mouthFrownLeft": "mouthSmileLeft", "mouthFrownRight": "mouthSmileRight",
}  # fmt: skip

#: FACS: the units whose muscles pull against one. Only a muscle pulls: brows that a frown does not hold down go up by these.
ANTAGONISTS = {
    "browDownLeft": ("browInnerUp", "browOuterUpLeft"), "browDownRight": ("browInnerUp", "browOuterUpRight"),
}  # fmt: skip

#: Parts of a face that act as one, by the beginnings of their units' names.
REGIONS = {"mouth": ("mouth", "jaw", "cheek"), "eyes": ("eye",), "brows": ("brow", "nose")}

UNIT_NAMES = (
    *_pair("browDown"), "browInnerUp", *_pair("browOuterUp"),
    "cheekPuff", *_pair("cheekSquint"),
    *_pair("eyeBlink"), *GAZE_UNITS, *_pair("eyeSquint", "eyeWide"),
    *JAW_UNITS,
    "mouthClose", *_pair("mouthDimple", "mouthFrown"), "mouthFunnel", "mouthLeft",
    *_pair("mouthLowerDown", "mouthPress"), "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    *_pair("mouthSmile", "mouthStretch", "mouthUpperUp"),
    *_pair("noseSneer"), "tongueOut",
)  # fmt: skip


def mirrored(name: str) -> str:
    """The unit of the other side, or the same name when the unit has no side."""
    for side, other in (_SIDES, _SIDES[::-1]):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def region(name: str) -> str:
    """The part of the face that a unit belongs to, "" for none of `REGIONS`."""
    return next((part for part, begin in REGIONS.items() if name.startswith(begin)), "")


def measured(names: tuple[str, ...]) -> list[int]:
    """Which of a head's units an expression is measured in: its named ones; on a head without any, its own.

    FLAME's and GNM's own coordinates describe the same motions once more, with other words.
    """
    known = [k for k, name in enumerate(names) if name in UNIT_NAMES]
    return known or list(range(len(names)))
