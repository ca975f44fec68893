# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of the 52 ARKit units, and who owns which."""

from __future__ import annotations

_SIDES = ("Left", "Right")


def _pair(*names: str) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in _SIDES)


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
