# SPDX-License-Identifier: GPL-3.0-or-later
"""`export`, `import` and `annotations` as a shell sees them. Real processes throughout."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from microface.backend.take import read_take, write_take
from microface.backend.types import Event, Take
from microface.models.assets import asset_path
from microface.models.head.model import HeadModel, read_head, write_head

BOOTSTRAP = Path(__file__).resolve().parents[4] / "backend" / "bootstrap.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(BOOTSTRAP), "", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False)


@pytest.fixture
def take(built: None, make_take: Callable[..., Take], tmp_path: Path) -> Path:
    """A take on the generic head, one event, footage that began 100 frames before it."""
    made = make_take(read_head(asset_path("generic_head.npz")))
    event = Event(made.time_s[10], made.time_s[14], made.time_s[20], "micro", ("mouthSmileLeft",), 1.0, 0.1, 0.9)
    source = made.source | {"first_frame": 100, "path": "films/clip 1.mp4"}
    write_take(tmp_path / "a.npz", replace(made, events=(event,), source=source))
    return tmp_path / "a.npz"


def test_one_take_to_every_table_and_back(take: Path, tmp_path: Path) -> None:
    names = {"csv": "a.csv", "arkit": "b.csv", "elan": "c.txt", "casme2": "d.csv", "samm": "e.csv"}
    done = run("export", take, *(word for name, file in names.items() for word in (f"--{name}", tmp_path / file)))
    assert done.returncode == 0, done.stderr
    assert all((tmp_path / file).is_file() for file in names.values())
    assert (tmp_path / "d.csv").read_text().splitlines()[1] == ",clip 1,111,115,121,L12,"
    assert ",clip 1,,111,115,121,11,Micro,L12," in (tmp_path / "e.csv").read_text()
    done = run("import", tmp_path / "b.csv", "--out", tmp_path / "back.npz", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["take"] == str(tmp_path / "back.npz")
    was, back = read_take(take), read_take(tmp_path / "back.npz")
    np.testing.assert_allclose(back.expression, was.expression, atol=1e-7)
    for file in ("c.txt", "d.csv", "e.csv"):
        done = run("annotations", take, tmp_path / file, "--out", tmp_path / "coded.npz", "--json")
        figures = json.loads(done.stdout.splitlines()[-1])["agreement"]
        assert (figures["found"], figures["missed"], figures["false"]) == (1, 0, 0)
        assert figures["apex_error_s"] < 6e-4  # ELAN counts milliseconds
        (event,) = read_take(tmp_path / "coded.npz").events
        assert (event.kind, event.units) == ("micro", ("mouthSmileLeft",))
    told = run("annotations", take, tmp_path / "d.csv")
    assert "found 1, missed 0, false 0: precision 1.00" in told.stdout


def test_a_flame_sequence_in_units_and_back(
    flame_head: HeadModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be said is told wherever one is said in the other."""
    monkeypatch.setenv("MICROFACE_DATA", str(tmp_path / "data"))
    head, sequence = tmp_path / "head.npz", tmp_path / "smirk.npz"
    write_head(head, flame_head)
    np.savez(sequence, expr=np.random.default_rng(4).normal(size=(5, 6)))
    told = "coefficients in named units: "
    done = run("import", sequence, "--out", tmp_path / "own.npz", "--fps", "25", "--head", head)
    assert told in done.stdout, done.stderr
    done = run("import", sequence, "--out", tmp_path / "units.npz", "--fps", "25", "--head", head, "--units")
    assert told in done.stdout, done.stderr
    own, units = read_take(tmp_path / "own.npz"), read_take(tmp_path / "units.npz")
    assert not own.expression[:, 6:].any() and not units.expression[:, :6].any()
    done = run("export", tmp_path / "own.npz", "--arkit", tmp_path / "a.csv", "--head", head)
    assert done.stdout.startswith(f"wrote {tmp_path / 'a.csv'}: {told}")
    done = run("import", tmp_path / "a.csv", "--out", tmp_path / "back.npz")
    lids = [read_take(tmp_path / "back.npz").expression_names.index(name) for name in flame_head.expression_names[6:]]
    np.testing.assert_allclose(read_take(tmp_path / "back.npz").expression[:, lids], units.expression[:, 6:], atol=1e-6)
    done = run("export", tmp_path / "own.npz", "--arkit", tmp_path / "b.csv")
    assert done.returncode == 1 and "another head" in done.stderr
    done = run("export", tmp_path / "units.npz", "--flame", tmp_path / "f.npz", "--head", head)
    assert f"{tmp_path / 'f.npz'}: named units in coefficients: " in done.stdout
    assert run("heads", "add", head, "--name", "mine").returncode == 0
    done = run("export", tmp_path / "units.npz", "--flame", tmp_path / "g.npz")  # an added head is known by its hash
    assert (tmp_path / "g.npz").read_bytes() == (tmp_path / "f.npz").read_bytes(), done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["export", "TAKE"], "Nothing was asked for"),
        (["export", "TAKE", "--csv", "TAKE"], "would be overwritten"),
        (["import", "TAKE", "--out", "y.npz"], "is not a FLAME sequence"),
        (["annotations", "TAKE", "TAKE"], "is empty"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_no_file(
    take: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = run(*(str(take) if word == "TAKE" else word for word in arguments))
    assert done.returncode == 1
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_wrong_usage_is_status_2() -> None:
    flame = ["export", "a.npz", "--flame", "a.csv"]  # `import` knows a FLAME sequence by its ending
    for arguments in (
        ["import", "a.csv"],
        ["import", "a.csv", "--out", "b", "--fps", "0"],
        ["annotations", "a"],
        flame,
    ):
        assert run(*arguments).returncode == 2
