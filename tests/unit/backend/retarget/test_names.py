# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of other people's controls, as they are found in the wild."""

import pytest
from microface.backend.retarget.names import PRESETS, arkit_unit, convention, units_of
from microface.models.head.units import UNIT_NAMES


def spellings(unit: str) -> list[str]:
    """One unit as Apple, Unity, Maya, Faceit, Ready Player Me and others write it."""
    side = next((side for side in ("Left", "Right") if unit.endswith(side)), "")
    base = unit.removesuffix(side)
    words = "".join("_" + letter.lower() if letter.isupper() else letter for letter in base)
    first = base[0].upper() + base[1:]
    out = [
        unit,
        unit.lower(),
        unit[0].upper() + unit[1:],
        f"blendShape1.{unit}",
        f"Head:{unit}",
        f"{words}_{side}".rstrip("_"),
    ]
    if side:
        letter = side[0]
        out += [f"{base}_{letter}", f"{base}.{letter}", f"{base}{letter}", f"{first}_{letter}", f"{base}_{side}"]
        out += [f"{words}_{letter.lower()}", f"{letter}_{base}", f"{side}_{base}", f"CTRL_{letter}_{base}"]
    return out


@pytest.mark.parametrize("unit", UNIT_NAMES)
def test_every_unit_is_read_in_every_spelling(unit: str) -> None:
    for name in spellings(unit):
        if name.startswith("CTRL") and unit.startswith(("jawLeft", "jawRight", "mouthLeft", "mouthRight")):
            continue  # "mouth" alone is too common to be told behind a prefix
        assert arkit_unit(name) == unit, name


@pytest.mark.parametrize(
    "name", ["Basis", "", "open_mouth_left", "eye-left-closure", "Key 1", "smile", "A", "jaw", "L", "_R"]
)
def test_other_names_are_no_unit(name: str) -> None:
    assert arkit_unit(name) == ""
    assert units_of(name) == ()


@pytest.mark.parametrize(
    ("name", "units"),
    [
        ("Fcl_EYE_Close_L", ("eyeBlinkLeft",)), ("Blink_R", ("eyeBlinkRight",)), ("blinkLeft", ("eyeBlinkLeft",)),
        ("aa", ("jawOpen",)), ("まばたき", ("eyeBlinkLeft", "eyeBlinkRight")), ("ウィンク右", ("eyeBlinkRight",)),
        ("Brow_Raise_Outer_R", ("browOuterUpRight",)), ("Brow_Raise_Inner_L", ("browInnerUp",)),
        ("Mouth_Smile_L", ("mouthSmileLeft",)), ("Mouth_Down_Lower_R", ("mouthLowerDownRight",)),
        ("Eye_R_Look_L", ("eyeLookInRight",)), ("Jaw_Open", ("jawOpen",)), ("Jaw_L", ("jawLeft",)),
        ("Cheek_Puff_L", ("cheekPuff",)), ("mouthOpen", ("jawOpen",)), ("mouthSmile", ("mouthSmileLeft", "mouthSmileRight")),
        ("eyesClosed", ("eyeBlinkLeft", "eyeBlinkRight")), ("brow_outer_up", ("browOuterUpLeft", "browOuterUpRight")),
        ("CTRL_expressions_mouthCornerPullL", ("mouthSmileLeft",)), ("browRaiseInR", ("browInnerUp",)),
        ("CTRL_expressions_browDownR", ("browDownRight",)), ("mouthLipsPurseUL", ("mouthPucker",)),
        ("CTRL_expressions_eyeLookLeftR", ("eyeLookInRight",)), ("ctrl_expressions_jawopen", ("jawOpen",)),
    ],
)  # fmt: skip
def test_other_conventions(name: str, units: tuple[str, ...]) -> None:
    assert units_of(name) == units


def test_presets_name_units_that_exist() -> None:
    for table in PRESETS.values():
        for units in table.values():
            assert units
            assert set(units) <= set(UNIT_NAMES)


def test_the_convention_of_a_rig() -> None:
    assert convention([f"{name}_x" for name in UNIT_NAMES]) == ""
    assert convention(UNIT_NAMES) == "ARKit"
    assert convention(["Fcl_ALL_Neutral", "Fcl_BRW_Angry", "Fcl_EYE_Close", "Fcl_MTH_A"]) == "VRoid"
    assert convention(["まばたき", "あ", "い", "笑い"]) == "MMD"
    assert convention(["Brow_Raise_Inner_L", "Brow_Drop_L", "Mouth_Up_Upper_L", "Cheek_Raise_R"]) == "CC4"
    curves = ("mouthCornerPullL", "eyeWidenR", "noseWrinkleL", "mouthUpperLipRaiseR")
    assert convention([f"CTRL_expressions_{name}" for name in curves]) == "MetaHuman"
    assert convention(["nose", "A"]) == ""
