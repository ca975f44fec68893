# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the 52 ARKit units a control of somebody's rig is, by its name alone.

ARKit's names are read in every common spelling: any case, words joined or apart, sides as Left and Right, L and R, before
or behind, and anything before a separator. Other conventions are tables: a name there stands for one or several units.

Sources: Apple's ARKit documentation (ARFaceAnchor.BlendShapeLocation); VRM 0.0 and 1.0 specification, expression
presets, and VRoid Studio's key names; the key names of Reallusion's CC3+ and CC4 profiles; Ready Player Me's avatar
documentation; the standard morph names of MikuMikuDance models; the expressions of Epic's MetaHuman rig.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ...models.head.units import UNIT_NAMES, mirrored

Units = tuple[str, ...]

_SIDE_LAST = re.compile(r"(?:(?<=[a-z0-9])(L|R)|[\s._\-]+(l|r|L|R)|[\s._\-]*(left|right|Left|Right|LEFT|RIGHT))$")
_SIDE_FIRST = re.compile(r"^(?:(l|r|L|R)[\s._\-]+|(left|right|Left|Right|LEFT|RIGHT)[\s._\-]*)")
_SEPARATOR = re.compile(r"[\s._\-:|/]+")
_PLAIN = re.compile(r"[^0-9a-z]+")


def _sides(*names: str) -> Units:
    return tuple(name + side for name in names for side in ("Left", "Right"))


#: Names that stand for units, by convention: plain, without the side that a name may have.
_VRM = {
    "blink": _sides("eyeBlink"), "blinkleft": ("eyeBlinkLeft",), "blinkright": ("eyeBlinkRight",),
    "blinkl": ("eyeBlinkLeft",), "blinkr": ("eyeBlinkRight",), "aa": ("jawOpen",), "ih": _sides("mouthStretch"),
    "ou": ("mouthPucker",), "ee": _sides("mouthLowerDown"), "oh": ("mouthFunnel",), "happy": _sides("mouthSmile"),
    "joy": _sides("mouthSmile"), "angry": _sides("browDown"), "sad": _sides("mouthFrown"),
    "sorrow": _sides("mouthFrown"), "surprised": ("browInnerUp", *_sides("browOuterUp")),
    "lookup": _sides("eyeLookUp"), "lookdown": _sides("eyeLookDown"),
    "lookleft": ("eyeLookOutLeft", "eyeLookInRight"), "lookright": ("eyeLookInLeft", "eyeLookOutRight"),
}  # fmt: skip
_VROID = {
    "fclbrwangry": _sides("browDown"), "fclbrwsurprised": ("browInnerUp", *_sides("browOuterUp")),
    "fclbrwsorrow": ("browInnerUp",), "fcleyeclose": _sides("eyeBlink"), "fcleyeclosel": ("eyeBlinkLeft",),
    "fcleyecloser": ("eyeBlinkRight",), "fcleyesurprised": _sides("eyeWide"), "fclmtha": ("jawOpen",),
    "fclmthu": ("mouthPucker",), "fclmtho": ("mouthFunnel",), "fclmthup": ("mouthShrugUpper",),
    "fclmthdown": ("mouthShrugLower",), "fclmthjoy": _sides("mouthSmile"), "fclmthsorrow": _sides("mouthFrown"),
}  # fmt: skip
_MMD = {
    "まばたき": _sides("eyeBlink"), "ウィンク": ("eyeBlinkLeft",), "ウィンク右": ("eyeBlinkRight",),
    "ウィンク２": ("eyeBlinkLeft",), "ｳｨﾝｸ２右": ("eyeBlinkRight",), "びっくり": _sides("eyeWide"),
    "じと目": _sides("eyeSquint"), "真面目": _sides("browDown"), "怒り": _sides("browDown"), "困る": ("browInnerUp",),
    "上": ("browInnerUp", *_sides("browOuterUp")), "下": _sides("browDown"), "あ": ("jawOpen",),
    "い": _sides("mouthStretch"), "う": ("mouthPucker",), "お": ("mouthFunnel",), "にやり": _sides("mouthSmile"),
    "口角上げ": _sides("mouthSmile"), "口角下げ": _sides("mouthFrown"),
}  # fmt: skip
_CC4 = {
    "browraiseinner": ("browInnerUp",), "browraiseouter": _sides("browOuterUp"), "browdrop": _sides("browDown"),
    "eyellookup": ("eyeLookUpLeft",), "eyerlookup": ("eyeLookUpRight",), "eyellookdown": ("eyeLookDownLeft",),
    "eyerlookdown": ("eyeLookDownRight",), "eyellookl": ("eyeLookOutLeft",), "eyerlookl": ("eyeLookInRight",),
    "eyellookr": ("eyeLookInLeft",), "eyerlookr": ("eyeLookOutRight",), "cheekraise": _sides("cheekSquint"),
    "cheekpuff": ("cheekPuff",), "mouthrollinupper": ("mouthRollUpper",), "mouthrollinlower": ("mouthRollLower",),
    "mouthupupper": _sides("mouthUpperUp"), "mouthdownlower": _sides("mouthLowerDown"),
}  # fmt: skip
_RPM = {
    "mouthopen": ("jawOpen",), "eyesclosed": _sides("eyeBlink"), "eyeslookup": _sides("eyeLookUp"),
    "eyeslookdown": _sides("eyeLookDown"),
}  # fmt: skip
_METAHUMAN = {
    "browraisein": ("browInnerUp",), "browraiseouter": _sides("browOuterUp"), "eyewiden": _sides("eyeWide"),
    "eyesquintinner": _sides("eyeSquint"), "eyecheekraise": _sides("cheekSquint"), "nosewrinkle": _sides("noseSneer"),
    "eyelookleftl": ("eyeLookOutLeft",), "eyelookleftr": ("eyeLookInRight",), "eyelookrightl": ("eyeLookInLeft",),
    "eyelookrightr": ("eyeLookOutRight",), "mouthcornerpull": _sides("mouthSmile"),
    "mouthcornerdepress": _sides("mouthFrown"), "mouthupperlipraise": _sides("mouthUpperUp"),
    "mouthlowerlipdepress": _sides("mouthLowerDown"), "mouthcheekblow": ("cheekPuff",), "jawfwd": ("jawForward",),
    **{f"mouthlipspurse{lip}{side}": ("mouthPucker",) for lip in "ud" for side in "lr"},
    **{f"mouthfunnel{lip}{side}": ("mouthFunnel",) for lip in "ud" for side in "lr"},
}  # fmt: skip
PRESETS = {
    "VRM": _VRM, "VRoid": _VROID, "MMD": _MMD, "CC4": _CC4, "Ready Player Me": _RPM, "MetaHuman": _METAHUMAN,
}  # fmt: skip
_BEFORE = "ctrlexpressions"  # of a MetaHuman's curves


