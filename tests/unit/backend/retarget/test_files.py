# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of retargeting: what is written is read, and nothing else is."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from microface.backend.errors import MicrofaceError
from microface.backend.retarget.mapping import limited, on_rig, proposed, read_mapping, write_mapping
from microface.backend.retarget.performance import Performance, read_performance, write_performance
from microface.backend.retarget.rig import Rig, read_rig, write_rig


@pytest.fixture
def rig() -> Rig:
    rng = np.random.default_rng(1)
    return Rig(
        vertices=rng.normal(0, 1, (9, 3)), faces=rng.integers(0, 9, (7, 3)).astype(np.int32),
        names=("browInnerUp", "jaw turn x", "まばたき"), kinds=("key", "rotation", "key"), low=np.array([0, -1.0, 0]),
        high=np.ones(3), basis=rng.normal(0, 1, (3, 9, 3)).astype(np.float32),
        pins=rng.normal(0, 1, (3, 3)),
    )  # fmt: skip


def test_a_rig_comes_back(rig: Rig, tmp_path: Path) -> None:
    write_rig(tmp_path / "a.rig.npz", rig)
    back = read_rig(tmp_path / "a.rig.npz")
    assert (back.names, back.kinds) == (rig.names, rig.kinds)
    for name in ("vertices", "faces", "low", "high", "basis", "pins"):
        np.testing.assert_array_equal(getattr(back, name), getattr(rig, name))


def test_a_performance_comes_back(tmp_path: Path) -> None:
    truth = Performance(("a", "b"), np.arange(4.0), np.eye(4, 2), np.arange(4) > 0, np.array([True, False]), 0.5)
    write_performance(tmp_path / "a.npz", truth)
    back = read_performance(tmp_path / "a.npz")
    assert (back.names, back.explained, back.method) == (truth.names, 0.5, "surface")
    for name in ("time_s", "values", "keyed", "used"):
        np.testing.assert_array_equal(getattr(back, name), getattr(truth, name))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"faces": np.full((2, 3), 9, np.int32)}, "outside the mesh"),
        ({"kinds": ("key", "magic", "key")}, "kinds"),
        ({"low": np.array([0.1, 0, 0])}, "rest is outside"),
        ({"high": np.array([1, np.nan, 1])}, "not finite"),
        ({"basis": np.zeros((2, 9, 3), np.float32)}, "'basis'"),
    ],
)
def test_a_rig_that_contradicts_itself_is_refused(rig: Rig, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    write_rig(tmp_path / "a.npz", replace(rig, **change))
    with pytest.raises(MicrofaceError, match=words) as caught:
        read_rig(tmp_path / "a.npz")
    assert caught.value.code == "bad_rig"


def test_what_is_no_rig_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK nonsense")
    np.savez(tmp_path / "b.npz", vertices=np.zeros(3))
    for name, code in (("a.npz", "bad_rig"), ("b.npz", "bad_rig"), ("gone.npz", "no_file")):
        with pytest.raises(MicrofaceError) as caught:
            read_rig(tmp_path / name)
        assert caught.value.code == code


def test_a_damaged_rig_is_refused_wherever_a_byte_is_changed(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "a.rig.npz"
    write_rig(path, rig)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            read_rig(path)  # a date or a comment may change unseen
        except MicrofaceError as error:
            assert error.code == "bad_rig"


def test_a_table_comes_back(rig: Rig, tmp_path: Path) -> None:
    table = proposed(rig, np.array([True, False, True]))
    assert [row.units for row in table] == [("browInnerUp",), (), ("eyeBlinkLeft", "eyeBlinkRight")]
    write_mapping(tmp_path / "a.json", table)
    assert read_mapping(tmp_path / "a.json") == table
    content = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert content["format"] == "microface rig mapping"
    assert content["version"] == 1
    assert set(content["controls"][0]) == {"name", "kind", "units", "use", "strength", "low", "high"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("use", 1, "neither true nor false"),
        ("strength", "much", "no number"),
        ("strength", float("nan"), "no number"),
        pytest.param("strength", 10**400, "too large", id="huge"),
        ("strength", 1e6, "strength beyond"),
        ("low", 0.5, "leave out rest"),
        ("units", ["smile"], "units that do not exist"),
        ("kind", "magic", "kind that is none"),
        ("extra", 1, "does not have the fields"),
    ],
)
def test_a_table_that_breaks_the_schema_is_refused(
    rig: Rig, tmp_path: Path, field: str, value: Any, words: str
) -> None:
    write_mapping(tmp_path / "a.json", proposed(rig, np.ones(3, bool)))
    content = json.loads((tmp_path / "a.json").read_text())
    content["controls"][1][field] = value
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(MicrofaceError, match=words) as caught:
        read_mapping(tmp_path / "a.json")
    assert caught.value.code == "bad_mapping"


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": "x"}', '{"format": "microface rig mapping", "version": 2}']
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(MicrofaceError) as caught:
        read_mapping(tmp_path / "a.json")
    assert caught.value.code == "bad_mapping"


def test_a_table_on_its_rig(rig: Rig) -> None:
    table = proposed(rig, np.ones(3, bool))
    assert on_rig(table[::-1], rig) == table
    assert [row.use for row in on_rig(table[1:], rig)] == [False, True, True]
    tight = limited(rig, (replace(table[0], high=0.2), replace(table[1], low=-9.0), table[2]))
    np.testing.assert_array_equal(tight.high, [0.2, 1, 1])
    np.testing.assert_array_equal(tight.low, [0, -1, 0])  # never beyond the rig's own
    with pytest.raises(MicrofaceError, match="another rig's"):
        on_rig(table, replace(rig, names=("x", "y", "z")))
