# SPDX-License-Identifier: GPL-3.0-or-later
"""Heads kept under a name: by the functions, and by the verb `heads` as a shell sees it."""

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from microface.backend import shelf
from microface.backend.download import place
from microface.backend.errors import Cancelled, MicrofaceError
from microface.backend.head_verbs import picture
from microface.backend.heads import load_head
from microface.models.head import model, unit_sheet
from microface.models.head.model import HeadModel, named, write_head
from microface.models.head.read.editions import EDITIONS, FLAME_OPEN
from microface.models.head.read.recognise import read_any_head

BOOTSTRAP = Path(__file__).resolve().parents[3] / "backend" / "bootstrap.py"
HOSTILE = b"\x80\x02cos\nsystem\nU\x04true\x85R."  # a pickle that runs a command where pickles are run


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROFACE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("MICROFACE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture(scope="module")
def head(built: None) -> HeadModel:
    """A head with landmarks, which needs no tracker, and with the terms of somebody else's."""
    terms = {"name": FLAME_OPEN.name, "licence": FLAME_OPEN.licence, "citation": FLAME_OPEN.citation}
    return replace(load_head("generic"), **terms)


@pytest.fixture
def file(head: HeadModel, tmp_path: Path) -> Path:
    write_head(tmp_path / "mine.npz", head)
    return tmp_path / "mine.npz"


def quiet(_stage: str, _share: float) -> None:
    pass


def another(head: HeadModel, path: Path) -> Path:
    """The same edition with another template, as FLAME's female and male files are."""
    write_head(path, named(replace(head, template=head.template * 1.01)))
    return path


def heads(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run("heads", *arguments)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(BOOTSTRAP), "", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120, check=False)


def test_an_added_head_needs_its_file_no_more(head: HeadModel, file: Path) -> None:
    one = shelf.add(file, None, quiet)
    file.unlink()
    assert shelf.kept() == [one]
    assert (one.name, one.title, one.licence) == ("flame-2023-open", FLAME_OPEN.name, FLAME_OPEN.licence)
    again = load_head(one.name)
    assert again.sha256 == one.sha256 == head.sha256
    np.testing.assert_array_equal(again.landmark_index, head.landmark_index)
    assert len(again.landmark_index) > 400


def test_the_same_head_is_kept_once_and_others_of_its_edition_are_numbered(head: HeadModel, file: Path) -> None:
    first = shelf.add(file, None, quiet)
    assert shelf.add(file, None, quiet) == first
    second = shelf.add(another(head, file.with_name("male.npz")), None, quiet)
    third = shelf.add(file, "mine", quiet)
    assert [one.name for one in shelf.kept()] == ["flame-2023-open", "flame-2023-open-2", "mine"]
    assert first.sha256 == third.sha256 != second.sha256


def test_a_name_that_is_taken_is_refused(head: HeadModel, file: Path) -> None:
    shelf.add(file, "mine", quiet)
    with pytest.raises(MicrofaceError, match="called 'mine'") as caught:
        shelf.add(another(head, file.with_name("male.npz")), "mine", quiet)
    assert caught.value.code == "name_taken"
    assert load_head("mine").sha256 == head.sha256


@pytest.mark.parametrize("name", ["generic", "", "../up", "Ä", "a b", "mine.npz", "x" * 61])
def test_names_are_plain(name: str, file: Path) -> None:
    with pytest.raises(MicrofaceError) as caught:
        shelf.add(file, name, quiet)
    assert caught.value.code == "bad_name"
    assert not shelf.folder().exists()


def test_what_is_removed_is_gone(file: Path) -> None:
    one = shelf.add(file, None, quiet)
    shelf.remove(one.name)
    assert list(shelf.folder().iterdir()) == shelf.kept() == []
    for name in (one.name, "generic", "../mine"):
        with pytest.raises(MicrofaceError) as caught:
            shelf.remove(name)
        assert caught.value.code == "no_head"
    assert file.is_file()


def test_damaged_lines_are_not_listed(file: Path) -> None:
    one = shelf.add(file, None, quiet)
    for name, text in (
        ("half", "{"),
        ("list", "[]"),
        ("other", "{}"),
        ("copy", (shelf.folder() / f"{one.name}.json").read_text()),
    ):
        (shelf.folder() / f"{name}.json").write_text(text)
    assert shelf.kept() == [one]


def test_a_damaged_head_is_one_line(file: Path) -> None:
    one = shelf.add(file, None, quiet)
    shelf.head_file(one.name).write_bytes(b"PK\x03\x04 damaged")
    with pytest.raises(MicrofaceError) as caught:
        load_head(one.name)
    assert caught.value.code == "bad_head" and "heads remove flame-2023-open" in caught.value.remedy


def test_a_head_that_another_version_prepared_is_told_from_todays(
    flame_arrays: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file holds units that are carried over otherwise today: in this version's space they would be another face."""
    arrays = flame_arrays | {"shapedirs": flame_arrays["shapedirs"][..., 290:310]}
    np.savez(tmp_path / "flame2023_Open.npz", **arrays)
    flame = read_any_head(tmp_path / "flame2023_Open.npz")
    names = (*flame.expression_names[:-1], "mouthSmileLeft")
    mark = {"landmark_index": np.array([1], np.int32), "landmark_triangle": np.array([0], np.int32)}
    flame = replace(flame, expression_names=names, landmark_weight=np.full((1, 3), 1 / 3), **mark)
    write_head(tmp_path / "mine.npz", flame)
    shelf.add(tmp_path / "mine.npz", "mine", quiet)
    assert load_head("mine").expression_names == names
    monkeypatch.setattr(model, "CARRIED", model.CARRIED + 1)
    with pytest.raises(MicrofaceError, match="another version of Microface") as caught:
        load_head("mine")
    assert caught.value.code == "old_head" and "heads remove mine" in caught.value.remedy


def test_nothing_is_kept_of_a_head_that_was_cancelled(flame_arrays: dict, built: None, tmp_path: Path) -> None:
    """The first picture of finding its landmarks is already too much."""
    np.savez(tmp_path / "flame2023_Open.npz", **flame_arrays)

    def stop(_stage: str, _share: float) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        shelf.add(tmp_path / "flame2023_Open.npz", None, stop)
    assert not shelf.folder().exists()


def test_the_verb_adds_lists_and_removes(file: Path) -> None:
    added = heads("add", file, "--name", "mine")
    assert added.returncode == 0, added.stderr
    assert "mine: FLAME 2023 Open; CC-BY-4.0" in added.stdout and "please cite: FLAME 2023 Open" in added.stdout
    listed = heads("list")
    assert "generic: " in listed.stdout and "mine: FLAME 2023 Open; CC-BY-4.0" in listed.stdout
    assert all(edition.home in listed.stdout for edition in EDITIONS)
    (row,) = json.loads(heads("list", "--json").stdout)["heads"]
    assert (row["name"], row["licence"]) == ("mine", FLAME_OPEN.licence)
    assert heads("remove", "mine").stdout == "removed mine\n"
    gone = heads("remove", "mine")
    assert gone.returncode == 1 and "No head called 'mine'" in gone.stderr


def test_wrong_usage_is_status_2() -> None:
    for words in ((), ("add",), ("fly",), ("picture", "a.pkl"), ("picture", "a.pkl", "--out", "a.gif")):
        assert heads(*words).returncode == 2


def _bad_files(folder: Path, arrays: dict[str, Any], published: Any) -> Iterator[tuple[Path, str]]:
    """What users point at by mistake, or are made to, and words of the line they get."""
    few = arrays | {"shapedirs": arrays["shapedirs"][..., 290:310]}
    whole = published.python2_pickle(published.flame_2020(few))
    for name, content, words in (
        ("page.pkl", b"<html>please log in</html>", "page.pkl is not a head"),
        ("cut.pkl", whole[: len(whole) // 2], "cut.pkl is not a head that can be read: it is cut short"),
        ("hostile.pkl", HOSTILE, "it wants 'os.system'"),
        ("smplx.npz", few | {"v_template": np.zeros((10475, 3))}, "SMPL-X, a body model with 10475 vertices"),
        ("no_weights.npz", {key: few[key] for key in few if key != "weights"}, "has no array 'weights'"),
        ("fewer.npz", few | {"v_template": few["v_template"][:-1]}, "has 5022 vertices; FLAME has 5023"),
        ("shape_only.npz", few | {"shapedirs": few["shapedirs"][..., :6]}, "has 6 directions"),
    ):
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            np.savez(folder / name, **content)
        yield folder / name, words
    (folder / "empty").mkdir()
    yield folder / "empty", "the folder holds no head"
    yield folder / "gone.pkl", "There is no file"


def test_every_bad_file_is_one_line(flame_arrays: Any, published: Any, tmp_path: Path) -> None:
    for path, words in _bad_files(tmp_path, flame_arrays, published):
        done = heads("add", path)
        assert done.returncode == 1 and done.stdout == ""
        assert words in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
    assert not shelf.folder().exists()


@pytest.mark.parametrize(
    "verb", [("reconstruct", "CLIP", "--head"), ("import", "SEQUENCE", "--fps", "25", "--head"), ("heads", "picture")]
)
def test_every_verb_refuses_a_bad_head_and_writes_nothing(
    verb: tuple[str, ...], portrait_clip: Any, tmp_path: Path
) -> None:
    (tmp_path / "hostile.pkl").write_bytes(HOSTILE)
    np.savez(tmp_path / "s.npz", expr=np.zeros((3, 6)))
    files = {"CLIP": str(portrait_clip([0, 0, 0, 0])), "SEQUENCE": str(tmp_path / "s.npz")}
    out = tmp_path / "out" / ("a.png" if "picture" in verb else "a.npz")
    done = run(*(files.get(word, word) for word in verb), tmp_path / "hostile.pkl", "--out", out)
    assert done.returncode == 1
    assert "it wants 'os.system'" in done.stderr and "Traceback" not in done.stderr
    assert not out.parent.exists()


def test_a_picture_of_the_units_beside_the_built_in_heads(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_sheet, "UNIT_NAMES", ("browInnerUp", "jawOpen"))  # all 52 take half a minute
    told: list[float] = []
    out = file.parent / "units.png"
    said = picture(str(file), out, lambda stage, share: told.append(share))
    assert said["picture"] == str(out) and "FLAME 2023 Open" in said["text"]
    assert told == sorted(told) and told[-1] == 1
    drawn = cv2.imread(str(out))
    wide = drawn.shape[1] // unit_sheet.COLUMNS
    mine = drawn[unit_sheet.BAR : 100, : unit_sheet.WIDTH]
    np.testing.assert_array_equal(
        drawn[unit_sheet.BAR : 100, unit_sheet.WIDTH + unit_sheet.GAP :][:, : unit_sheet.WIDTH], mine
    )
    assert (drawn[unit_sheet.BAR : 100, wide:][:, : unit_sheet.WIDTH] != mine).any()
    with pytest.raises(MicrofaceError, match="would be overwritten"):
        picture(str(file), file, quiet)


@pytest.fixture
def site(file: Path) -> Iterator[str]:
    """The address of the test's folder."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(file.parent))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_downloaded_head_is_added_and_its_file_removed(head: HeadModel, file: Path, site: str) -> None:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    done = heads("download", f"{site}/mine.npz", "--sha256", sha256, "--json")
    assert done.returncode == 0, done.stdout
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    assert messages[-1]["head"]["sha256"] == head.sha256
    assert any(message.get("stage") == "download" for message in messages)
    assert not place(f"{site}/mine.npz").exists()
    assert [one.name for one in shelf.kept()] == ["flame-2023-open"]


def test_a_download_that_is_no_head_is_removed(file: Path, site: str) -> None:
    (file.parent / "page.pkl").write_text("<html>please log in</html>")
    done = heads("download", f"{site}/page.pkl")
    assert done.returncode == 1 and "is not a head" in done.stderr
    assert not place(f"{site}/page.pkl").exists()
    assert shelf.kept() == []


def test_a_wrong_hash_adds_nothing(site: str) -> None:
    done = heads("download", f"{site}/mine.npz", "--sha256", "0" * 64)
    assert done.returncode == 1 and "not the file with this SHA-256, and was removed" in done.stderr
    assert not place(f"{site}/mine.npz").exists()
    assert shelf.kept() == []