def _split(name: str) -> tuple[str, str]:
    """Plain name and side ("", Left or Right)."""
    for pattern in (_SIDE_LAST, _SIDE_FIRST):
        found = pattern.search(name)
        if found:
            rest = name[: found.start()] + name[found.end() :]
            side = next(filter(None, found.groups()))[0].lower()
            return _plain(rest), {"l": "Left", "r": "Right"}[side]
    return _plain(name), ""


def _plain(name: str) -> str:
    return _PLAIN.sub("", name.lower()).removeprefix(_BEFORE)


def _table() -> dict[tuple[str, str], str]:
    """ARKit's units by plain name and side."""
    return {_split(unit): unit for unit in UNIT_NAMES}


_ARKIT = _table()
_ONE_WORD = ("jaw", "mouth")  # jawLeft, mouthRight: common words, not looked for behind L_ or open_


def arkit_unit(name: str) -> str:
    """The ARKit unit of that name, "" for none."""
    for start, separator in ((0, "."), *((match.end(), match[0]) for match in _SEPARATOR.finditer(name))):
        plain, side = _split(name[start:])
        unit = _ARKIT.get((plain, side), "")
        if unit and (plain not in _ONE_WORD or set(separator) & set(".:|/")):
            return unit
    return ""


def units_of(name: str) -> Units:
    """The units that a control stands for, by ARKit's name or one of `PRESETS`; empty when its name says nothing."""
    unit = arkit_unit(name)
    if unit:
        return (unit,)
    whole = _plain(name) or name
    plain, side = _split(name)
    both = tuple(_ARKIT[plain, one] for one in ("Left", "Right") if (plain, one) in _ARKIT and plain not in _ONE_WORD)
    if both and not side:
        return both
    for table in PRESETS.values():
        if whole in table:
            return table[whole]
        if side and (units := tuple(one for one in table.get(plain, ()) if one.endswith(side) or mirrored(one) == one)):
            return units
    return ()


def convention(names: Iterable[str]) -> str:
    """Which convention most of the names follow: ARKit, one of `PRESETS`, or "" when no more than a few do."""
    listed = list(names)
    count = {"ARKit": sum(bool(arkit_unit(name)) for name in listed)}
    for preset, table in PRESETS.items():
        count[preset] = sum(not arkit_unit(name) and bool(units_of(name)) and _in(table, name) for name in listed)
    best = max(count, key=lambda one: count[one])
    return best if count[best] >= 3 else ""


def _in(table: dict[str, Units], name: str) -> bool:
    return (_plain(name) or name) in table or _split(name)[0] in table
